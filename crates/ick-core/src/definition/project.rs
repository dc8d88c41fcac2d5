//! A project: its parameters and the pipelines that a build of it goes through.

use super::{action, cache, limits};
use crate::duration;
use crate::name::{ParameterName, PipelineName, ProjectName};
use crate::yaml::{self, Field, Fields, Flaw, Flaws, Node, Span, Value as Found};
use serde_json::{Map, Value};
use std::time::Duration;

/// A project. It exists only checked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Project {
    /// Its name.
    pub name: ProjectName,
    /// What it is.
    pub description: Option<String>,
    /// The parameters that it gives to its pipelines.
    pub parameters: Map<String, Value>,
    /// Its pipelines, in order. They may not exist yet.
    pub pipelines: Vec<PipelineName>,
    /// How long a whole build may take.
    pub timeout: Duration,
    /// The folders of the workspace that a worker keeps for the next build: names joined by `/`, none
    /// beneath another.
    pub cache: Vec<String>,
}

/// Where the parts of a project stand, for what can be said only when all files are read.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) pipelines: Vec<Span>,
    pub(super) parameters: Vec<(String, Span)>,
}

/// The fields of a project, with what they are for.
pub(super) const FIELDS: &[(&str, &str)] = &[
    ("project", "The project's name; it may contain \"/\"."),
    ("description", "What it is."),
    (
        "parameters",
        "What it gives to the pipelines that want it: any values.",
    ),
    ("pipelines", "The names of its pipelines, in order."),
    (
        "timeout",
        "How long a whole build may take; 1h when left out.",
    ),
    (
        "cache",
        "Folders of the workspace that are kept for the next build.",
    ),
];

/// What objects of the API have besides the definition.
pub(super) const OF_THE_CONTROLLER: &[&str] = &["owner", "revision", "updated_by", "next_build_id"];

impl Project {
    /// Reads a project in the API's form: that of the file, as one object. What only the controller
    /// says (`owner`, `revision`, …) may be there and is ignored.
    ///
    /// # Errors
    /// Every flaw, when one is an error. `Ok` has the warnings.
    pub fn from_json(file: &str, text: &str) -> Result<(Self, Vec<Flaw>), Vec<Flaw>> {
        read_object(file, text, Self::lower_for_api)
    }

    /// Reads a project from a value that [`Self::to_json`] made.
    ///
    /// # Errors
    /// Every flaw; then the value was not made so.
    pub fn from_value(value: &Value) -> Result<Self, Vec<Flaw>> {
        read_value(value, Self::lower_for_api)
    }

    fn lower_for_api(node: &Node, flaws: &Flaws) -> Option<Self> {
        let (project, _) = Self::lower(node, flaws, OF_THE_CONTROLLER)?;
        Some(project)
    }

    /// Reads a project; `ignored` are fields that may be there besides.
    pub(super) fn lower(
        node: &Node,
        flaws: &Flaws,
        ignored: &[&'static str],
    ) -> Option<(Self, Places)> {
        let fields = Fields::of(node, "a project", flaws)?;
        let mut places = Places::default();
        let name = fields
            .required("project")
            .and_then(|f| f.parse::<ProjectName>());
        let description = description(&fields);
        let parameters = fields
            .field("parameters")
            .map_or_else(Map::new, |field| parameters(&field, &mut places));
        let pipelines = fields.required("pipelines").and_then(|field| {
            let items = field.items()?;
            if !limits::count(
                &field,
                items.len(),
                limits::PIPELINES_OF_PROJECT,
                "pipelines",
            ) {
                return None;
            }
            if items.len() == 0 {
                flaws.warning(
                    field.key_place,
                    "a build of this project does nothing: it has no pipelines",
                    None,
                );
            }
            let names: Vec<Option<PipelineName>> = items
                .map(|item| {
                    places.pipelines.push(item.node.place);
                    item.parse()
                })
                .collect();
            names.into_iter().collect::<Option<Vec<_>>>()
        });
        let timeout = fields.field("timeout").and_then(|f| action::positive(&f));
        let cache = fields.field("cache").map(|field| cache::paths(&field));
        fields.known(ignored);
        fields.finish();
        let project = Self {
            name: name?,
            description,
            parameters,
            pipelines: pipelines?,
            timeout: timeout.unwrap_or(limits::BUILD_TIMEOUT),
            cache: cache.unwrap_or_default(),
        };
        Some((project, places))
    }

    /// The project in the form of the file.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        map.insert("project".to_owned(), self.name.as_str().into());
        if let Some(description) = &self.description {
            map.insert("description".to_owned(), description.as_str().into());
        }
        map.insert("parameters".to_owned(), self.parameters.clone().into());
        map.insert(
            "pipelines".to_owned(),
            self.pipelines.iter().map(PipelineName::as_str).collect(),
        );
        map.insert("timeout".to_owned(), duration::format(self.timeout).into());
        if !self.cache.is_empty() {
            map.insert("cache".to_owned(), self.cache.clone().into());
        }
        Value::Object(map)
    }

