//! Workers and their registration.

use ick_core::name::WorkerId;
use ick_core::schedule::Allows;
use ick_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The body of `POST /workers` as Ick's own worker sends it. The controller keeps unknown fields.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// Why it takes no new work at present, when it says so itself: its disk has too little room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Workers {
    /// In the order of their names.
    pub workers: Vec<Worker>,
}
