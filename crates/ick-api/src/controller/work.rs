//! Work items, leases and reports.

use ick_core::build::{Artifact, Cause, Source};
use ick_core::name::{BuildId, ProjectName, WorkerId};
use ick_core::secret::Secret;
use ick_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What a worker is to execute: the answer of `GET /work` and `POST /work`, which is `{}` for none
/// (see [`NextWork`]).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WorkItem {
    /// The build.
    pub build_id: BuildId,
    /// The number in the project.
    pub build_number: u64,
    /// 1, 2, …
    pub attempt: u32,
    /// The run: actions that share a workspace.
    pub run: String,
    /// The project.
    pub project: ProjectName,
    /// The parameters that this action's pipeline wants.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// The trigger's ref.
    #[serde(default, rename = "ref")]
    pub git_ref: Option<String>,
    /// The trigger's commit.
    #[serde(default)]
    pub commit: Option<String>,
    /// The action in the build.
    pub action_id: String,
    /// The action as in the file, `${…}` replaced, defaults filled in, with `where`.
    pub step: Map<String, Value>,
    /// The worker it is for.
    pub worker: WorkerId,
    /// The lease that every call about it names.
    pub lease: String,
    /// Until when the lease holds if it is not renewed.
    pub lease_expires: Timestamp,
    /// The path of the build's log.
    pub log: String,
    /// How many log bytes of this lease the controller has.
    pub log_offset: u64,
    /// The end of the build's time-out.
    pub deadline: Timestamp,
    /// 0 no, 1 cancelled, 2 cancelled twice.
    #[serde(default)]
    pub cancelled: u8,
    /// A token for the blobs that this action may touch; none where it touches none.
    #[serde(default, serialize_with = "reveal")]
    pub store_token: Option<Secret>,
    /// How many bytes the build's log may still take, all actions together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_left: Option<u64>,
    /// The artifact store's URL.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub artifact_store: String,
    /// The folders of the workspace that are kept between the project's builds; none when none are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,
    /// The controller's present time.
    pub now: Timestamp,
}

/// What of a workspace is kept for the project's next build on this worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cache {
    /// The folders, relative to the workspace.
    pub paths: Vec<String>,
    /// The git ref that is built; none for the remote's HEAD.
    #[serde(default, rename = "ref")]
    pub git_ref: Option<String>,
    /// The ref that is built when a trigger names none, in the same form.
    #[serde(default)]
    pub default_ref: Option<String>,
    /// Whether the build is done when this action is, so that the folders are to be kept then.
    #[serde(default)]
    pub keep: bool,
}

/// An answer that is a work item or `{}`.
#[derive(Clone, Debug)]
pub enum NextWork {
    /// Something to do.
    Item(Box<WorkItem>),
    /// Nothing, for now.
    Nothing,
}

impl Serialize for NextWork {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Item(item) => item.serialize(s),
            Self::Nothing => Map::new().serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for NextWork {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let object = Map::deserialize(d)?;
        if object.is_empty() {
            return Ok(Self::Nothing);
        }
        serde_json::from_value(Value::Object(object))
            .map(|item| Self::Item(Box::new(item)))
            .map_err(serde::de::Error::custom)
    }
}

/// The answer of `GET /work/+lease`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Lease {
    /// Names the lease's present state; given back as `?seen=`.
    pub seen: u64,
    /// Until when the lease holds if it is not renewed.
    pub lease_expires: Timestamp,
    /// The end of the build's time-out.
    pub deadline: Timestamp,
    /// 0 no, 1 cancelled, 2 cancelled twice.
    pub cancelled: u8,
    /// A fresh token for the store.
    #[serde(default, serialize_with = "reveal")]
    pub store_token: Option<Secret>,
    /// The controller's present time.
    pub now: Timestamp,
}

/// The token is for the worker that is being answered: the one place where it is written out.
fn reveal<S: serde::Serializer>(secret: &Option<Secret>, s: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::reveal).serialize(s)
}

/// The body of `POST /work`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    /// The build.
    pub build_id: BuildId,
    /// The action that ended.
    pub action_id: String,
    /// The lease under which it was executed.
    pub lease: String,
    /// The exit code; none when there is a cause other than `exit`.
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// Why it failed, unless the exit code says it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Text to append to the log before anything else, for small workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// Likewise, after `stdout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// How many log bytes of this lease the worker has sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_length: Option<u64>,
    /// What the action put into the store.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// What it checked out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// What it set by `$ICK_OUTPUTS`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
}
