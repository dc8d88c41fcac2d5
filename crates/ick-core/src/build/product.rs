//! What an action leaves behind, and how it ended.

use super::Cause;
use crate::digest::Digest;
use crate::name::BlobName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A blob that a build made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Artifact {
    /// The blob's name in the store.
    pub name: BlobName,
    /// The digest of the content that this build made.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// A source that a build checked out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Source {
    /// The folder in the workspace.
    pub dir: String,
    /// Where it came from, without credentials.
    pub url: String,
    /// The ref that was asked for.
    #[serde(default, rename = "ref")]
    pub git_ref: Option<String>,
    /// The commit that was checked out.
    pub commit: String,
}

/// What a worker says about an action that ended.
///
/// It is a success exactly when the exit code is 0 and there is no cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code; none when there is a cause other than `exit`.
    pub exit_code: Option<i32>,
    /// Why it failed, unless the exit code says it all.
    pub cause: Option<Cause>,
    /// What it put into the store.
    pub artifacts: Vec<Artifact>,
    /// What it checked out.
    pub sources: Vec<Source>,
    /// What it set; only kept when it succeeded.
    pub outputs: BTreeMap<String, String>,
}

impl Outcome {
    /// The outcome of an action that failed for `cause`.
    pub fn failed(cause: Cause) -> Self {
        Self {
            cause: Some(cause),
            ..Self::default()
        }
    }

    /// The outcome of a process that ended with `exit_code`.
    pub fn exited(exit_code: i32) -> Self {
        Self {
            exit_code: Some(exit_code),
            ..Self::default()
        }
    }
}
