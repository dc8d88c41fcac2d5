//! What the engine is told once: where it keeps things and what this worker allows.

use crate::caches::Caches;
use crate::supervise::cgroup::Kept;
use crate::trees::Trees;
use crate::words;
use ick_api::controller::Allows;
use ick_core::yaml::format_size;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// How the engine works on this build host.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The worker's state folder; runs are kept in its `runs`.
    pub state: PathBuf,
    /// The program that is called by [`crate::words`] to supervise actions and the like.
    pub program: PathBuf,
    /// The command that supervises an action: it is given the action's folder as one more argument and
    /// calls [`crate::supervise::main`].
    pub supervise: Vec<OsString>,
    /// The command that executes a built-in action: it is given the action's folder as one more argument.
    pub builtin: Vec<OsString>,
    /// What is allowed here; all else is refused with `not_allowed`.
    pub allows: Allows,
    /// The variables of the worker's own environment that actions see.
    pub pass_env: Vec<String>,
    /// Folders of the worker's own root that containers without a tree of their own see as well.
    pub visible: Vec<PathBuf>,
    /// What no container sees, wherever it is: the worker's state and what else holds its secrets. A
    /// container of an ordinary user's worker could read them, as outside it is the same user.
    pub hidden: Vec<PathBuf>,
    /// The first host id that belongs to slot 0's containers, when the worker is root.
    pub uid_base: u32,
    /// Whether this process, when it is alone in its control group, may move into one beneath it, so that
    /// Linux keeps the limits of the groups beside that.
    pub may_move: bool,
    /// Sizes and times.
    pub limits: Limits,
}

impl EngineConfig {
    /// The defaults: nothing but containers without network is allowed.
    pub fn new(state: PathBuf, program: PathBuf) -> Self {
        let command = |word: &str| vec![program.clone().into_os_string(), word.into()];
        let (supervise, builtin) = (command(words::SUPERVISE), command(words::BUILTIN));
        Self {
            program,
            hidden: vec![state.clone()],
            state,
            supervise,
            builtin,
            allows: Allows {
                host: false,
                chroot: false,
                network: false,
            },
            pass_env: Vec::new(),
            visible: Vec::new(),
            uid_base: UID_BASE,
            may_move: false,
            limits: Limits::default(),
        }
    }
}

impl EngineConfig {
    /// The caches of projects.
    pub fn caches(&self) -> Caches {
        Caches::new(&self.state, self.program.clone())
    }

    /// The system trees that are kept.
    pub fn trees(&self) -> Trees {
        Trees {
            state: self.state.clone(),
            program: self.program.clone(),
        }
    }
}

/// The default for [`EngineConfig::uid_base`].
pub const UID_BASE: u32 = 1_900_000_000;

/// How many host ids a slot owns.
pub const IDS_PER_SLOT: u32 = 65_536;

/// The user of a container, as it sees itself.
pub const CONTAINER_UID: u32 = 1000;

/// Sizes and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Bytes of memory that an action's processes take together.
    pub memory: u64,
    /// Processes and threads that an action has at a time.
    pub processes: u64,
    /// Files that a process of an action has open at a time.
    pub open_files: u64,
    /// Bytes of a file that an action writes.
    pub file_size: u64,
    /// Bytes of a container's /tmp.
    pub tmp: u64,
    /// Bytes of a container's /dev/shm.
    pub shm: u64,
    /// Bytes of the workspace, while a container action is being executed.
    pub workspace: u64,
    /// Bytes of the build's HOME, while a container action is being executed.
    pub home: u64,
    /// Bytes of what is kept between the builds of all projects together.
    pub caches: u64,
    /// Bytes of the system trees that are kept unpacked.
    pub trees: u64,
    /// How often, at most, it is looked at whether workspace and HOME have become too big.
    #[serde(with = "ick_core::duration::as_text")]
    pub measure: Duration,
    /// How long an action has between SIGTERM and SIGKILL after a time-out or when the worker's
    /// supervisors are told to end.
    #[serde(with = "ick_core::duration::as_text")]
    pub grace: Duration,
    /// The same after a cancel. A cancel shall have taken effect within a second.
    #[serde(with = "ick_core::duration::as_text")]
    pub cancel_grace: Duration,
    /// How many of the last bytes of a log that is too long are kept.
    pub tail: u64,
}

impl Limits {
    /// What an action may take, and how it is held to that, in words for the worker's log.
    pub(super) fn of_an_action(&self, kept: Kept) -> String {
        let how = |kept| match kept {
            true => "which its control group limits",
            false => "which is watched",
        };
        format!(
            "an action may take {} of memory, {}, and have {} processes and threads, {}; each process may \
             have {} open files and write files of {}, which Linux limits",
            format_size(self.memory),
            how(kept.memory),
            self.processes,
            how(kept.processes),
            self.open_files,
            format_size(self.file_size)
        )
    }
}

impl Default for Limits {
    fn default() -> Self {
        const GIB: u64 = 1 << 30;
        Self {
            memory: most_of_memory(),
            processes: 4096,
            open_files: 65_536,
            file_size: 64 * GIB,
            tmp: 4 * GIB,
            shm: GIB,
            workspace: 64 * GIB,
            home: 16 * GIB,
            caches: 16 * GIB,
            trees: 16 * GIB,
            measure: Duration::from_secs(5),
            grace: Duration::from_secs(10),
            cancel_grace: Duration::from_millis(600),
            tail: 1 << 20,
        }
    }
}

/// Seven eighths of this host's memory, in whole MiB.
fn most_of_memory() -> u64 {
    let about = rustix::system::sysinfo();
    let total = about.totalram.saturating_mul(u64::from(about.mem_unit));
    (total / 8 * 7) >> 20 << 20
}
