//! Putting values into an action's `${…}` when it is handed out.

use super::builtin::{BuiltIn, FieldKind};
use super::template::{self, NoReference, Part, Reference};
use super::{field, limits};
use crate::name::{BlobName, BuildId};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What `${…}` can stand for in one action of one build.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The values that the action's pipeline wants.
    pub parameters: &'a Map<String, Value>,
    /// The build.
    pub build: &'a BuildId,
    /// The commit that is built, once it is known.
    pub commit: Option<&'a str>,
    /// What earlier actions have set.
    pub outputs: &'a BTreeMap<String, String>,
}

/// Why an action cannot be handed out: it fails with `bad_definition`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("; "))]
pub struct ExpandError {
    /// Every reason, in words.
    pub problems: Vec<String>,
}

/// What an action may do with a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Fetch it.
    Read,
    /// Put it.
    Write,
}

/// A planned action's step with every `${…}` replaced, in the fields of built-in actions and in `env`.
///
/// A text that is just `${x}` becomes the value of `x` with its JSON type, in `env` too; inside other
/// text it must be a scalar.
///
/// # Errors
/// When a name has no value, when a list or mapping stands inside a text, or when what came of it does
/// not fit the field.
pub fn expand(
    step: &Map<String, Value>,
    context: &Context<'_>,
) -> Result<Map<String, Value>, ExpandError> {
    let mut expander = Expander {
        context,
        problems: Vec::new(),
        left: Some(limits::EXPANDED),
    };
    let mut out = step.clone();
    for (name, kind) in expandable(step) {
        if let Some(value) = out.get_mut(name) {
            let before = expander.problems.len();
            *value = expander.value(name, value);
            if let (Some(kind), true) = (kind, expander.problems.len() == before) {
                expander.problems.extend(field::problems(kind, name, value));
            }
        }
    }
    if expander.problems.is_empty() {
        Ok(out)
    } else {
        expander.problems.truncate(20);
        Err(ExpandError {
            problems: expander.problems,
        })
    }
}

/// The keys of a step in which `${…}` is replaced, and what those of built-in actions hold.
fn expandable(step: &Map<String, Value>) -> Vec<(&'static str, Option<FieldKind>)> {
    let mut keys = vec![("env", None)];
    let built_in = step
        .get("action")
        .and_then(Value::as_str)
        .and_then(BuiltIn::from_word);
    if let Some(built_in) = built_in {
        keys.extend(
            built_in
                .fields()
                .iter()
                .map(|spec| (spec.name, Some(spec.kind))),
        );
    }
    keys
}

/// Whether all that a step refers to are parameters that have a value.
pub(super) fn needs_parameters_only(
    step: &Map<String, Value>,
    parameters: &Map<String, Value>,
) -> bool {
    fn only(value: &Value, parameters: &Map<String, Value>) -> bool {
        match value {
            Value::String(text) => template::parts(text).is_ok_and(|parts| {
                parts.into_iter().all(|part| match part {
                    Part::Text(_) => true,
                    Part::Name(name) => parameters.contains_key(name),
                })
            }),
            Value::Array(items) => items.iter().all(|item| only(item, parameters)),
            Value::Object(map) => map.values().all(|value| only(value, parameters)),
            _ => true,
        }
    }
    expandable(step)
        .into_iter()
        .filter_map(|(name, _)| step.get(name))
        .all(|value| only(value, parameters))
}

struct Expander<'a> {
    context: &'a Context<'a>,
    problems: Vec<String>,
    /// How many more bytes may be put in; none when that was reported as too many: then nothing more
    /// is looked at.
    left: Option<usize>,
}

impl Expander<'_> {
    fn value(&mut self, field: &str, value: &Value) -> Value {
        match value {
            Value::String(text) => self.text(field, text),
            Value::Array(items) => items.iter().map(|item| self.value(field, item)).collect(),
            Value::Object(map) => map
                .iter()
                .map(|(key, value)| (key.clone(), self.value(key, value)))
                .collect(),
            other => other.clone(),
        }
    }

    fn text(&mut self, field: &str, text: &str) -> Value {
        let Ok(parts) = template::parts(text) else {
            self.problem(format!("\"{field}\": a \"${{\" has no \"}}\""));
            return Value::Null;
        };
        if let [Part::Name(name)] = parts[..] {
            return self.lookup(field, name).unwrap_or_default();
        }
        let mut whole = String::new();
        for part in parts {
            match part {
                Part::Text(text) => whole.push_str(text),
                Part::Name(name) => match self.lookup(field, name) {
                    Some(Value::String(text)) => whole.push_str(&text),
                    Some(value @ (Value::Bool(_) | Value::Number(_))) => {
                        whole.push_str(&value.to_string());
                    }
                    Some(other) => {
                        let kind = match other {
                            Value::Null => "null",
                            Value::Array(_) => "a list",
                            _ => "a mapping",
                        };
                        self.problem(format!(
                            "\"{field}\": ${{{name}}} is {kind}, and inside other text only a text, a number, true or false can stand"
                        ));
                    }
                    None => {}
                },
            }
        }
        Value::String(whole)
    }

    /// What a name stands for; when it is nothing, that is reported.
    fn lookup(&mut self, field: &str, name: &str) -> Option<Value> {
        let left = self.left?;
        let context = self.context;
        let found = match template::reference(name) {
            Ok(Reference::Parameter(name)) => context
                .parameters
                .get(name)
                .cloned()
                .ok_or("the pipeline is given no parameter of this name"),
            Ok(Reference::BuildNumber) => Ok(context.build.number.into()),
            Ok(Reference::BuildId) => Ok(context.build.to_string().into()),
            Ok(Reference::Project) => Ok(context.build.project.as_str().into()),
            Ok(Reference::Commit) => context
                .commit
                .map(Value::from)
                .ok_or("no commit is known yet: no git action has ended"),
            Ok(Reference::Output(name)) => context
                .outputs
                .get(name)
                .map(|text| Value::from(text.as_str()))
                .ok_or("no action before this one has set this output"),
            Err(NoReference::Reserved(_)) => Err("this name is reserved"),
            Err(_) => Err("this stands for nothing"),
        };
        match found {
            Ok(value) => {
                self.left = left.checked_sub(limits::size(&value));
                if self.left.is_none() {
                    self.problem(format!(
                        "the action would have more than {} bytes with all ${{…}} replaced",
                        limits::EXPANDED
                    ));
                }
                self.left.is_some().then_some(value)
            }
            Err(why) => {
                let shown = crate::yaml::cut(name);
                self.problem(format!("\"{field}\": ${{{shown}}}: {why}"));
                None
            }
        }
    }

    fn problem(&mut self, problem: String) {
        if self.problems.len() < 20 && !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

/// The blobs that an expanded step reads or writes, and no others: what its store token allows.
///
/// `parameters` are those of the action's pipeline, which stand in for fields that are left out.
pub fn blob_access(
    step: &Map<String, Value>,
    parameters: &Map<String, Value>,
) -> Vec<(BlobName, Access)> {
    let access = match step
        .get("action")
        .and_then(Value::as_str)
        .and_then(BuiltIn::from_word)
    {
        Some(BuiltIn::Archive) => Access::Write,
        Some(BuiltIn::PopulateSystree | BuiltIn::PopulateWorkspace) => Access::Read,
        _ => return Vec::new(),
    };
    step.get("artifact")
        .or_else(|| parameters.get("artifact"))
        .and_then(Value::as_str)
        .and_then(|name| name.parse().ok())
        .map(|name| (name, access))
        .into_iter()
        .collect()
}