    /// The same as YAML text, for people and diffs.
    pub fn to_yaml(&self) -> String {
        yaml::to_text(&self.to_json())
    }
}

pub(super) fn description(fields: &Fields<'_>) -> Option<String> {
    let field = fields.field("description")?;
    limits::text(&field, limits::DESCRIPTION).map(str::to_owned)
}

fn parameters(field: &Field<'_>, places: &mut Places) -> Map<String, Value> {
    let mut map = Map::new();
    let Some(entries) = field.entries() else {
        return map;
    };
    let mut total = 0;
    for (i, entry) in entries.enumerate() {
        if i == limits::PARAMETERS {
            field.error(format_args!(
                "there are more than {} parameters",
                limits::PARAMETERS
            ));
            break;
        }
        if let Err(why) = entry.name.parse::<ParameterName>()
            && !entry.name.is_empty()
        {
            field.flaws().error(
                entry.key_place,
                format!("\"{}\": {why}", yaml::cut(entry.name)),
                None,
            );
        }
        total += check_value(&entry);
        places
            .parameters
            .push((entry.name.to_owned(), entry.key_place));
        map.insert(entry.name.to_owned(), entry.node.to_json());
    }
    if total > limits::VALUES {
        field.error(format_args!(
            "the values have {total} bytes together; at most {} are accepted",
            limits::VALUES
        ));
    }
    map
}

/// Reports a parameter's value that no environment variable could hold; answers its size in bytes.
pub(super) fn check_value(field: &Field<'_>) -> usize {
    let size = match &field.node.value {
        Found::Str(text) => text.len(),
        Found::Seq(_) | Found::Map(_) => limits::size(&field.node.to_json()),
        _ => 8,
    };
    if size > limits::VALUE {
        field.error(format_args!(
            "the value has {size} bytes; at most {} are accepted",
            limits::VALUE
        ));
    }
    size
}

/// Reads one JSON object of the API.
pub(super) fn read_object<T>(
    file: &str,
    text: &str,
    lower: impl FnOnce(&Node, &Flaws) -> Option<T>,
) -> Result<(T, Vec<Flaw>), Vec<Flaw>> {
    let (node, found) = yaml::parse_json(file, text);
    let flaws = Flaws::new(file);
    flaws.extend(found);
    finish(node.as_ref(), flaws, lower)
}

/// Reads a value of the database.
pub(super) fn read_value<T>(
    value: &Value,
    lower: impl FnOnce(&Node, &Flaws) -> Option<T>,
) -> Result<T, Vec<Flaw>> {
    let node = Node::from_json(value);
    finish(Some(&node), Flaws::new(""), lower).map(|(read, _)| read)
}

fn finish<T>(
    node: Option<&Node>,
    flaws: Flaws,
    lower: impl FnOnce(&Node, &Flaws) -> Option<T>,
) -> Result<(T, Vec<Flaw>), Vec<Flaw>> {
    let read = node.and_then(|node| lower(node, &flaws));
    match read {
        Some(read) if !flaws.has_errors() => Ok((read, flaws.into_vec())),
        _ => Err(flaws.into_vec()),
    }
}
