//! A pipeline: the parameters it wants, and its actions.

use super::action::Action;
use super::scope::Scope;
use super::{limits, project};
use crate::name::{ParameterName, PipelineName};
use crate::yaml::{Field, Fields, Flaw, Flaws, Node, Value as Found};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A parameter that a pipeline wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Its name.
    pub name: ParameterName,
    /// Its value when neither trigger nor project gives one.
    pub default: Option<Value>,
    /// What it is for.
    pub description: Option<String>,
}

/// A pipeline. It exists only checked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Pipeline {
    /// Its name.
    pub name: PipelineName,
    /// What it is for.
    pub description: Option<String>,
    /// The parameters that it wants. It is given no others.
    pub parameters: Vec<Wanted>,
    /// What it does, in order.
    pub actions: Vec<Action>,
}

/// The fields of a pipeline, with what they are for.
pub(super) const FIELDS: &[(&str, &str)] = &[
    ("pipeline", "The pipeline's name."),
    ("description", "What it is for."),
    (
        "parameters",
        "The project parameters it wants; it is given no others.",
    ),
    ("actions", "What it does, in order."),
];

/// The fields of a wanted parameter that is more than a name.
pub(super) const WANTED_FIELDS: &[(&str, &str)] = &[
    ("name", "The parameter's name."),
    (
        "default",
        "Its value when neither trigger nor project gives one.",
    ),
    ("description", "What it is for."),
];

impl Pipeline {
    /// Reads a pipeline in the API's form: that of the file, as one object. What only the controller
    /// says (`owner`, `revision`, …) may be there and is ignored.
    ///
    /// # Errors
    /// Every flaw, when one is an error. `Ok` has the warnings.
    pub fn from_json(file: &str, text: &str) -> Result<(Self, Vec<Flaw>), Vec<Flaw>> {
        project::read_object(file, text, Self::lower_for_api)
    }

    /// Reads a pipeline from a value that [`Self::to_json`] made.
    ///
    /// # Errors
    /// Every flaw; then the value was not made so.
    pub fn from_value(value: &Value) -> Result<Self, Vec<Flaw>> {
        project::read_value(value, Self::lower_for_api)
    }

    fn lower_for_api(node: &Node, flaws: &Flaws) -> Option<Self> {
        Self::lower(node, flaws, project::OF_THE_CONTROLLER)
    }

    /// Reads a pipeline; `ignored` are fields that may be there besides.
    pub(super) fn lower(node: &Node, flaws: &Flaws, ignored: &[&'static str]) -> Option<Self> {
        let fields = Fields::of(node, "a pipeline", flaws)?;
        let name = fields
            .required("pipeline")
            .and_then(|f| f.parse::<PipelineName>());
        let description = project::description(&fields);
        let parameters = fields
            .field("parameters")
            .map_or_else(Vec::new, |field| parameters(&field));
        let scope = Scope::new(&parameters, flaws);
        let actions = fields.required("actions").and_then(|field| {
            let items = field.items()?;
            if !limits::count(&field, items.len(), limits::ACTIONS, "actions") {
                return None;
            }
            if items.len() == 0 {
                flaws.warning(
                    field.key_place,
                    "this pipeline does nothing: it has no actions",
                    None,
                );
            }
            // Each is looked at, so that each problem is reported.
            let actions: Vec<Option<Action>> =
                items.map(|item| Action::lower(item.node, &scope)).collect();
            actions.into_iter().collect::<Option<Vec<_>>>()
        });
        fields.known(ignored);
        fields.finish();
        Some(Self {
            name: name?,
            description,
            actions: actions?,
            parameters,
        })
    }

    /// The pipeline in the form of the file, what is as by default left out.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        map.insert("pipeline".to_owned(), self.name.as_str().into());
        if let Some(description) = &self.description {
            map.insert("description".to_owned(), description.as_str().into());
        }
        map.insert(
            "parameters".to_owned(),
            self.parameters.iter().map(Wanted::to_json).collect(),
        );
        map.insert(
            "actions".to_owned(),
            self.actions.iter().map(Action::to_json).collect(),
        );
        Value::Object(map)
    }

    /// The same as YAML text, for people and diffs.
    pub fn to_yaml(&self) -> String {
        crate::yaml::to_text(&self.to_json())
    }
}

impl Wanted {
    fn lower(item: &Field<'_>) -> Option<Self> {
        if let Found::Map(_) = item.node.value {
            let fields = item.mapping("a parameter")?;
            let name = fields.required("name").and_then(|f| f.parse());
            let default = fields.field("default");
            if let Some(default) = &default {
                project::check_value(default);
            }
            let description = project::description(&fields);
            fields.finish();
            return Some(Self {
                name: name?,
                default: default.map(|f| f.node.to_json()),
                description,
            });
        }
        Some(Self {
            name: item.parse()?,
            default: None,
            description: None,
        })
    }

    /// The parameter in the form of the file: a name alone where that is all.
    pub fn to_json(&self) -> Value {
        if self.default.is_none() && self.description.is_none() {
            return self.name.as_str().into();
        }
        let mut map = Map::new();
        map.insert("name".to_owned(), self.name.as_str().into());
        if let Some(default) = &self.default {
            map.insert("default".to_owned(), default.clone());
        }
        if let Some(description) = &self.description {
            map.insert("description".to_owned(), description.as_str().into());
        }
        Value::Object(map)
    }

    /// The environment variable that shell and python actions find it in.
    pub fn variable(&self) -> String {
        format!("ICK_PARAM_{}", self.name.as_str().replace('-', "_"))
    }
}

fn parameters(field: &Field<'_>) -> Vec<Wanted> {
    let Some(items) = field.items() else {
        return Vec::new();
    };
    if !limits::count(field, items.len(), limits::PARAMETERS, "parameters") {
        return Vec::new();
    }
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut variables: BTreeMap<String, ParameterName> = BTreeMap::new();
    for item in items {
        let Some(one) = Wanted::lower(&item) else {
            continue;
        };
        match variables.get(&one.variable()) {
            Some(other) if *other == one.name => {
                item.error(format_args!(
                    "the parameter {other} is wanted a second time"
                ));
                continue;
            }
            Some(other) => item.error_hint(
                format_args!(
                    "{} and {other} are both {} in the environment",
                    one.name,
                    one.variable()
                ),
                Some("rename one of them".to_owned()),
            ),
            None => {
                variables.insert(one.variable(), one.name.clone());
            }
        }
        wanted.push(one);
    }
    wanted
}
