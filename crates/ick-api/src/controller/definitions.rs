//! Projects and pipelines.

use ick_core::name::{BuildId, ProjectName};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A project as the API shows it: its definition and what the controller knows about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Projects {
    /// In the order of their names.
    pub projects: Vec<Project>,
}

/// A pipeline as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pipelines {
    /// In the order of their names.
    pub pipelines: Vec<Pipeline>,
}
