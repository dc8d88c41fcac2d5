//! The state folder of a daemon: one process at a time.

use crate::{Error, atomic};
use rustix::fs::{FlockOperation, flock};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A state folder that is locked for as long as this value lives.
///
/// The lock is the kernel's (`flock` on the file `lock`), so it ends with the process, however that
/// ends; programs that the process starts do not inherit it.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    _lock: File,
}

impl StateFolder {
    /// Creates the folder where there is none (mode 0700), locks it, and removes what an earlier
    /// process was writing when it was killed.
    ///
    /// # Errors
    /// [`Error::InUse`] when another process has it; those of the file system.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(|e| Error::io("create the state folder", &path, &e))?;
        let lock_path = path.join("lock");
        let failed = |e: &std::io::Error| Error::io("lock", &lock_path, e);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(|e| failed(&e))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut text = String::new();
                let _ = lock.read_to_string(&mut text);
                return Err(Error::InUse {
                    path,
                    pid: text.trim().parse().ok(),
                });
            }
            Err(e) => return Err(failed(&e.into())),
        }
        // The process id is for people only; what counts is the lock, and a full disk has no room for more.
        let _ = lock
            .set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{}", std::process::id()));
        atomic::sweep(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of something of the daemon's own in it. Never for a name that came from outside.
    pub fn join(&self, part: &'static str) -> PathBuf {
        self.path.join(part)
    }

    /// Creates a folder of the daemon's own in it, mode 0700, where there is none.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn folder(&self, part: &'static str) -> Result<PathBuf, Error> {
        let path = self.path.join(part);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(|e| Error::io("create the folder", &path, &e))?;
        Ok(path)
    }
}
