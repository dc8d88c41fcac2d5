//! `cache`: the folders of the workspace that a worker keeps between the builds of a project.

use super::limits;
use crate::yaml::Field;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What of a build's workspace is kept for the next build. Copied into the [`super::Plan`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// The folders, relative to the workspace: names joined by `/`, none beneath another.
    pub paths: Vec<String>,
    /// The git ref that is built; none for the remote's HEAD. Builds of different refs have caches of
    /// their own.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<String>,
    /// The ref that is built when a trigger names none, in the same form. A build of another ref begins
    /// with a copy of that ref's cache while it has none of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_ref: Option<String>,
}

/// A git ref such that a branch has one name.
pub(super) fn branch(git_ref: &str) -> &str {
    git_ref.strip_prefix("refs/heads/").unwrap_or(git_ref)
}

/// Reads the paths; what is wrong with any of them is reported.
pub(super) fn paths(field: &Field<'_>) -> Vec<String> {
    let Some(items) = field.items() else {
        return Vec::new();
    };
    let mut paths: Vec<String> = Vec::new();
    if !limits::count(field, items.len(), limits::CACHE, "folders") {
        return paths;
    }
    for item in items {
        let Some(path) = path(&item) else { continue };
        let clash = paths
            .iter()
            .find(|other| contains(other, &path) || contains(&path, other));
        match clash {
            Some(other) if *other == path => item.error("this folder is in the list already"),
            Some(other) => item.error(format_args!(
                "of this folder and \"{other}\" one is in the other"
            )),
            None => paths.push(path),
        }
    }
    paths
}

/// Whether one path is another or a folder above it.
fn contains(above: &str, path: &str) -> bool {
    path.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn path(field: &Field<'_>) -> Option<String> {
    let text = limits::text(field, limits::TEXT)?;
    if text.contains("${") {
        field.error_hint(
            "parameters are not replaced here",
            Some("write the folder as it is in the workspace".to_owned()),
        );
        return None;
    }
    if let Some(c) = text.chars().find(|c| c.is_control()) {
        field.error(format_args!("this cannot contain {c:?}"));
        return None;
    }
    if text.starts_with('/') {
        field.error_hint(
            "a folder is beneath the workspace: it does not begin with \"/\"",
            Some(format!("write \"{}\"", text.trim_start_matches('/'))),
        );
        return None;
    }
    let parts: Vec<&str> = text
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    let names: BTreeSet<&str> = parts.iter().copied().collect();
    if names.contains("..") {
        field.error("a folder is beneath the workspace: it has no \"..\" in it");
        return None;
    }
    if names.iter().any(|name| name.eq_ignore_ascii_case(".git")) {
        field.error_hint(
            "what is in a folder .git is not kept",
            Some("the worker has a mirror of each repository".to_owned()),
        );
        return None;
    }
    if parts.is_empty() {
        field.error_hint(
            "this is the whole workspace, which is new for each build",
            Some("name the folders in it that are to be kept".to_owned()),
        );
        return None;
    }
    Some(parts.join("/"))
}
