//! A copy of an entry. Where the file system has reflinks, no content is written anew.

use crate::workspace::DEEPEST;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps};
use rustix::io::Errno;
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::path::Path;

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Makes a folder with a copy of all that is in another: folders, files and links, with their modes
/// and times. What is none of these is left out. The copy is this process's user's.
///
/// # Errors
/// Those of the file system; when folders are nested too deep.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let from = rustix::fs::openat(CWD, from, FOLDER, Mode::empty())?;
    rustix::fs::mkdirat(CWD, to, Mode::RWXU)?;
    let to = rustix::fs::openat(CWD, to, FOLDER, Mode::empty())?;
    contents(&from, &to, 0)
}

fn contents(from: &OwnedFd, to: &OwnedFd, depth: usize) -> io::Result<()> {
    // Two descriptors for each level.
    if depth > DEEPEST / 2 {
        return Err(io::Error::other(format!(
            "folders are nested more than {} deep",
            DEEPEST / 2
        )));
    }
    let mut entries = Dir::read_from(from)?;
    while let Some(entry) = entries.read() {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let stat = rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let inner = rustix::fs::openat(from, name, FOLDER, Mode::empty())?;
                rustix::fs::mkdirat(to, name, Mode::RWXU)?;
                let made = rustix::fs::openat(to, name, FOLDER, Mode::empty())?;
                contents(&inner, &made, depth + 1)?;
                finish(&made, &stat)?;
            }
            FileType::RegularFile => file(from, to, name)?,
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(from, name, Vec::new())?;
                rustix::fs::symlinkat(&target, to, name)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn file(from: &OwnedFd, to: &OwnedFd, name: &CStr) -> io::Result<()> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut read = File::from(rustix::fs::openat(
        from,
        name,
        flags | OFlags::RDONLY,
        Mode::empty(),
    )?);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let mut write = File::from(rustix::fs::openat(
        to,
        name,
        flags,
        Mode::RUSR | Mode::WUSR,
    )?);
    // By copy_file_range(2), which makes a reflink where it can.
    io::copy(&mut read, &mut write)?;
    finish(&write, &rustix::fs::fstat(&read)?)
}

/// Gives what was copied the mode and the time of what it is a copy of.
fn finish(copy: impl AsFd, of: &Stat) -> io::Result<()> {
    rustix::fs::fchmod(&copy, Mode::from_raw_mode(of.st_mode & 0o777))?;
    let modified = Timespec {
        tv_sec: of.st_mtime,
        tv_nsec: i64::try_from(of.st_mtime_nsec).map_err(|_| io::Error::from(Errno::INVAL))?,
    };
    let times = Timestamps {
        last_access: modified,
        last_modification: modified,
    };
    Ok(rustix::fs::futimens(&copy, &times)?)
}
