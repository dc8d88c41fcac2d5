//! What an action runs in: its place, its network, its environment.

use super::scope::Scope;
use super::{limits, template};
use crate::build::Place;
use crate::yaml::{Fields, Value as Found};
use serde_json::{Map, Value};

/// Variables that Ick itself sets and that must be what they say.
fn is_icks_own(name: &str) -> bool {
    name.starts_with("ICK_") || matches!(name, "BUILD_ID" | "BUILD_NUMBER")
}

pub(super) fn word<T: Copy>(
    fields: &Fields<'_>,
    name: &'static str,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Option<T> {
    let words: Vec<(&'static str, T)> = all.iter().map(|one| (as_str(*one), *one)).collect();
    fields.field(name)?.word(&words)
}

pub(super) fn place(fields: &Fields<'_>, built_in: Option<&str>) -> Place {
    if let Some(name) = built_in {
        if let Some(field) = fields.field("where") {
            fields.flaws().error(
                field.key_place,
                format!("\"where\" is not accepted here: {name} runs on the host"),
                Some("leave it out".to_owned()),
            );
        }
        return Place::Host;
    }
    word(fields, "where", Place::ALL, Place::as_str).unwrap_or(Place::Container)
}

pub(super) fn network(fields: &Fields<'_>, built_in: Option<&str>, place: Place) -> bool {
    let Some(field) = fields.field("network") else {
        return false;
    };
    let Some(network) = field.boolean() else {
        return false;
    };
    if built_in.is_some() || (network && place != Place::Container) {
        let hint = if built_in.is_some() {
            "leave it out: built-in actions have what network they need"
        } else {
            "leave it out: there the network is the host's"
        };
        fields.flaws().error(
            field.key_place,
            "\"network\" is only for shell and python in a container",
            Some(hint.to_owned()),
        );
    }
    network
}

pub(super) fn env(
    fields: &Fields<'_>,
    built_in: Option<&str>,
    scope: &Scope<'_>,
) -> Map<String, Value> {
    let mut env = Map::new();
    let Some(field) = fields.field("env") else {
        return env;
    };
    if built_in.is_some() {
        fields.flaws().error(
            field.key_place,
            "\"env\" is only for shell and python",
            None,
        );
        return env;
    }
    let Some(entries) = field.entries() else {
        return env;
    };
    for (i, entry) in entries.enumerate() {
        if i == limits::ENV {
            field.error(format_args!(
                "there are more than {} variables",
                limits::ENV
            ));
            break;
        }
        if !template::is_output_name(entry.name) {
            scope.flaws.error(
                entry.key_place,
                format!(
                    "\"{}\" cannot be the name of an environment variable",
                    crate::yaml::cut(entry.name)
                ),
                Some("it is a letter or \"_\", then letters, digits and \"_\"".to_owned()),
            );
        } else if is_icks_own(entry.name) {
            scope.flaws.error(
                entry.key_place,
                format!("\"{}\" is set by Ick itself", entry.name),
                None,
            );
        }
        match &entry.node.value {
            Found::Str(_) => {
                if limits::text(&entry, limits::VALUE).is_some() {
                    scope.check_references(&entry);
                }
            }
            Found::Int(_) | Found::Float(_) | Found::Bool(_) => {}
            _ => {
                entry.error(format_args!(
                    "a variable is a text, a number, or true or false, not {}",
                    entry.node.kind()
                ));
            }
        }
        env.insert(entry.name.to_owned(), entry.node.to_json());
    }
    env
}
