//! Removing a folder with all that is in it.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::io;
use std::path::Path;

/// Removes a folder with all that is in it, however deep and with whatever modes. That there is none
/// is no error.
///
/// Folders are moved up to the top before they are emptied, so that depth takes neither stack nor
/// file descriptors nor long paths.
///
/// # Errors
/// The first that the file system has; the rest is removed all the same.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match empty(path) {
        Ok(_) => std::fs::remove_dir(path),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(why) => Err(why),
    }
}

/// Removes all that is in a folder, as [`remove`] does, and returns the folder.
///
/// # Errors
/// The first that the file system has; the rest is removed all the same.
pub(super) fn empty(path: &Path) -> io::Result<OwnedFd> {
    let mut removal = Removal {
        top: open(CWD, path)?,
        moved: 0,
        first: None,
    };
    removal.empty()?;
    match removal.first {
        Some(why) => Err(why.into()),
        None => Ok(removal.top),
    }
}

struct Removal {
    top: OwnedFd,
    /// How many folders were moved to the top.
    moved: u64,
    first: Option<Errno>,
}

impl Removal {
    fn empty(&mut self) -> io::Result<()> {
        let mut waiting = Vec::new();
        let top = self.top.try_clone()?;
        self.empty_one(&top, &mut waiting)?;
        while let Some(name) = waiting.pop() {
            match open(&self.top, name.as_c_str()) {
                Ok(folder) => {
                    self.empty_one(&folder, &mut waiting)?;
                    drop(folder);
                    let gone = rustix::fs::unlinkat(&self.top, name.as_c_str(), AtFlags::REMOVEDIR);
                    self.note(gone);
                }
                Err(why) => self.note(Err(why)),
            }
        }
        Ok(())
    }

    /// Removes what is no folder, and moves what is one and not empty to the top.
    fn empty_one(&mut self, folder: &OwnedFd, waiting: &mut Vec<CString>) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                entries.push((name.to_owned(), entry.file_type()));
            }
        }
        for (name, kind) in entries {
            let name = name.as_c_str();
            if kind != FileType::Directory {
                match rustix::fs::unlinkat(folder, name, AtFlags::empty()) {
                    // The file system does not tell kinds.
                    Err(Errno::ISDIR) => {}
                    other => {
                        self.note(other);
                        continue;
                    }
                }
            }
            if rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR).is_ok() {
                continue;
            }
            // To be moved, a folder must be writable itself: its ".." changes.
            let _ = open(folder, name);
            match self.move_up(folder, name)? {
                Ok(moved) => waiting.push(moved),
                Err(why) => self.note(Err(why)),
            }
        }
        Ok(())
    }

    /// Moves a folder to the top, under a name that nothing has there.
    fn move_up(&mut self, folder: &OwnedFd, name: &CStr) -> io::Result<Result<CString, Errno>> {
        loop {
            self.moved += 1;
            let moved = CString::new(format!(".ick-removed-{}", self.moved))?;
            let flags = RenameFlags::NOREPLACE;
            match rustix::fs::renameat_with(folder, name, &self.top, moved.as_c_str(), flags) {
                // Someone who knew what names are given here.
                Err(Errno::EXIST) => {}
                // The file system cannot tell.
                Err(Errno::INVAL) => {
                    let moving = rustix::fs::renameat(folder, name, &self.top, moved.as_c_str());
                    return Ok(moving.map(|()| moved));
                }
                other => return Ok(other.map(|()| moved)),
            }
        }
    }

    fn note(&mut self, what: Result<(), Errno>) {
        if let Err(why) = what
            && why != Errno::NOENT
        {
            self.first.get_or_insert(why);
        }
    }
}

/// Opens a folder, after making it possible for its owner to do so.
fn open<P: rustix::path::Arg + Copy>(at: impl AsFd, name: P) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(at.as_fd(), name, flags | OFlags::RDONLY, Mode::empty());
    let writable = |folder: &OwnedFd| {
        rustix::fs::fstat(folder).is_ok_and(|stat| stat.st_mode & 0o700 == 0o700)
    };
    match folder {
        Ok(folder) if writable(&folder) => return Ok(folder),
        Ok(_) | Err(Errno::ACCESS) => {}
        Err(why) => return Err(why),
    }
    let there = rustix::fs::openat(at.as_fd(), name, flags | OFlags::PATH, Mode::empty())?;
    // By its descriptor, so that no link is followed.
    let proc = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&there));
    let _ = rustix::fs::chmod(proc, Mode::RWXU);
    rustix::fs::openat(at.as_fd(), name, flags | OFlags::RDONLY, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    type Tested = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn what_is_not_there_is_removed() -> Tested {
        let place = tempfile::tempdir()?;
        remove(&place.path().join("none"))?;
        Ok(())
    }

    #[test]
    fn the_names_that_are_given_on_the_way_may_be_there_already() -> Tested {
        let place = tempfile::tempdir()?;
        let top = place.path().join("top");
        for name in ["a", ".ick-removed-2", ".ick-removed-3"] {
            fs::create_dir_all(top.join(name).join("inner"))?;
        }
        fs::write(top.join(".ick-removed-1"), "")?;
        remove(&top)?;
        assert!(!top.exists());
        Ok(())
    }

    #[test]
    fn depth_and_modes_and_links_do_not_stop_it() -> Tested {
        let place = tempfile::tempdir()?;
        let outside = place.path().join("outside");
        fs::create_dir(&outside)?;
        fs::write(outside.join("kept"), "kept")?;
        let top = place.path().join("top");
        fs::create_dir(&top)?;
        std::os::unix::fs::symlink(&outside, top.join("link"))?;
        fs::create_dir_all(top.join("closed/inner"))?;
        fs::write(top.join("closed/inner/file"), "")?;
        fs::set_permissions(top.join("closed/inner"), fs::Permissions::from_mode(0o000))?;
        fs::set_permissions(top.join("closed"), fs::Permissions::from_mode(0o500))?;
        let mut at = rustix::fs::open(&top, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        for _ in 0..1200 {
            rustix::fs::mkdirat(&at, "deep", Mode::RWXU)?;
            at = rustix::fs::openat(&at, "deep", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        }
        remove(&top)?;
        assert!(!top.exists());
        assert_eq!(fs::read_to_string(outside.join("kept"))?, "kept");
        Ok(())
    }
}
