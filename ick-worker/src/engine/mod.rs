//! The engine: executes actions on this build host, for the daemon and for `icktool run` alike.
//!
//! Each action has a folder, `runs/SLOT/LEASE/actions/ID` in the worker's state. The engine puts the
//! order there and starts a supervisor, a process of its own, which outlives the worker; it leaves the
//! output in the spool and the result in a file. The engine follows both by inotify. All that is known
//! about an action is in its folder, so the engine itself has no state.

mod changes;
mod config;
mod folder;
mod order;
mod outcome;
mod permission;
mod request;
mod running;
mod spare;
mod start;
mod stop;
mod supervisor;

pub use crate::supervise::cgroup::Kept;
pub use config::{CONTAINER_UID, EngineConfig, IDS_PER_SLOT, Limits, UID_BASE};
pub use folder::RunFolder;
pub(crate) use folder::{may_have_tree_owners, note_tree_owners};
pub(crate) use order::{ORDER, private_file};
pub use order::{OUTPUTS, Order, PARAMETERS, SCRIPT, STOP, TMP, TOKEN};
pub(crate) use outcome::RESULT_TO_COME;
pub use outcome::{ActionResult, BUILT, Built, Outcome, RESULT, VERSION, cannot, cause};
pub use request::{LOG_LIMIT, Program, Request};
pub use running::{Event, Running};
pub use stop::{StopReason, Stopper};

use crate::supervise::cgroup::Groups;
use ick_core::build::Cause;
use supervisor::Leaving;

/// Whether there is an action in this folder that was started.
pub fn was_started(folder: &std::path::Path) -> bool {
    folder
        .join(ORDER)
        .metadata()
        .is_ok_and(|order| order.len() > 0)
}

/// Executes actions on this build host.
#[derive(Debug)]
pub struct Engine {
    config: EngineConfig,
    /// Where control groups can be made.
    cgroups: Option<Groups>,
    inotify: changes::Spare,
    runs: spare::Runs,
    leaving: Leaving,
}

impl Engine {
    /// An engine that works so.
    pub fn new(config: EngineConfig) -> Self {
        Self {
            cgroups: Groups::find(config.may_move),
            config,
            inotify: changes::Spare::default(),
            runs: spare::Runs::default(),
            leaving: Leaving::default(),
        }
    }

    /// How it works.
    pub fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// Which limits Linux keeps here by control groups.
    pub fn kept(&self) -> Kept {
        let kept = self.cgroups.as_ref().map(|groups| groups.kept);
        kept.unwrap_or_default()
    }

    /// What an action may take here, and how it is held to that, in words for the worker's log.
    pub fn limits(&self) -> String {
        self.config.limits.of_an_action(self.kept())
    }

    /// Makes the folder of a run with an empty workspace, or finds the one that is there.
    ///
    /// # Errors
    /// `disk_full`, or `internal` when the file system refuses or the lease is no name for a folder.
    pub fn open_run(&self, slot: u32, lease: &str) -> Result<RunFolder, Cause> {
        let run = RunFolder::of(&self.config.state, slot, lease)?;
        if run.path().exists() || !self.runs.take(slot, run.path()) {
            run.make()
                .map_err(|why| cannot("make the workspace", &why))?;
        }
        Ok(run)
    }

    /// Makes ready what the next run of a slot begins with, so that it need not wait for that. Nothing
    /// depends on it.
    pub fn prepare_run(&self, slot: u32) {
        self.runs.prepare(&self.config.state, slot);
    }

    /// Removes a run with all that is in it: workspace, HOME, and every action's folder.
    ///
    /// # Errors
    /// Those of the file system. What could be removed is gone all the same.
    pub fn remove_run(&self, run: RunFolder) -> std::io::Result<()> {
        self.leaving.wait();
        run.remove(&self.config.program)
    }

    /// Removes a run like [`Engine::remove_run`], and makes of what it had what the next run of its
    /// slot begins with.
    ///
    /// # Errors
    /// Those of the file system, when something of the run is left.
    pub fn renew_run(&self, run: RunFolder) -> std::io::Result<()> {
        self.leaving.wait();
        self.runs
            .renew(&self.config.state, run, &self.config.program)
    }

    /// Takes over an action that another process of this worker has started and that is still
    /// supervised; none when it is not. What there was of its output is there to be read.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn adopt(&self, run: &RunFolder, action_id: &str) -> Result<Option<Running>, Cause> {
        let folder = run.action(action_id)?;
        Running::adopt(folder, &self.inotify, &self.leaving)
            .map_err(|why| cannot("take over the action", &why))
    }

    /// Starts an action. `record` is called when all is ready: it records durably that the action is
    /// started, and when it fails, nothing is.
    ///
    /// # Errors
    /// Why it was not started: that of `record`, `not_allowed`, `missing_tool`, `bad_definition`,
    /// `disk_full` or `internal`.
    pub fn start(
        &self,
        run: &RunFolder,
        request: Request,
        record: impl FnOnce() -> Result<(), Cause>,
    ) -> Result<Running, Cause> {
        start::start(self, run, request, record)
    }
}
