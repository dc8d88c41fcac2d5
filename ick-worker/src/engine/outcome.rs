//! How an action ended.

use super::order::Order;
use super::request::Program;
use ick_api::controller::{Artifact, Source};
use ick_core::build::{Cause, CauseKind};
use ick_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

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
    /// The outcome that a supervisor has left in the action's folder; none when there is none yet.
    ///
    /// # Errors
    /// Those of the file system, and when the result is none that this program knows.
    pub(crate) fn read(folder: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read(folder.join(RESULT)) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let result: ActionResult = serde_json::from_slice(&text)?;
        if result.v != VERSION {
            let why = format!("{RESULT} has version {}, not {VERSION}", result.v);
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        let mut outcome = Self {
            exit_code: result.exit_code,
            cause: result.cause,
            outputs: result.outputs,
            artifacts: Vec::new(),
            sources: Vec::new(),
            log_length: result.log_length,
        };
        if let Program::BuiltIn { name, .. } = &Order::read(folder)?.request.program {
            outcome.add_built(name, folder);
        }
        Ok(Some(outcome))
    }

    /// Adds what a built-in action says about itself.
    fn add_built(&mut self, name: &str, folder: &Path) {
        let built = fs::read(folder.join(BUILT))
            .ok()
            .and_then(|text| serde_json::from_slice::<Built>(&text).ok())
            .filter(|built| built.v == VERSION);
        let said = built.is_some();
        let built = built.unwrap_or_default();
        self.artifacts = built.artifacts;
        self.sources = built.sources;
        let failed = match &self.cause {
            None if !said => "said nothing about what it did".to_owned(),
            Some(why) if matches!(why.kind, CauseKind::Exit | CauseKind::Signal) => {
                why.detail.clone()
            }
            _ => return,
        };
        self.exit_code = None;
        self.cause = Some(built.cause.unwrap_or_else(|| {
            cause(
                CauseKind::ActionFailed,
                format!("the built-in action {name} {failed}"),
            )
        }));
    }

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

/// The name of the result while it is still to come.
pub(crate) const RESULT_TO_COME: &str = "result.json.new";

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
