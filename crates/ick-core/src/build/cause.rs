//! Why an action or a build ended `failed` or `cancelled`.

use super::BuildStatus;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The kinds of cause (DESIGN.md, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// A process ended with an exit code other than 0.
    Exit,
    /// A process was ended by a signal that Ick did not send.
    Signal,
    /// The action's or the build's time-out.
    Timeout,
    /// It took more memory than it may.
    Oom,
    /// There was no room on the build host.
    DiskFull,
    /// The worker that executed it is gone.
    LostWorker,
    /// No worker took it in time.
    QueueTimeout,
    /// A person cancelled it.
    Cancelled,
    /// The worker's configuration does not allow it.
    NotAllowed,
    /// A program that it needs is not on the build host.
    MissingTool,
    /// A built-in action could not do what it was asked.
    ActionFailed,
    /// The definition turned out wrong when it was used.
    BadDefinition,
    /// The artifact store did not answer.
    StoreUnreachable,
    /// A mistake in Ick.
    Internal,
}

impl CauseKind {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Exit,
        Self::Signal,
        Self::Timeout,
        Self::Oom,
        Self::DiskFull,
        Self::LostWorker,
        Self::QueueTimeout,
        Self::Cancelled,
        Self::NotAllowed,
        Self::MissingTool,
        Self::ActionFailed,
        Self::BadDefinition,
        Self::StoreUnreachable,
        Self::Internal,
    ];

    /// The word for it on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exit => "exit",
            Self::Signal => "signal",
            Self::Timeout => "timeout",
            Self::Oom => "oom",
            Self::DiskFull => "disk_full",
            Self::LostWorker => "lost_worker",
            Self::QueueTimeout => "queue_timeout",
            Self::Cancelled => "cancelled",
            Self::NotAllowed => "not_allowed",
            Self::MissingTool => "missing_tool",
            Self::ActionFailed => "action_failed",
            Self::BadDefinition => "bad_definition",
            Self::StoreUnreachable => "store_unreachable",
            Self::Internal => "internal",
        }
    }

    /// The status of what ended for such a cause: `cancelled` for [`CauseKind::Cancelled`], else `failed`.
    pub const fn status(self) -> BuildStatus {
        match self {
            Self::Cancelled => BuildStatus::Cancelled,
            _ => BuildStatus::Failed,
        }
    }

    /// Whether the cause says nothing about the code being built.
    pub const fn no_verdict(self) -> bool {
        matches!(
            self,
            Self::Cancelled | Self::LostWorker | Self::QueueTimeout
        )
    }
}

impl fmt::Display for CauseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why something ended `failed` or `cancelled`, in words that a person can act on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cause {
    /// What kind of cause.
    pub kind: CauseKind,
    /// The exit code or the signal's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// The action that it happened to, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_id: Option<String>,
    /// What happened and what to do about it.
    #[serde(default)]
    pub detail: String,
}
