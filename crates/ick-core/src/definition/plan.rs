//! What a build is to do: a full copy, so that changing a project never changes a build.

use super::{Cache, Needs};
use crate::build::{ActionShape, Place, When};
use crate::duration;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;

/// The version of a plan as it is stored.
pub const PLAN_VERSION: u32 = 1;

/// What a build is to do. Stored with the build, as JSON, and never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PLAN_VERSION`].
    pub v: u32,
    /// How long the build may take.
    #[serde(with = "duration::as_text")]
    pub timeout: Duration,
    /// All values that its pipelines want.
    pub parameters: Map<String, Value>,
    /// What a worker must allow to have it.
    pub needs: Needs,
    /// What is kept of the workspace for the next build; none when nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,
    /// What is done, in order; the first is `create_workspace`.
    pub actions: Vec<PlannedAction>,
}

/// One action of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedAction {
    /// "1", "2", …
    pub action_id: String,
    /// The actions that share a workspace; today "1" for all.
    pub run: String,
    /// The actions that must have ended before it.
    pub depends: Vec<String>,
    /// Where it is executed.
    #[serde(rename = "where")]
    pub place: Place,
    /// When it is executed.
    pub when: When,
    /// Whether it must never be started twice.
    pub once: bool,
    /// How long it may take.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional")]
    pub timeout: Option<Duration>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `create_workspace`, `shell`, `python`, or a built-in's name.
    pub kind: String,
    /// The values that its pipeline wants.
    pub parameters: Map<String, Value>,
    /// The action as in the file, `${…}` not replaced, defaults filled in.
    pub step: Map<String, Value>,
}

impl Plan {
    /// The actions as the state machine sees them.
    pub fn shapes(&self) -> Vec<ActionShape> {
        self.actions
            .iter()
            .map(|action| ActionShape {
                action_id: action.action_id.clone(),
                run: action.run.clone(),
                depends: action.depends.clone(),
                when: action.when,
                once: action.once,
            })
            .collect()
    }

    /// Whether a build of which nothing has failed is done when this action is: all that follow are for
    /// failures.
    pub fn ends_with(&self, action_id: &str) -> bool {
        let mut after = self
            .actions
            .iter()
            .skip_while(|action| action.action_id != action_id);
        after.next().is_some() && after.all(|action| action.when == When::OnFailure)
    }

    /// The action of an id.
    pub fn action(&self, action_id: &str) -> Option<&PlannedAction> {
        self.actions
            .iter()
            .find(|action| action.action_id == action_id)
    }
}

mod optional {
    use crate::duration;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    #[expect(clippy::ref_option, reason = "the signature that serde's `with` calls")]
    pub(super) fn serialize<S: Serializer>(
        timeout: &Option<Duration>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        timeout.map(duration::format).serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(d)?;
        text.map(|text| duration::parse(&text).map_err(serde::de::Error::custom))
            .transpose()
    }
}
