//! `${…}` in texts: where they are, and what may stand in them.

use crate::name::ParameterName;

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'t> {
    /// Text as it is.
    Text(&'t str),
    /// What stands between `${` and `}`.
    Name(&'t str),
}

/// A `${` without its `}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unclosed;

/// The pieces of a text; `$${` is a literal `${`.
pub(super) fn parts(text: &str) -> Result<Vec<Part<'_>>, Unclosed> {
    let mut parts = Vec::new();
    let mut literal = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find('$') {
        let dollar = at + found;
        let rest = &text[dollar..];
        if rest.starts_with("$${") {
            parts.push(Part::Text(&text[literal..dollar]));
            literal = dollar + 1;
            at = dollar + 3;
        } else if rest.starts_with("${") {
            let end = rest.find('}').ok_or(Unclosed)?;
            parts.push(Part::Text(&text[literal..dollar]));
            parts.push(Part::Name(&rest[2..end]));
            literal = dollar + end + 1;
            at = literal;
        } else {
            at = dollar + 1;
        }
    }
    parts.push(Part::Text(&text[literal..]));
    parts.retain(|part| *part != Part::Text(""));
    Ok(parts)
}

/// Whether a text has a `${…}` that will be replaced.
pub(super) fn has_references(text: &str) -> bool {
    parts(text).is_ok_and(|parts| parts.iter().any(|part| matches!(part, Part::Name(_))))
}

/// A text that [`parts`] gives back as it is.
pub(super) fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

/// What a `${…}` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reference<'t> {
    /// A parameter's value.
    Parameter(&'t str),
    /// The build's number.
    BuildNumber,
    /// The build's id.
    BuildId,
    /// The project's name.
    Project,
    /// The commit that is built.
    Commit,
    /// What an earlier action set.
    Output(&'t str),
}

/// What `ick.` offers.
pub(super) const OF_ICK: [(&str, Reference<'static>); 4] = [
    ("ick.build_number", Reference::BuildNumber),
    ("ick.build_id", Reference::BuildId),
    ("ick.project", Reference::Project),
    ("ick.commit", Reference::Commit),
];

/// Why a `${…}` stands for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoReference {
    /// A name that a later version may give a meaning.
    Reserved(&'static str),
    /// Something under `ick.` that there is not.
    OfIck,
    /// Not the name of an output.
    OutputName,
    /// Not a parameter's name.
    NotAName,
}

/// Reads what stands between `${` and `}`.
pub(super) fn reference(name: &str) -> Result<Reference<'_>, NoReference> {
    for reserved in ["secrets.", "matrix."] {
        if name.starts_with(reserved) {
            return Err(NoReference::Reserved(reserved));
        }
    }
    if name.starts_with("ick.") {
        return OF_ICK
            .iter()
            .find(|(word, _)| *word == name)
            .map(|(_, reference)| *reference)
            .ok_or(NoReference::OfIck);
    }
    if let Some(output) = name.strip_prefix("outputs.") {
        return if is_output_name(output) {
            Ok(Reference::Output(output))
        } else {
            Err(NoReference::OutputName)
        };
    }
    if name.parse::<ParameterName>().is_err() {
        return Err(NoReference::NotAName);
    }
    Ok(Reference::Parameter(name))
}

/// Outputs are named like environment variables.
pub(super) fn is_output_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::Part::{Name, Text};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_by_table() {
        for (text, expected) in [
            ("", Ok(vec![])),
            ("plain $HOME $", Ok(vec![Text("plain $HOME $")])),
            ("${x}", Ok(vec![Name("x")])),
            (
                "a${x}b${y}",
                Ok(vec![Text("a"), Name("x"), Text("b"), Name("y")]),
            ),
            ("$${x}", Ok(vec![Text("${x}")])),
            ("a$${x}", Ok(vec![Text("a"), Text("${x}")])),
            ("$$${x}", Ok(vec![Text("$"), Text("${x}")])),
            ("${x}$${y}", Ok(vec![Name("x"), Text("${y}")])),
            ("${}", Ok(vec![Name("")])),
            ("${a ${b}", Ok(vec![Name("a ${b")])),
            ("a ${x", Err(Unclosed)),
            ("$${x", Ok(vec![Text("${x")])),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
    }

    #[test]
    fn references_by_table() {
        for (name, expected) in [
            ("target", Ok(Reference::Parameter("target"))),
            ("a-b_1", Ok(Reference::Parameter("a-b_1"))),
            ("ick.commit", Ok(Reference::Commit)),
            ("ick.build_id", Ok(Reference::BuildId)),
            ("ick.build", Err(NoReference::OfIck)),
            ("outputs.version", Ok(Reference::Output("version"))),
            ("outputs.", Err(NoReference::OutputName)),
            ("outputs.a-b", Err(NoReference::OutputName)),
            ("secrets.key", Err(NoReference::Reserved("secrets."))),
            ("matrix.arch", Err(NoReference::Reserved("matrix."))),
            ("", Err(NoReference::NotAName)),
            (" x ", Err(NoReference::NotAName)),
            ("a.b", Err(NoReference::NotAName)),
        ] {
            assert_eq!(reference(name), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_literal_is_itself(text in "[${}a]{0,12}|\\PC{0,20}") {
            let escaped = literal(&text);
            let parts = parts(&escaped).map_err(|_| TestCaseError::fail("unclosed"))?;
            let whole: String = parts
                .into_iter()
                .map(|part| match part {
                    Text(text) => text,
                    Name(_) => "?",
                })
                .collect();
            prop_assert_eq!(whole, text);
        }
    }
}
