//! Writing the result so that it is there whole or not at all, also when the disk is full.

use crate::engine::{ActionResult, RESULT, RESULT_TO_COME};
use rustix::fs::FallocateFlags;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file with room for a result without outputs, kept from the start.
pub(super) struct Reserved {
    file: File,
    at: PathBuf,
    to: PathBuf,
}

impl Reserved {
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let at = folder.join(RESULT_TO_COME);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&at)?;
        // Not every file system can; then a full disk may also cost the result.
        let _ = rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, 0, 4096);
        Ok(Self {
            file,
            at,
            to: folder.join(RESULT),
        })
    }

    pub(super) fn write(mut self, result: &ActionResult) -> io::Result<()> {
        let text = serde_json::to_vec(result)?;
        self.file.write_all(&text)?;
        fs::rename(&self.at, &self.to)
    }
}
