//! Reaching into the workspace without ever leaving it: openat2(2) with `RESOLVE_BENEATH`, and no
//! link is followed on the way.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::io;
use std::path::{Component, Path};

const RESOLVE: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS);

/// Opens the folder beneath which everything is, by a path that is the worker's own.
pub(crate) fn root(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
}

/// Opens what is at a relative path; an empty path or `.` is the root itself.
pub(crate) fn open(root: impl AsFd, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    // EAGAIN: something was renamed meanwhile, and the kernel could not be sure.
    for _ in 0..1000 {
        match rustix::fs::openat2(
            root.as_fd(),
            path,
            flags | OFlags::CLOEXEC,
            Mode::empty(),
            RESOLVE,
        ) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return Ok(other?),
        }
    }
    Err(Errno::AGAIN.into())
}

/// What is at a relative path; a link is a link.
pub(super) fn kind(root: impl AsFd, path: &Path) -> io::Result<FileType> {
    let there = open(root, path, OFlags::PATH | OFlags::NOFOLLOW)?;
    Ok(FileType::from_raw_mode(rustix::fs::fstat(there)?.st_mode))
}

/// Opens a folder beneath the root, making what is missing of it.
pub(crate) fn make_folders(root: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let mut at = open(root, Path::new("."), flags)?;
    for component in path.components() {
        let Component::Normal(name) = component else {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        };
        match rustix::fs::mkdirat(&at, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(why) => return Err(why.into()),
        }
        at = open(&at, Path::new(name), flags)?;
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    type Tested = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn nothing_leads_out() -> Tested {
        let place = tempfile::tempdir()?;
        let inside = place.path().join("inside");
        fs::create_dir_all(inside.join("a/b"))?;
        fs::create_dir(place.path().join("outside"))?;
        symlink("../outside", inside.join("out"))?;
        symlink(place.path().join("outside"), inside.join("far"))?;
        symlink("a", inside.join("near"))?;
        let root = root(&inside)?;
        open(&root, Path::new("a/b"), OFlags::PATH)?;
        for bad in [
            "..",
            "out",
            "far",
            "near",
            "near/b",
            "a/../../outside",
            "/etc",
        ] {
            assert!(open(&root, Path::new(bad), OFlags::PATH).is_err(), "{bad}");
        }
        make_folders(&root, Path::new("a/new/deep"))?;
        assert!(inside.join("a/new/deep").is_dir());
        for bad in ["out/x", "far/x", "near/x", "../outside/x"] {
            assert!(make_folders(&root, Path::new(bad)).is_err(), "{bad}");
        }
        assert_eq!(fs::read_dir(place.path().join("outside"))?.count(), 0);
        Ok(())
    }
}
