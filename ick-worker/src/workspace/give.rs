//! Giving files to a container's user.

use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Stat, Uid};
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

/// The deepest folder that is looked into: each level holds a file descriptor.
pub(crate) const DEEPEST: usize = 800;

/// Gives a folder with all that is in it to a user. Only entries that belong to another are touched.
///
/// A file that has other names as well may be known outside of the folder, where it must not become
/// writable for the user: it is replaced by a copy of its own.
///
/// # Errors
/// Those of the file system; when folders are nested too deep.
pub(crate) fn give(folder: &Path, id: u32) -> io::Result<()> {
    Owner::new(id).take_all(folder)
}

/// Gives what in a folder belongs to none of these host ids, which are those of a tree, to the first of
/// them, the tree's root, like [`give`]. The others stay whose they are.
///
/// # Errors
/// As [`give`].
pub(crate) fn give_range(folder: &Path, ids: Range<u32>) -> io::Result<()> {
    let mut owner = Owner::new(ids.start);
    owner.others = ids;
    owner.take_all(folder)
}

/// Gives one file to a user.
///
/// # Errors
/// Those of the file system.
pub(crate) fn give_file(path: &Path, id: u32) -> io::Result<()> {
    let owner = Owner::new(id);
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    Ok(rustix::fs::chownat(
        CWD,
        path,
        Some(owner.uid),
        Some(owner.gid),
        flags,
    )?)
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

struct Owner {
    /// Whose entries are not touched.
    others: Range<u32>,
    uid: Uid,
    gid: Gid,
}

impl Owner {
    fn new(id: u32) -> Self {
        Self {
            others: id..id + 1,
            uid: Uid::from_raw(id),
            gid: Gid::from_raw(id),
        }
    }

    fn take_all(&self, folder: &Path) -> io::Result<()> {
        let root = rustix::fs::openat(CWD, folder, FOLDER, Mode::empty())?;
        if self.is_foreign(&rustix::fs::fstat(&root)?) {
            rustix::fs::fchown(&root, Some(self.uid), Some(self.gid))?;
        }
        self.take(root, 0)
    }

    fn is_foreign(&self, stat: &Stat) -> bool {
        !(self.others.contains(&stat.st_uid) && self.others.contains(&stat.st_gid))
    }

    fn take(&self, folder: OwnedFd, depth: usize) -> io::Result<()> {
        if depth > DEEPEST {
            return Err(io::Error::other(format!(
                "folders are nested more than {DEEPEST} deep"
            )));
        }
        let mut entries = Dir::new(folder)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let folder = entries.fd()?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let stat = match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(rustix::io::Errno::NOENT) => continue,
                other => other?,
            };
            let kind = FileType::from_raw_mode(stat.st_mode);
            if self.is_foreign(&stat) {
                if kind == FileType::RegularFile && stat.st_nlink > 1 {
                    copy(folder, name, stat.st_mode)?;
                }
                rustix::fs::chownat(
                    folder,
                    name,
                    Some(self.uid),
                    Some(self.gid),
                    AtFlags::SYMLINK_NOFOLLOW,
                )?;
            }
            if kind == FileType::Directory {
                let inner = rustix::fs::openat(folder, name, FOLDER, Mode::empty())?;
                self.take(inner, depth + 1)?;
            }
        }
        Ok(())
    }
}

/// Puts a copy in the place of a file that has other names.
fn copy(folder: BorrowedFd<'_>, name: &CStr, mode: u32) -> io::Result<()> {
    const COPY: &CStr = c".ick-copy";
    let mode = Mode::from_raw_mode(mode & 0o777);
    let read = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut from = File::from(rustix::fs::openat(folder, name, read, Mode::empty())?);
    let times = from.metadata()?.modified()?;
    match rustix::fs::unlinkat(folder, COPY, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {}
        Err(why) => return Err(why.into()),
    }
    let write = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let mut to = File::from(rustix::fs::openat(folder, COPY, write, mode)?);
    io::copy(&mut from, &mut to)?;
    rustix::fs::fchmod(&to, mode)?;
    to.set_modified(times)?;
    Ok(rustix::fs::renameat(folder, COPY, folder, name)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::unwrap_used, reason = "a failed test is a panic")]
    fn as_deep_as_is_promised() {
        let place = tempfile::tempdir().unwrap();
        let open = |at: &OwnedFd| rustix::fs::openat(at, "deep", FOLDER, Mode::empty()).unwrap();
        let mut at = rustix::fs::openat(CWD, place.path(), FOLDER, Mode::empty()).unwrap();
        for _ in 0..DEEPEST {
            rustix::fs::mkdirat(&at, "deep", Mode::RWXU).unwrap();
            at = open(&at);
        }
        let own = rustix::process::geteuid().as_raw();
        give(place.path(), own).unwrap();
        rustix::fs::mkdirat(&at, "deep", Mode::RWXU).unwrap();
        let why = give(place.path(), own).unwrap_err().to_string();
        assert!(why.contains("nested more than 800 deep"), "{why}");
        super::super::remove(place.path()).unwrap();
    }
}
