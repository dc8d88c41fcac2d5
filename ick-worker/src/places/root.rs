//! What a container sees as its root: which entries of the tree, and its users and groups.

use crate::beneath;
use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
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
    let mut entries = Vec::new();
    for entry in fs::read_dir(tree.unwrap_or(Path::new("/")))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if !is_shown(tree, &name) {
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

/// Whether an entry of this name is shown of a tree, or of the worker's own root.
pub(super) fn is_shown(tree: Option<&Path>, name: &str) -> bool {
    match tree {
        Some(_) => of_tree(name),
        None => of_own_root(name),
    }
}

/// Whether there is a plain file, and no link on the way to it.
pub(super) fn is_plain_file(root: &OwnedFd, path: &Path) -> bool {
    let there = beneath::open(root, path, OFlags::PATH | OFlags::NOFOLLOW);
    there
        .and_then(|there| File::from(there).metadata())
        .is_ok_and(|about| about.is_file())
}

/// The longest file of a tree that is read.
const LONGEST: u64 = 1 << 20;

/// A small file of a tree, or of the worker's own root; none where there is no plain file. What made the
/// tree may be hostile: no link in it is followed.
pub(super) fn text(tree: &Path, path: &Path) -> Option<String> {
    let root = beneath::root(tree).ok()?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::from(beneath::open(&root, path, flags).ok()?);
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Where a container without a tree sees these files and folders of the worker's own root, and which of
/// them are folders: below what is shown of it in any case, or below what is made visible.
pub(super) fn places_of(hidden: &[PathBuf], visible: &[PathBuf]) -> Vec<(PathBuf, bool)> {
    let mut places = BTreeMap::new();
    // Links may lead to them in both; what is not there needs not be hidden.
    for hidden in hidden.iter().filter_map(|path| path.canonicalize().ok()) {
        let is_folder = hidden.is_dir();
        let top = hidden.iter().nth(1).and_then(|name| name.to_str());
        if top.is_some_and(of_own_root) {
            places.insert(hidden.clone(), is_folder);
        }
        for shown in visible {
            if let Ok(real) = shown.canonicalize()
                && let Ok(rest) = hidden.strip_prefix(real)
            {
                places.insert(joined(shown, rest), is_folder);
            }
        }
    }
    places.into_iter().collect()
}

/// Without a slash at the end when nothing is joined.
fn joined(folder: &Path, rest: &Path) -> PathBuf {
    if rest.as_os_str().is_empty() {
        return folder.to_owned();
    }
    folder.join(rest)
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
    fn what_is_hidden_is_found_where_it_is_shown() -> io::Result<()> {
        let place = tempfile::tempdir()?;
        let real = place.path().canonicalize()?;
        fs::create_dir_all(real.join("shown/state"))?;
        fs::write(real.join("key"), "")?;
        std::os::unix::fs::symlink("shown", real.join("link"))?;
        let hidden = ["link/state", "key", "none"].map(|name| real.join(name));
        let visible = ["shown", "link", "key"].map(|name| real.join(name));
        let expected = [("key", false), ("link/state", true), ("shown/state", true)];
        let expected = expected.map(|(name, is_folder)| (real.join(name), is_folder));
        assert_eq!(places_of(&hidden, &visible), expected);
        assert_eq!(places_of(&hidden, &[]), []);
        let passwd = PathBuf::from("/etc/passwd");
        assert_eq!(
            places_of(std::slice::from_ref(&passwd), &[]),
            [(passwd, false)]
        );
        Ok(())
    }

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
