//! What can go wrong with state on disk, sorted by what a daemon does about it.

use crate::room;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use std::io;
use std::path::{Path, PathBuf};

/// A failure of the disk or the database.
///
/// It can be cloned because a failed commit is told to every caller that shared it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The disk, the quota or the database is full: to clients 507.
    #[error("no room left: {0}")]
    Full(String),
    /// Something else holds the database for too long: to clients 503.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// What is on disk is not what was written.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// A newer program has written here.
    #[error(
        "{} has schema version {found}, and this program knows versions up to {known} only: use the newer program that wrote it", .path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The file is a database of something else.
    #[error("{} is not a database of this program", .0.display())]
    Foreign(PathBuf),
    /// Another process uses the state folder.
    #[error(
        "the state folder {} is in use by {}: stop that process, or choose another folder",
        .path.display(),
        .pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process, where it is known.
        pid: Option<u32>,
    },
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// An error of the file system, with what was tried on which path.
    pub fn io(trying: &str, path: &Path, error: &io::Error) -> Self {
        let text = format!("cannot {trying} {}: {error}", path.display());
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => {
                Self::Full(format!("{text}; {}", room::described(path)))
            }
            _ => Self::Other(text),
        }
    }
}

impl Error {
    /// The same; that there is no room also says on which disk.
    pub(crate) fn on_disk_of(self, path: &Path) -> Self {
        match self {
            Self::Full(text) => Self::Full(format!("{text}; {}", room::described(path))),
            other => other,
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(Code::DiskFull) => Self::Full(text),
            // The index of the write-ahead log could not be made longer.
            _ if is_short_index(&error) => Self::Full(text),
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::Busy(text),
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => Self::Corrupt(text),
            _ => Self::Other(format!("the database answered: {text}")),
        }
    }
}

fn is_short_index(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error()
        .is_some_and(|error| error.extended_code == SQLITE_IOERR_SHMSIZE)
}
