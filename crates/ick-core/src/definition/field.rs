//! Whether a value fits a field of a built-in action. Used on files, where a text with `${…}` in it is
//! not known yet, and again on what came of it.

use super::builtin::FieldKind;
use super::{limits, template};
use crate::name::BlobName;
use crate::yaml::{Field, Fields, Flaws, Node, Value, closest};

/// What of a value can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A file: texts with `${…}` are taken on trust.
    Written,
    /// Everything is known.
    Known,
}

/// Reports what is wrong with a field's value.
pub(super) fn check(kind: FieldKind, field: &Field<'_>, stage: Stage) {
    if let Value::Str(text) = &field.node.value
        && stage == Stage::Written
        && template::has_references(text)
    {
        return;
    }
    match kind {
        FieldKind::Flag => {
            field.boolean();
        }
        FieldKind::Choice(words) => {
            let words: Vec<(&'static str, ())> = words.iter().map(|word| (*word, ())).collect();
            field.word(&words);
        }
        FieldKind::Texts => each(FieldKind::Text, field, stage),
        FieldKind::Paths => {
            if matches!(field.node.value, Value::Str(_)) {
                check(FieldKind::Path, field, stage);
            } else {
                each(FieldKind::Path, field, stage);
            }
        }
        FieldKind::Sources => sources(field, stage),
        FieldKind::Text
        | FieldKind::Url
        | FieldKind::Ref
        | FieldKind::Dir
        | FieldKind::Path
        | FieldKind::Blob => {
            if let Some(text) = limits::text(field, limits::TEXT) {
                // A `$${` is a `${` to whoever gets it.
                let text = if stage == Stage::Written {
                    text.replace("$${", "${")
                } else {
                    text.to_owned()
                };
                check_text(kind, &text, field);
            }
        }
    }
}

fn each(kind: FieldKind, field: &Field<'_>, stage: Stage) {
    let Some(items) = field.items() else { return };
    if limits::count(field, items.len(), limits::ITEMS, "items") {
        for item in items {
            check(kind, &item, stage);
        }
    }
}

fn sources(field: &Field<'_>, stage: Stage) {
    let Some(items) = field.items() else { return };
    let mut names: Vec<&str> = Vec::new();
    if !limits::count(field, items.len(), 100, "sources") {
        return;
    }
    for item in items {
        let Some(fields) = Fields::of(item.node, "a source", field.flaws()) else {
            continue;
        };
        if let Some(name) = fields.required("name") {
            check(FieldKind::Dir, &name, stage);
            if let Value::Str(text) = &name.node.value {
                if names.contains(&text.as_str()) {
                    name.error("two sources have this name");
                }
                names.push(text);
            }
        }
        if let Some(url) = fields.required("url") {
            check(FieldKind::Url, &url, stage);
        }
        if let Some(git_ref) = fields.field("ref") {
            check(FieldKind::Ref, &git_ref, stage);
        }
        fields.finish();
    }
}

fn check_text(kind: FieldKind, text: &str, field: &Field<'_>) {
    if text.is_empty() {
        field.error("this cannot be empty");
        return;
    }
    if let Some(c) = text.chars().find(|c| c.is_control()) {
        field.error(format_args!("this cannot contain {c:?}"));
        return;
    }
    match kind {
        FieldKind::Url => url(text, field),
        FieldKind::Ref => {
            if let Err(why) = git_ref(text) {
                field.error(why);
            }
        }
        FieldKind::Dir | FieldKind::Path => path(kind, text, field),
        FieldKind::Blob => {
            if let Err(why) = text.parse::<BlobName>() {
                field.error(why);
            }
        }
        _ if text.starts_with('-') => {
            field.error("this cannot begin with \"-\", as it would look like an option");
        }
        _ => {}
    }
}

fn url(text: &str, field: &Field<'_>) {
    if text.starts_with('-') {
        field.error("a URL cannot begin with \"-\"");
    } else if text.contains(char::is_whitespace) {
        field.error("a URL cannot contain a space");
    } else if let Some((scheme, rest)) = text.split_once("://") {
        const SCHEMES: [&str; 5] = ["https", "ssh", "file", "http", "git"];
        if !SCHEMES.contains(&scheme) {
            field.error_hint(
                format_args!("a git URL begins with https://, ssh:// or file://, not {scheme}://"),
                closest(scheme, SCHEMES).map(|s| format!("did you mean {s}://?")),
            );
        }
        let authority = rest.split('/').next().unwrap_or_default();
        if let Some((user, _)) = authority.rsplit_once('@')
            && user.contains(':')
        {
            field.flaws().warning(
                field.node.place,
                "this URL has a password in it, and everybody who may see the definition sees it",
                Some("give the worker an ssh key, or a credential of its own".to_owned()),
            );
        }
    } else if text.contains("::") {
        field.error("git's remote helpers (name::address) are not accepted");
    }
}

/// Whether git would take a text for a ref, and for nothing else (git-check-ref-format(1)).
pub(super) fn git_ref(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("a git ref cannot be empty".to_owned());
    }
    if text.starts_with('-') {
        return Err("a git ref cannot begin with \"-\"".to_owned());
    }
    if text.len() > limits::TEXT {
        return Err(format!("a git ref has at most {} bytes", limits::TEXT));
    }
    let bad = |c: &char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(*c);
    if let Some(c) = text.chars().find(bad) {
        return Err(format!("a git ref cannot contain {c:?}"));
    }
    let part_is_bad =
        |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    if text.contains("..") || text.contains("@{") || text.ends_with('.') {
        return Err("a git ref cannot contain \"..\" or \"@{\", nor end with \".\"".to_owned());
    }
    if text.split('/').any(part_is_bad) {
        return Err(
            "no part of a git ref is empty, begins with \".\" or ends with \".lock\"".to_owned(),
        );
    }
    Ok(())
}

fn path(kind: FieldKind, text: &str, field: &Field<'_>) {
    if text.starts_with('/') {
        field.error_hint(
            "a path is beneath the workspace: it does not begin with \"/\"",
            Some(format!("write \"{}\"", text.trim_start_matches('/'))),
        );
    } else if text.split('/').any(|part| part == "..") {
        field.error("a path is beneath the workspace: it has no \"..\" in it");
    } else if kind == FieldKind::Dir {
        if text
            .split('/')
            .any(|part| part.eq_ignore_ascii_case(".git"))
        {
            field.error("a checkout cannot be in a folder .git");
        } else if text.starts_with('-') {
            field.error("a folder cannot begin with \"-\", as it would look like an option");
        }
    }
}

/// What is wrong with a value that is known, in words; `name` is the field's.
pub(super) fn problems(kind: FieldKind, name: &str, value: &serde_json::Value) -> Vec<String> {
    let flaws = Flaws::new("");
    let node = Node::from_json(value);
    check(kind, &Field::of(name, &node, &flaws), Stage::Known);
    flaws
        .into_vec()
        .into_iter()
        .filter(crate::yaml::Flaw::is_error)
        .map(|flaw| flaw.detail)
        .collect()
}
