//! Names of entries and targets of links.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// The path of an entry beneath the folder, empty for the folder itself; none for one that leads out.
pub(super) fn inside(name: &[u8]) -> Option<PathBuf> {
    if name.is_empty() || name.contains(&0) {
        return None;
    }
    let mut path = PathBuf::new();
    for part in Path::new(OsStr::from_bytes(name)).components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(path)
}

/// Whether a symbolic link in a folder at this depth stays beneath the root. `..` is good only at the
/// beginning: after another link's name it could lead anywhere.
pub(super) fn stays(target: &[u8], depth: usize) -> bool {
    if target.is_empty() || target.contains(&0) {
        return false;
    }
    let (mut up, mut down) = (0, false);
    for part in Path::new(OsStr::from_bytes(target)).components() {
        match part {
            Component::Normal(_) => down = true,
            Component::CurDir => {}
            Component::ParentDir if !down => up += 1,
            _ => return false,
        }
    }
    up <= depth
}
