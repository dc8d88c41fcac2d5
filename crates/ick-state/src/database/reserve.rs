//! A reserve for the write-ahead log, so that a disk that others have filled does not keep a daemon
//! from recording how work ended, or that something was deleted.
//!
//! The blocks are allocated beyond the log's end and stay with the file, whose end SQLite moves on
//! over them. When the log was copied into the database, it begins again at its first block.

use rustix::fs::{FallocateFlags, fallocate};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

/// How much the write-ahead log can take, in bytes: twice what it has when SQLite copies it into the
/// database (1000 pages).
const RESERVE: u64 = 8 << 20;

/// Sees to it that the write-ahead log of a database has its reserve; false when there is no room, or
/// no log yet. A file system that cannot do it has none, and that is that.
pub(super) fn keep(database: &Path) -> bool {
    // No lock of SQLite's is on this file, so opening and closing it loses none.
    let Ok(log) = OpenOptions::new().write(true).open(log(database)) else {
        return false;
    };
    match fallocate(&log, FallocateFlags::KEEP_SIZE, 0, RESERVE) {
        Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => true,
        Err(_) => false,
    }
}

fn log(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}
