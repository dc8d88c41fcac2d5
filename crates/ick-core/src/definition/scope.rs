//! What the actions of a pipeline may refer to, and the check of all their `${…}`.

use super::pipeline::Wanted;
use super::template::{self, NoReference, Part, Reference};
use crate::yaml::{Field, Flaws, Node, Value as Found};
use std::collections::BTreeSet;

/// What the `${…}` of a pipeline's actions may refer to.
pub(super) struct Scope<'a> {
    wanted: BTreeSet<&'a str>,
    pub(super) flaws: &'a Flaws,
}

impl<'a> Scope<'a> {
    pub(super) fn new(wanted: &'a [Wanted], flaws: &'a Flaws) -> Self {
        Self {
            wanted: wanted.iter().map(|w| w.name.as_str()).collect(),
            flaws,
        }
    }

    /// Whether the pipeline wants that parameter.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.wanted.contains(name)
    }

    /// Reports every `${…}` in a value that stands for nothing.
    pub(super) fn check_references(&self, field: &Field<'_>) {
        self.check_node(field, field.node);
    }

    fn check_node(&self, field: &Field<'_>, node: &Node) {
        match &node.value {
            Found::Str(text) => self.check_text(&Field::of(field.name, node, self.flaws), text),
            Found::Seq(items) => items.iter().for_each(|item| self.check_node(field, item)),
            Found::Map(entries) => entries
                .iter()
                .for_each(|entry| self.check_node(field, &entry.value)),
            _ => {}
        }
    }

    fn check_text(&self, field: &Field<'_>, text: &str) {
        let Ok(parts) = template::parts(text) else {
            field.error_hint(
                "a \"${\" here has no \"}\"",
                Some("a literal \"${\" is written \"$${\"".to_owned()),
            );
            return;
        };
        for part in parts {
            let Part::Name(name) = part else { continue };
            let shown = crate::yaml::cut(name);
            match template::reference(name) {
                Ok(Reference::Parameter(name)) if !self.wants(name) => field.error_hint(
                    format_args!("${{{shown}}}: the pipeline wants no parameter of this name"),
                    Some(
                        self.flaws
                            .suggest(name, self.wanted.iter().copied())
                            .unwrap_or_else(|| {
                                format!(
                                    "add {shown} to the pipeline's parameters; a literal \"${{\" is written \"$${{\""
                                )
                            }),
                    ),
                ),
                Ok(_) => {}
                Err(NoReference::Reserved(prefix)) => {
                    field.error(format_args!(
                        "${{{shown}}}: names that begin with \"{prefix}\" are reserved"
                    ));
                }
                Err(NoReference::OfIck) => {
                    let names = template::OF_ICK.map(|(word, _)| word);
                    field.error_hint(
                        format_args!("${{{shown}}}: there are {}", names.join(", ")),
                        self.flaws.suggest(name, names),
                    );
                }
                Err(NoReference::OutputName) => field.error(format_args!(
                    "${{{shown}}}: the name of an output is a letter or \"_\", then letters, digits and \"_\""
                )),
                Err(NoReference::NotAName) => {
                    let bare = name.trim().trim_matches(['{', '}']).trim();
                    let hint = if !bare.is_empty() && self.wants(bare) {
                        format!("write ${{{bare}}}")
                    } else {
                        "a literal \"${\" is written \"$${\"".to_owned()
                    };
                    field.error_hint(
                        format_args!("${{{shown}}}: this is not a parameter's name"),
                        Some(hint),
                    );
                }
            }
        }
    }

    /// Warns of `${name}` in a script, where it is a variable of the shell and not the parameter.
    pub(super) fn warn_of_parameters_in_shell(
        &self,
        script: &str,
        field: &Field<'_>,
        env: Option<Field<'_>>,
    ) {
        let mut told: Vec<&str> = Vec::new();
        let mut rest = script;
        while let Some(start) = rest.find("${") {
            rest = &rest[start + 2..];
            let Some(end) = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_') else {
                return;
            };
            let name = &rest[..end];
            if !rest[end..].starts_with('}') || !self.wants(name) || told.contains(&name) {
                continue;
            }
            if told.len() == 10 {
                return;
            }
            told.push(name);
            let set_by_script = [
                format!("{name}="),
                format!("for {name} "),
                format!(" {name}\n"),
            ]
            .iter()
            .any(|way| script.contains(way));
            let set_by_env = env.is_some_and(|env| env.node.get(name).is_some());
            if !set_by_script && !set_by_env {
                self.flaws.warning(
                    field.key_place,
                    format!(
                        "in a script ${{{name}}} is a variable of the shell, not the parameter"
                    ),
                    Some(format!("the parameter is $ICK_PARAM_{name}")),
                );
            }
        }
    }
}
