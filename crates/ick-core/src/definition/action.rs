//! One action of a pipeline.

use super::builtin::{BuiltIn, Fallback};
use super::field::{self, Stage};
use super::limits;
use super::scope::Scope;
use super::surroundings::{env, network, place, word};
use crate::build::{Place, When};
use crate::duration;
use crate::yaml::{Field, Fields, Node, closest};
use serde_json::{Map, Value};
use std::time::Duration;

/// What an action does.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A bash script.
    Shell(String),
    /// A Python script.
    Python(String),
    /// A built-in action.
    BuiltIn {
        /// Which one.
        name: BuiltIn,
        /// The fields that the definition gives it, `${…}` not replaced.
        fields: Map<String, Value>,
    },
}

impl Kind {
    /// `shell`, `python`, or the built-in's name.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Shell(_) => "shell",
            Self::Python(_) => "python",
            Self::BuiltIn { name, .. } => name.as_str(),
        }
    }

    const fn once_by_default(&self) -> bool {
        match self {
            Self::BuiltIn { name, .. } => name.once(),
            _ => false,
        }
    }
}

/// One action of a pipeline. It exists only checked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Action {
    /// What it does.
    pub kind: Kind,
    /// Where it is executed; built-in actions on the host.
    pub place: Place,
    /// What people call it.
    pub name: Option<String>,
    /// How long it may take; without one, as long as the build.
    pub timeout: Option<Duration>,
    /// Its environment, `${…}` not replaced: texts, numbers, `true` and `false`.
    pub env: Map<String, Value>,
    /// Whether it has a network, in a container.
    pub network: bool,
    /// When it is executed.
    pub when: When,
    /// Whether it must never be started twice.
    pub once: bool,
}

/// The fields of every action, with what they are for; those that say what it does come first.
pub(super) const FIELDS: &[(&str, &str)] = &[
    (
        "shell",
        "A bash script: bash -eu -o pipefail in the workspace.",
    ),
    (
        "python",
        "A Python 3 script; its parameters are in the dict params.",
    ),
    ("action", "A built-in action, its fields beside this one."),
    (
        "where",
        "Where it is executed; in a container when left out. Built-in actions run on the host and do not take it.",
    ),
    ("name", "What to call it in status and logs."),
    ("timeout", "How long it may take."),
    ("env", "Environment variables; ${parameter} is replaced."),
    (
        "network",
        "Whether a container action may reach the network, outbound only.",
    ),
    (
        "when",
        "Whether it is executed also after something failed.",
    ),
    (
        "once",
        "It must never be started twice, as for a deployment; true for rsync and dput.",
    ),
];

/// Fields that built-in actions do not take.
pub(super) const NOT_FOR_BUILT_INS: [&str; 5] = ["shell", "python", "where", "env", "network"];

impl Action {
    /// Reads an action. `scope` is what its `${…}` may refer to.
    pub(super) fn lower(node: &Node, scope: &Scope<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, "an action", scope.flaws)?;
        let kind = kind(&fields, scope);
        let built_in = match &kind {
            Lowered::Is(kind @ Kind::BuiltIn { .. }) => Some(kind.word()),
            Lowered::UnknownBuiltIn => Some("a built-in action"),
            _ => None,
        };
        if let Some(name) = built_in {
            fields.rename(name, &NOT_FOR_BUILT_INS);
        }
        let place = place(&fields, built_in);
        let network = network(&fields, built_in, place);
        let env = env(&fields, built_in, scope);
        let name = fields.field("name").and_then(|f| {
            let name = limits::text(&f, limits::ACTION_NAME)?;
            if let Some(c) = name.chars().find(|c| c.is_control()) {
                f.error(format_args!("a name cannot contain {c:?}"));
            }
            Some(name.to_owned())
        });
        let timeout = fields.field("timeout").and_then(|f| positive(&f));
        let when = word(&fields, "when", When::ALL, When::as_str);
        let once = fields.boolean("once");
        fields.finish();
        let Lowered::Is(kind) = kind else { return None };
        Some(Self {
            once: once.unwrap_or_else(|| kind.once_by_default()),
            place: match kind {
                Kind::BuiltIn { .. } => Place::Host,
                _ => place,
            },
            kind,
            name,
            timeout,
            env,
            network,
            when: when.unwrap_or(When::OnSuccess),
        })
    }

    /// The action in the form of the file, what is as by default left out.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        match &self.kind {
            Kind::Shell(script) => {
                map.insert("shell".to_owned(), script.as_str().into());
            }
            Kind::Python(script) => {
                map.insert("python".to_owned(), script.as_str().into());
            }
            Kind::BuiltIn { name, fields } => {
                map.insert("action".to_owned(), name.as_str().into());
                map.extend(fields.clone());
            }
        }
        let built_in = matches!(self.kind, Kind::BuiltIn { .. });
        let mut optional = |name: &str, differs: bool, value: Value| {
            if differs {
                map.insert(name.to_owned(), value);
            }
        };
        optional(
            "where",
            !built_in && self.place != Place::Container,
            self.place.as_str().into(),
        );
        optional("name", self.name.is_some(), self.name.clone().into());
        optional(
            "timeout",
            self.timeout.is_some(),
            self.timeout.map(duration::format).into(),
        );
        optional("env", !self.env.is_empty(), self.env.clone().into());
        optional("network", self.network, true.into());
        optional(
            "when",
            self.when != When::OnSuccess,
            self.when.as_str().into(),
        );
        optional(
            "once",
            self.once != self.kind.once_by_default(),
            self.once.into(),
        );
        Value::Object(map)
    }
}

