//! The controller's wire types.

use ick_core::build::{ActionStatus, BuildStatus, Cause};
use ick_core::name::{BuildId, ProjectName, WorkerId};
use ick_core::secret::Secret;
use ick_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub use ick_core::build::{Artifact, Source};
pub use ick_core::schedule::Allows;

/// `GET /version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The program's version.
    pub version: String,
    /// [`crate::API_VERSION`].
    pub api: u32,
    /// The artifact store's URL.
    #[serde(default)]
    pub artifact_store: String,
    /// The issuer: the identity provider's URL.
    #[serde(default)]
    pub auth_url: String,
}

/// A project as the API shows it: its definition and what the controller knows about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// Its name.
    pub project: ProjectName,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The parameters that it gives.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// The names of its pipelines, in order.
    #[serde(default)]
    pub pipelines: Vec<String>,
    /// The time-out of a whole build.
    #[serde(default)]
    pub timeout: String,
    /// The oldest build that waits for a worker.
    #[serde(default)]
    pub next_build_id: Option<BuildId>,
    /// Who created it.
    #[serde(default)]
    pub owner: String,
    /// Counts the changes, from 1.
    #[serde(default)]
    pub revision: u64,
    /// Who changed it last.
    #[serde(default)]
    pub updated_by: String,
}

/// `GET /projects`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Projects {
    /// In the order of their names.
    pub projects: Vec<Project>,
}

/// A pipeline as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pipeline {
    /// Its name.
    pub pipeline: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The parameters that it wants: names, or objects `{name, default, description}`.
    #[serde(default)]
    pub parameters: Vec<Value>,
    /// Its actions, in order, as in a file.
    #[serde(default)]
    pub actions: Vec<Value>,
    /// Who created it.
    #[serde(default)]
    pub owner: String,
    /// Counts the changes, from 1.
    #[serde(default)]
    pub revision: u64,
    /// Who changed it last.
    #[serde(default)]
    pub updated_by: String,
}

/// `GET /pipelines`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pipelines {
    /// In the order of their names.
    pub pipelines: Vec<Pipeline>,
}

/// The body of `POST /projects/NAME/+trigger`; each field may be left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// Values that replace the project's for this build.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
    /// The git ref to build.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<String>,
    /// The git commit to build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Why it was triggered, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A build as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// `<project>/<n>`.
    pub build_id: BuildId,
    /// The number in the project.
    pub build_number: u64,
    /// The project.
    pub project: ProjectName,
    /// The worker that has it or had it last.
    #[serde(default)]
    pub worker: Option<WorkerId>,
    /// 1, 2, …
    pub attempt: u32,
    /// Where it is in its life.
    pub status: BuildStatus,
    /// Why it ended `failed` or `cancelled`.
    #[serde(default)]
    pub cause: Option<Cause>,
    /// Whether a cancel was asked for and the build has not ended yet.
    #[serde(default)]
    pub cancel_requested: bool,
    /// Why it waits, where there is more to say than that it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<String>,
    /// The values that its pipelines get.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// The trigger's ref.
    #[serde(default, rename = "ref")]
    pub git_ref: Option<String>,
    /// The trigger's commit.
    #[serde(default)]
    pub commit: Option<String>,
    /// Its actions, in order.
    #[serde(default)]
    pub actions: Vec<BuildAction>,
    /// What it put into the store.
    #[serde(default)]
    pub artifacts: Vec<Artifact>,
    /// What it checked out.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// What its actions set.
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
    /// Who triggered it.
    #[serde(default)]
    pub triggered_by: String,
    /// Why it was triggered.
    #[serde(default)]
    pub reason: Option<String>,
    /// When it was triggered.
    pub created: Timestamp,
    /// When its present attempt was first handed out.
    #[serde(default)]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[serde(default)]
    pub ended: Option<Timestamp>,
    /// The path of its log.
    #[serde(default)]
    pub log: String,
}

