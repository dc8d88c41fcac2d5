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
mod start;
mod stop;

pub use config::{CONTAINER_UID, EngineConfig, IDS_PER_SLOT, Limits, UID_BASE};
pub use folder::RunFolder;
pub(crate) use order::private_file;
pub use order::{OUTPUTS, Order, PARAMETERS, SCRIPT, STOP, TMP, TOKEN};
pub use outcome::{ActionResult, BUILT, Built, Outcome, RESULT, VERSION, cannot, cause};
pub use request::{LOG_LIMIT, Program, Request};
pub use running::{Event, Running};
pub use stop::{StopReason, Stopper};

use ick_core::build::Cause;
use std::path::PathBuf;

/// Executes actions on this build host.
#[derive(Debug)]
pub struct Engine {
    config: EngineConfig,
    /// Where control groups can be made.
    cgroups: Option<PathBuf>,
    spare: changes::Spare,
}

impl Engine {
    /// An engine that works so.
    pub fn new(config: EngineConfig) -> Self {
        Self {
            config,
            cgroups: crate::supervise::cgroup::parent(),
            spare: changes::Spare::default(),
        }
    }

    /// How it works.
    pub fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// Makes the folder of a run with an empty workspace, or finds the one that is there.
    ///
    /// # Errors
    /// `disk_full`, or `internal` when the file system refuses or the lease is no name for a folder.
    pub fn open_run(&self, slot: u32, lease: &str) -> Result<RunFolder, Cause> {
        RunFolder::open(&self.config.state, slot, lease)
    }

    /// Removes a run with all that is in it: workspace, HOME, and every action's folder.
    ///
    /// # Errors
    /// Those of the file system. What could be removed is gone all the same.
    pub fn remove_run(&self, run: RunFolder) -> std::io::Result<()> {
        run.remove()
    }

    /// Starts an action. The caller has recorded before, durably, that it does.
    ///
    /// # Errors
    /// Why it was not started: `not_allowed`, `missing_tool`, `bad_definition`, `disk_full` or `internal`.
    pub fn start(&self, run: &RunFolder, request: Request) -> Result<Running, Cause> {
        start::start(self, run, request)
    }
}
