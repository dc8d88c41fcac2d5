//! Triggers, builds and their actions.

use ick_core::build::{ActionStatus, Artifact, BuildStatus, Cause, Source};
use ick_core::name::{BuildId, ProjectName, WorkerId};
use ick_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The body of `POST /projects/NAME/+trigger`; each field may be left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Builds {
    /// The builds.
    pub builds: Vec<Build>,
}