enum Lowered {
    Is(Kind),
    UnknownBuiltIn,
    Nothing,
}

fn kind(fields: &Fields<'_>, scope: &Scope<'_>) -> Lowered {
    let found: Vec<Field<'_>> = ["shell", "python", "action"]
        .into_iter()
        .filter_map(|name| fields.field(name))
        .collect();
    let flaws = fields.flaws();
    let Some(first) = found.first() else {
        // A slip of one of the three is told as that.
        let is_slip = |name: &str| {
            !FIELDS.iter().any(|(known, _)| *known == name)
                && closest(name, ["shell", "python", "action"]).is_some()
        };
        if !fields.entries().any(|field| is_slip(field.name)) {
            flaws.error(
                fields.place(),
                "an action has one of shell, python and action, and this has none",
                None,
            );
        }
        know_all_built_in_fields(fields);
        return Lowered::Nothing;
    };
    if found.len() > 1 {
        let names: Vec<&str> = found.iter().map(|f| f.name).collect();
        for field in &found[1..] {
            flaws.error(
                field.key_place,
                format!(
                    "an action has one of shell, python and action, and this has {}",
                    names.join(" and ")
                ),
                Some("make two actions of it".to_owned()),
            );
        }
        know_all_built_in_fields(fields);
    }
    match first.name {
        "action" => built_in(first, fields, scope),
        which => {
            let Some(script) = limits::text(first, limits::SCRIPT) else {
                return Lowered::Nothing;
            };
            if which == "python" {
                return Lowered::Is(Kind::Python(script.to_owned()));
            }
            scope.warn_of_parameters_in_shell(script, first, fields.peek("env"));
            Lowered::Is(Kind::Shell(script.to_owned()))
        }
    }
}

/// What kind of action it is to be is not known, so any built-in's field may be right.
fn know_all_built_in_fields(fields: &Fields<'_>) {
    for one in BuiltIn::ALL {
        for spec in one.fields() {
            fields.known(&[spec.name]);
        }
    }
}

fn built_in(action: &Field<'_>, fields: &Fields<'_>, scope: &Scope<'_>) -> Lowered {
    let Some(word) = action.text() else {
        know_all_built_in_fields(fields);
        return Lowered::UnknownBuiltIn;
    };
    let Some(name) = BuiltIn::from_word(word) else {
        let names: Vec<&str> = BuiltIn::ALL.iter().map(|one| one.as_str()).collect();
        let hint = match word {
            "shell" | "python" => Some(format!("write \"{word}: |\" and the script below it")),
            "create_workspace" => Some("leave it out: it is always done first".to_owned()),
            _ => scope.flaws.suggest(word, names.iter().copied()),
        };
        action.error_hint(
            format_args!(
                "there is no built-in action \"{}\"; there are {}",
                crate::yaml::cut(word),
                names.join(", ")
            ),
            hint,
        );
        know_all_built_in_fields(fields);
        return Lowered::UnknownBuiltIn;
    };
    let mut given = Map::new();
    for spec in name.fields() {
        match fields.field(spec.name) {
            Some(field) => {
                scope.check_references(&field);
                field::check(spec.kind, &field, Stage::Written);
                given.insert(spec.name.to_owned(), field.node.to_json());
            }
            None if spec.fallback == Fallback::Required && !scope.wants(spec.name) => {
                scope.flaws.error(
                    action.node.place,
                    format!("{name} needs \"{}\"", spec.name),
                    Some(format!(
                        "give it here, or have the pipeline want the parameter {}",
                        spec.name
                    )),
                );
            }
            None => {}
        }
    }
    Lowered::Is(Kind::BuiltIn {
        name,
        fields: given,
    })
}

/// A duration that is not zero.
pub(super) fn positive(field: &Field<'_>) -> Option<Duration> {
    let duration = field.duration()?;
    if duration.is_zero() {
        field.error("this must be more than 0s");
        return None;
    }
    Some(duration)
}
