//! What a container sees as its root: which entries of the tree, and its users and groups.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A top-level entry of a container's root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entry {
    /// Bound, read-only.
    Bound { name: String },
    /// A link, made anew.
    Link { name: String, target: PathBuf },
}

/// The entries of the worker's own root that a container without a tree sees.
fn of_own_root(name: &str) -> bool {
    matches!(name, "bin" | "sbin" | "usr" | "etc" | "opt") || name.starts_with("lib")
}

/// The entries of a tree that a container sees: all but those that it has of its own.
fn of_tree(name: &str) -> bool {
    !matches!(
        name,
        "dev" | "proc" | "sys" | "tmp" | "run" | "home" | "workspace"
    )
}

/// The top-level entries that are shown of a tree, or of the worker's own root.
pub(super) fn entries(tree: Option<&Path>) -> io::Result<Vec<Entry>> {
    let shown = match tree {
        Some(_) => of_tree,
        None => of_own_root,
    };
    let mut entries = Vec::new();
    for entry in fs::read_dir(tree.unwrap_or(Path::new("/")))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if !shown(&name) {
            continue;
        }
        if entry.file_type()?.is_symlink() {
            let target = fs::read_link(entry.path())?;
            entries.push(Entry::Link { name, target });
        } else {
            entries.push(Entry::Bound { name });
        }
    }
    entries.sort();
    Ok(entries)
}

/// The tree's passwd with the container's user in place of whoever has its id or name.
pub(super) fn passwd(of_tree: &str) -> String {
    replaced(of_tree, "build:x:1000:1000:build:/home/build:/bin/bash")
}

/// The tree's group with the container's group in place of the one that has its id or name.
pub(super) fn group(of_tree: &str) -> String {
    replaced(of_tree, "build:x:1000:")
}

fn replaced(text: &str, line: &str) -> String {
    let others = text.lines().filter(|line| {
        let mut fields = line.split(':');
        let name = fields.next();
        let id = fields.nth(1);
        name != Some("build") && id != Some("1000")
    });
    others.chain([line]).flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_replaces_whoever_has_its_id_or_name() {
        let of_tree = "root:x:0:0:root:/root:/bin/bash\nme:x:1000:1000::/home/me:/bin/sh\n\
                       build:x:7:7::/:/bin/sh\nlast:x:10000:1000::/:/bin/sh";
        assert_eq!(
            passwd(of_tree),
            "root:x:0:0:root:/root:/bin/bash\nlast:x:10000:1000::/:/bin/sh\n\
             build:x:1000:1000:build:/home/build:/bin/bash\n"
        );
        assert_eq!(
            group("users:x:100:\nme:x:1000:me\n"),
            "users:x:100:\nbuild:x:1000:\n"
        );
        assert_eq!(group(""), "build:x:1000:\n");
    }
}
