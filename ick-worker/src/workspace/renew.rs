//! Making files and folders that were used as new, which is quicker than making new ones.
//!
//! Nobody may be able to tell the difference: owner, mode, names and extended attributes (access
//! control lists are such) are looked at, and what has more than a new one would have is not kept.

use super::remove::{empty, remove};
use rustix::fd::AsFd;
use rustix::fs::{CWD, FileType, Mode, OFlags};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A folder that was once larger than this stays slow to read, in bytes.
const LARGEST: i64 = 64 << 10;

/// Empties a folder and gives it the owner and the mode that one made now would have; replaces it when
/// it would still differ from such a one.
///
/// # Errors
/// Those of the file system.
pub(crate) fn renew(path: &Path, mode: u32) -> io::Result<()> {
    let folder = empty(path)?;
    let small = rustix::fs::fstat(&folder)?.st_size <= LARGEST;
    if small && is_as_new(&folder, mode) {
        return Ok(());
    }
    remove(path)?;
    super::make(path, mode).map(drop)
}

/// Empties a private file, unless it would still differ from one made now. Whether it did.
pub(crate) fn renew_file(path: &Path) -> bool {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(file) = rustix::fs::openat(CWD, path, flags, Mode::empty()) else {
        return false;
    };
    rustix::fs::fstat(&file).is_ok_and(|stat| {
        FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_nlink == 1
    }) && is_as_new(&file, 0o600)
        && rustix::fs::ftruncate(&file, 0).is_ok()
}

/// Writes a private file that is empty or is not there yet.
///
/// # Errors
/// Those of the file system; `AlreadyExists` when it has content.
pub(crate) fn fill_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    match file.metadata()?.len() {
        0 => file.write_all(bytes),
        _ => Err(io::ErrorKind::AlreadyExists.into()),
    }
}

/// Gives a folder the owner and the mode that one made now would have.
///
/// # Errors
/// Those of the file system, and when it still differs from such a one.
pub(crate) fn reset(path: &Path, mode: u32) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
    match is_as_new(&folder, mode) {
        true => Ok(()),
        false => Err(io::Error::other("the folder is not as a new one")),
    }
}

fn is_as_new(what: impl AsFd, mode: u32) -> bool {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    let Ok(stat) = rustix::fs::fstat(&what) else {
        return false;
    };
    let owned = (stat.st_uid, stat.st_gid) == (user.as_raw(), group.as_raw())
        || rustix::fs::fchown(&what, Some(user), Some(group)).is_ok();
    let bare = matches!(
        rustix::fs::flistxattr(&what, &mut [0_u8; 0]),
        Ok(0) | Err(rustix::io::Errno::OPNOTSUPP)
    );
    owned
        && bare
        && (stat.st_mode & 0o7777 == mode
            || rustix::fs::fchmod(&what, Mode::from_raw_mode(mode)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    type Tested = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn a_used_folder_is_as_new() -> Tested {
        let place = tempfile::tempdir()?;
        let folder = place.path().join("folder");
        fs::create_dir_all(folder.join("a/b"))?;
        fs::write(folder.join("file"), "x")?;
        fs::set_permissions(&folder, Permissions::from_mode(0o1555))?;
        let before = fs::metadata(&folder)?.ino();
        renew(&folder, 0o755)?;
        let after = fs::metadata(&folder)?;
        assert_eq!((after.mode() & 0o7777, after.ino()), (0o755, before));
        assert_eq!(fs::read_dir(&folder)?.count(), 0);
        Ok(())
    }

    #[test]
    fn a_folder_that_keeps_a_mark_or_was_large_is_replaced() -> Tested {
        let place = tempfile::tempdir()?;
        let folder = place.path().join("folder");
        fs::create_dir(&folder)?;
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(&folder, c"user.mark", b"kept", flags)?;
        renew(&folder, 0o700)?;
        let left = rustix::fs::listxattr(&folder, &mut [0_u8; 0])?;
        assert_eq!((left, fs::metadata(&folder)?.mode() & 0o7777), (0, 0o700));
        for n in 0..2000 {
            fs::write(folder.join(format!("{n}-{}", "x".repeat(200))), "")?;
        }
        renew(&folder, 0o700)?;
        assert!(i64::try_from(fs::metadata(&folder)?.len())? <= LARGEST);
        Ok(())
    }

    #[test]
    fn files_with_other_names_and_what_is_no_file_are_not_kept() -> Tested {
        let place = tempfile::tempdir()?;
        let at = |name: &str| place.path().join(name);
        fs::write(at("alone"), "old")?;
        assert!(renew_file(&at("alone")));
        let alone = fs::metadata(at("alone"))?;
        assert_eq!((alone.len(), alone.mode() & 0o7777), (0, 0o600));
        fs::write(at("shared"), "kept")?;
        fs::hard_link(at("shared"), at("other"))?;
        symlink(at("other"), at("link"))?;
        rustix::fs::mkfifoat(CWD, at("pipe"), Mode::RWXU)?;
        for not in ["shared", "link", "pipe", "none"] {
            assert!(!renew_file(&at(not)), "{not}");
        }
        assert_eq!(fs::read_to_string(at("other"))?, "kept");
        Ok(())
    }
}
