//! The JSON Schema (draft 2020-12) of definition files, made of the same tables as the checks, so that
//! an editor can complete and check while one types.

use super::builtin::{BuiltIn, Fallback, FieldKind, FieldSpec};
use super::{action, limits, pipeline, project};
use crate::build::{Place, When};
use crate::{duration, name};
use serde_json::{Map, Value, json};

const PARAMETER: &str = "^[A-Za-z_][A-Za-z0-9_-]*$";
const VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
/// A text that is not known before its `${…}` are replaced.
const REFERENCE: &str = "\\$\\{";

/// The JSON Schema of definition files.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Ick definitions",
        "description": "Projects and pipelines, as icktool make-it-so takes them.",
        "type": "object",
        "additionalProperties": false,
        "minProperties": 1,
        "properties": {
            "projects": {
                "description": "What is built.",
                "type": "array",
                "items": {"$ref": "#/$defs/project"},
            },
            "pipelines": {
                "description": "How it is built.",
                "type": "array",
                "items": {"$ref": "#/$defs/pipeline"},
            },
        },
        "$defs": {
            "project": object(project::FIELDS, project_field, &["project", "pipelines"]),
            "pipeline": object(pipeline::FIELDS, pipeline_field, &["pipeline", "actions"]),
            "wanted": {
                "oneOf": [
                    {"type": "string", "pattern": PARAMETER, "maxLength": 200},
                    object(pipeline::WANTED_FIELDS, wanted_field, &["name"]),
                ],
            },
            "action": {"oneOf": actions()},
            "duration": {"type": "string", "pattern": duration::PATTERN, "minLength": 2},
        },
    })
}

fn object(
    fields: &[(&'static str, &'static str)],
    field: impl Fn(&str) -> Value,
    required: &[&str],
) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|(name, doc)| ((*name).to_owned(), described(field(name), doc)))
        .collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

fn described(mut schema: Value, doc: &str) -> Value {
    if let Value::Object(map) = &mut schema {
        map.insert("description".to_owned(), doc.into());
    }
    schema
}

fn name() -> Value {
    json!({"type": "string", "pattern": name::PATTERN, "maxLength": crate::name::MAX_LEN})
}

fn text(most: usize) -> Value {
    json!({"type": "string", "maxLength": most})
}

fn project_field(field: &str) -> Value {
    match field {
        "project" => name(),
        "description" => text(limits::DESCRIPTION),
        "parameters" => json!({
            "type": "object",
            "propertyNames": {"pattern": PARAMETER},
            "maxProperties": limits::PARAMETERS,
        }),
        "pipelines" => json!({
            "type": "array",
            "items": name(),
            "maxItems": limits::PIPELINES_OF_PROJECT,
        }),
        "timeout" => json!({"$ref": "#/$defs/duration"}),
        "cache" => json!({
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": limits::TEXT},
            "maxItems": limits::CACHE,
            "uniqueItems": true,
        }),
        _ => json!({}),
    }
}

fn pipeline_field(field: &str) -> Value {
    match field {
        "pipeline" => name(),
        "description" => text(limits::DESCRIPTION),
        "parameters" => json!({
            "type": "array",
            "items": {"$ref": "#/$defs/wanted"},
            "maxItems": limits::PARAMETERS,
        }),
        "actions" => json!({
            "type": "array",
            "items": {"$ref": "#/$defs/action"},
            "maxItems": limits::ACTIONS,
        }),
        _ => json!({}),
    }
}

fn wanted_field(field: &str) -> Value {
    match field {
        "name" => json!({"type": "string", "pattern": PARAMETER, "maxLength": 200}),
        "description" => text(limits::DESCRIPTION),
        _ => json!({}),
    }
}

/// One schema for each of shell, python and the built-in actions.
fn actions() -> Vec<Value> {
    const KINDS: [&str; 3] = ["shell", "python", "action"];
    let common = |accepted: &dyn Fn(&str) -> bool| -> Vec<(&'static str, &'static str)> {
        action::FIELDS
            .iter()
            .copied()
            .filter(|(field, _)| !KINDS.contains(field) && accepted(field))
            .collect()
    };
    let mut actions = Vec::new();
    for (kind, doc) in action::FIELDS
        .iter()
        .filter(|(f, _)| *f == "shell" || *f == "python")
    {
        let mut fields = vec![(*kind, *doc)];
        fields.extend(common(&|_| true));
        actions.push(object(&fields, action_field, &[kind]));
    }
    for one in BuiltIn::ALL {
        let fields = common(&|field| !action::NOT_FOR_BUILT_INS.contains(&field));
        let mut schema = object(&fields, action_field, &["action"]);
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            properties.insert(
                "action".to_owned(),
                json!({"const": one.as_str(), "description": one.doc()}),
            );
            for spec in one.fields() {
                properties.insert(spec.name.to_owned(), built_in_field(spec));
            }
        }
        actions.push(described(schema, one.doc()));
    }
    actions
}

fn action_field(field: &str) -> Value {
    match field {
        "shell" | "python" => text(limits::SCRIPT),
        "where" => json!({"enum": Place::ALL, "default": Place::Container}),
        "name" => text(limits::ACTION_NAME),
        "timeout" => json!({"$ref": "#/$defs/duration"}),
        "env" => json!({
            "type": "object",
            "propertyNames": {"pattern": VARIABLE},
            "maxProperties": limits::ENV,
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        }),
        "network" => json!({"type": "boolean", "default": false}),
        "when" => json!({"enum": When::ALL, "default": When::OnSuccess}),
        "once" => json!({"type": "boolean"}),
        _ => json!({}),
    }
}

fn built_in_field(spec: &FieldSpec) -> Value {
    // What has `${…}` in it can be anything until that is replaced.
    let or_reference =
        |schema: Value| json!({"anyOf": [schema, {"type": "string", "pattern": REFERENCE}]});
    let texts = || json!({"type": "array", "items": {"type": "string"}, "maxItems": limits::ITEMS});
    let mut schema = match spec.kind {
        FieldKind::Text | FieldKind::Url | FieldKind::Ref | FieldKind::Dir | FieldKind::Path => {
            json!({"type": "string", "minLength": 1, "maxLength": limits::TEXT})
        }
        FieldKind::Paths => json!({"anyOf": [texts(), {"type": "string"}]}),
        FieldKind::Texts => or_reference(texts()),
        FieldKind::Blob => or_reference(name()),
        FieldKind::Flag => or_reference(json!({"type": "boolean"})),
        FieldKind::Choice(words) => or_reference(json!({"enum": words})),
        FieldKind::Sources => or_reference(json!({
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["name", "url"],
                "properties": {
                    "name": {"type": "string", "description": "The folder in the workspace."},
                    "url": {"type": "string", "description": "Where to fetch from."},
                    "ref": {"type": "string", "description": "The branch, tag or commit."},
                },
            },
        })),
    };
    if let (Value::Object(map), Some(default)) = (&mut schema, spec.default()) {
        map.insert("default".to_owned(), default);
    }
    let doc = match spec.fallback {
        Fallback::Required => format!("{} Or the parameter of this name.", spec.doc),
        _ => spec.doc.to_owned(),
    };
    described(schema, &doc)
}
