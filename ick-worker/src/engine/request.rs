//! What is asked of the engine: one action with everything that it needs.

use ick_api::controller::{Cache, WorkItem};
use ick_core::build::{Cause, CauseKind, Place};
use ick_core::name::{BuildId, ProjectName};
use ick_core::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// One action to execute.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The build.
    pub build_id: BuildId,
    /// The number in the project.
    pub build_number: u64,
    /// The project.
    pub project: ProjectName,
    /// The action in the build; its folder has this name.
    pub action_id: String,
    /// The parameters that its pipeline wants.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// What is executed.
    pub program: Program,
    /// Where it is executed; built-ins always on the host.
    pub place: Place,
    /// Whether a container gets an outbound network.
    #[serde(default)]
    pub network: bool,
    /// What the definition adds to the environment, `${…}` replaced.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The action's own time-out.
    #[serde(default, with = "optional_duration")]
    pub timeout: Option<Duration>,
    /// How many bytes the build's log may still take.
    pub log_left: u64,
    /// What of the workspace is kept between the project's builds; none when nothing is.
    #[serde(default)]
    pub cache: Option<Cache>,
    /// A token for the store, for built-in actions; kept in a file of its own, never in the order.
    #[serde(skip)]
    pub store_token: Option<Secret>,
}

/// What is executed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// A script for `bash -eu -o pipefail`.
    Shell(String),
    /// A script for `python3 -u`.
    Python(String),
    /// A built-in action, executed by the engine's `builtin` command.
    BuiltIn {
        /// Its name.
        name: String,
        /// The action as in the file, `${…}` replaced, defaults filled in.
        step: Map<String, Value>,
        /// What else the built-in action must know; the engine only carries it.
        details: Value,
    },
}

/// The limit on a build's log where the controller names none.
pub const LOG_LIMIT: u64 = 1 << 30;

impl Request {
    /// Reads a work item. `details` goes to a built-in action as it is.
    ///
    /// # Errors
    /// `bad_definition` when the step is not an action that this engine knows the form of.
    pub fn from_item(item: &WorkItem, details: Value) -> Result<Self, Cause> {
        let step = &item.step;
        let text = |field: &str| step.get(field).and_then(Value::as_str);
        let program = if let Some(script) = text("shell") {
            Program::Shell(script.to_owned())
        } else if let Some(script) = text("python") {
            Program::Python(script.to_owned())
        } else if let Some(name) = text("action") {
            Program::BuiltIn {
                name: name.to_owned(),
                step: step.clone(),
                details,
            }
        } else {
            return Err(bad(
                "the step is none of shell, python and action: is the worker older than the controller?",
            ));
        };
        let place = match (&program, text("where")) {
            (Program::BuiltIn { .. }, _) => Place::Host,
            (_, None) => Place::Container,
            (_, Some(word)) => Place::from_word(word)
                .ok_or_else(|| bad(&format!("this worker does not know `where: {word}`")))?,
        };
        let timeout = match text("timeout") {
            None => None,
            Some(text) => Some(
                ick_core::duration::parse(text)
                    .map_err(|why| bad(&format!("timeout {text:?}: {why}")))?,
            ),
        };
        Ok(Self {
            build_id: item.build_id.clone(),
            build_number: item.build_number,
            project: item.project.clone(),
            action_id: item.action_id.clone(),
            parameters: item.parameters.clone(),
            program,
            place,
            network: step.get("network").and_then(Value::as_bool) == Some(true),
            env: env_of(step.get("env"))?,
            timeout,
            log_left: item.log_left.unwrap_or(LOG_LIMIT),
            cache: item.cache.clone(),
            store_token: item.store_token.clone(),
        })
    }
}

fn env_of(field: Option<&Value>) -> Result<BTreeMap<String, String>, Cause> {
    let Some(field) = field else {
        return Ok(BTreeMap::new());
    };
    let map = match field {
        Value::Null => return Ok(BTreeMap::new()),
        Value::Object(map) => map,
        _ => return Err(bad("`env` is not a mapping")),
    };
    map.iter()
        .map(|(name, value)| {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                Value::Null => String::new(),
                _ => return Err(bad(&format!("`env`: {name} is not a text"))),
            };
            Ok((name.clone(), value))
        })
        .collect()
}

fn bad(detail: &str) -> Cause {
    Cause {
        kind: CauseKind::BadDefinition,
        code: None,
        action_id: None,
        detail: detail.to_owned(),
    }
}

/// An optional duration in the form that files have.
mod optional_duration {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    #[expect(clippy::ref_option, reason = "the form that serde calls")]
    pub(super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => s.serialize_some(&ick_core::duration::format(*duration)),
            None => s.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(d)?;
        text.map(|text| ick_core::duration::parse(&text).map_err(serde::de::Error::custom))
            .transpose()
    }
}