/// An action of a build as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BuildAction {
    /// "1", "2", …; "1" is `create_workspace`.
    pub action_id: String,
    /// The run it belongs to.
    pub run: String,
    /// The actions that must have ended before it.
    pub depends: Vec<String>,
    /// Its name, where the file gives one.
    #[serde(default)]
    pub name: Option<String>,
    /// `shell`, `python`, or a built-in's name.
    pub action: String,
    /// Where it is executed: a `ick_core::build::Place` as text.
    #[serde(rename = "where")]
    pub place: String,
    /// Where it is in its life.
    pub status: ActionStatus,
    /// Why it ended `failed` or `cancelled`.
    #[serde(default)]
    pub cause: Option<Cause>,
    /// The exit code, once there is one.
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// When it was handed out.
    #[serde(default)]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[serde(default)]
    pub ended: Option<Timestamp>,
}

/// `GET /builds` and `GET /projects/NAME/+builds`: newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Builds {
    /// The builds.
    pub builds: Vec<Build>,
}

/// The body of `POST /+make-it-so`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MakeItSo {
    /// The files, whole.
    pub files: Vec<DefinitionFile>,
    /// A label for what is applied together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    /// Delete what an earlier apply with the same `set` made and these files do not have.
    #[serde(default)]
    pub prune: bool,
}

/// A definition file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefinitionFile {
    /// Its name, for messages; never opened by a server.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The answer of `POST /+make-it-so`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// What is new.
    pub created: Vec<AppliedObject>,
    /// What is different now, each with a diff.
    pub changed: Vec<AppliedObject>,
    /// What was so already.
    pub unchanged: Vec<AppliedObject>,
    /// What was pruned.
    pub deleted: Vec<AppliedObject>,
    /// What is allowed but may not be meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<crate::problem::Flaw>,
}

/// One project or pipeline of an apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedObject {
    /// `project` or `pipeline`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// A unified diff of its definition, for what changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

/// The body of `POST /workers` as Ick's own worker sends it. The controller keeps unknown fields.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Registration {
    /// Words that describe the worker.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// How many builds it executes at a time; 1 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<u32>,
    /// What it allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allows: Option<Allows>,
    /// [`crate::WORKER_PROTOCOL`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u32>,
    /// What else it said.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A worker as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worker {
    /// Its identity: the `sub` of its tokens.
    pub worker: WorkerId,
    /// Words that describe it.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// How many builds it executes at a time.
    #[serde(default)]
    pub slots: u32,
    /// What it allows.
    #[serde(default)]
    pub allows: Allows,
    /// The worker protocol's version.
    #[serde(default)]
    pub protocol: u32,
    /// Whether it gets no new work.
    #[serde(default)]
    pub drained: bool,
    /// When it was last heard of.
    #[serde(default)]
    pub last_seen: Option<Timestamp>,
    /// Who created the record.
    #[serde(default)]
    pub owner: String,
    /// Counts the changes, from 1.
    #[serde(default)]
    pub revision: u64,
    /// Who changed it last.
    #[serde(default)]
    pub updated_by: String,
    /// What else it said of itself.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `GET /workers`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Workers {
    /// In the order of their names.
    pub workers: Vec<Worker>,
}

/// What a worker is to execute: the answer of `GET /work` and `POST /work`, which is `{}` for none
/// (see [`NextWork`]).
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// The controller's present time.
    pub now: Timestamp,
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

/// The answer of `POST /work/+log`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Appended {
    /// How many log bytes of this lease the controller has.
    pub length: u64,
    /// How many of them survive power loss.
    pub durable: u64,
    /// 0 no, 1 cancelled, 2 cancelled twice.
    #[serde(default)]
    pub cancelled: u8,
    /// Until when the lease holds if it is not renewed.
    pub lease_expires: Timestamp,
    /// The controller's present time.
    pub now: Timestamp,
}

/// One line of `GET /logs/ID` as `application/x-ndjson`; `{}` is a sign of life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// 1, 2, … in the build's log.
    pub seq: u64,
    /// When the bytes were written.
    pub t: Timestamp,
    /// The attempt.
    pub attempt: u32,
    /// The action.
    pub action_id: String,
    /// `stdout`, `stderr` or `ick`.
    pub stream: crate::logframe::Stream,
    /// The bytes, where they are UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The bytes in base64 (RFC 4648) otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}
