//! How an action ended.

use ick_api::controller::{Artifact, Source};
use ick_core::build::{Cause, CauseKind};
use ick_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How an action ended: what its report to the controller says. It succeeded when there is no cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code; none when something else than the program's own end decided.
    pub exit_code: Option<i32>,
    /// Why it failed.
    pub cause: Option<Cause>,
    /// What it set by `$ICK_OUTPUTS`; empty unless it succeeded.
    pub outputs: BTreeMap<String, String>,
    /// What it put into the store.
    pub artifacts: Vec<Artifact>,
    /// What it checked out.
    pub sources: Vec<Source>,
    /// How many payload bytes its spool has.
    pub log_length: u64,
}

impl Outcome {
    /// The outcome of an action that failed for this cause.
    pub fn failed(cause: Cause) -> Self {
        Self {
            cause: Some(cause),
            ..Self::default()
        }
    }
}

/// The version of `result.json` and `built.json`.
pub const VERSION: u32 = 1;

/// The name of the file that a supervisor leaves in the action's folder.
pub const RESULT: &str = "result.json";

/// The name of the file that a built-in action leaves in the action's folder.
pub const BUILT: &str = "built.json";

/// What a supervisor says about the action it supervised: the contents of `result.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionResult {
    /// [`VERSION`].
    pub v: u32,
    /// The exit code, when the program ended by itself.
    pub exit_code: Option<i32>,
    /// Why it failed.
    pub cause: Option<Cause>,
    /// What it set by `$ICK_OUTPUTS`.
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
    /// When it was started.
    pub started: Timestamp,
    /// When nothing of it was left.
    pub ended: Timestamp,
    /// How many payload bytes the spool has.
    pub log_length: u64,
}

/// What a built-in action says about itself: the contents of `built.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Built {
    /// [`VERSION`].
    pub v: u32,
    /// What it put into the store.
    #[serde(default)]
    pub artifacts: Vec<Artifact>,
    /// What it checked out.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// Why it failed. Only looked at when its exit code is not 0.
    #[serde(default)]
    pub cause: Option<Cause>,
}

/// A cause of this kind, without a code.
pub fn cause(kind: CauseKind, detail: impl Into<String>) -> Cause {
    Cause {
        kind,
        code: None,
        action_id: None,
        detail: detail.into(),
    }
}

/// The cause for something that the engine could not do: `disk_full` where there was no room, else
/// `internal`.
pub fn cannot(what: &str, error: &std::io::Error) -> Cause {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => cause(
            CauseKind::DiskFull,
            format!("cannot {what}: {error}; make room on the build host"),
        ),
        _ => cause(
            CauseKind::Internal,
            format!("the worker cannot {what}: {error}"),
        ),
    }
}
