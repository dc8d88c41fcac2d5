//! What is told of an archive that cannot be unpacked.

use super::super::failed;
use super::{Room, Rules};
use crate::engine::{cannot, cause};
use ick_core::build::{Cause, CauseKind};
use ick_core::name::BlobName;
use rustix::io::Errno;
use std::io;
use std::path::Path;

/// The archive, and what it is unpacked into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words<'a> {
    pub(super) name: &'a BlobName,
    pub(super) rules: Rules,
}

impl Words<'_> {
    /// What is unpacked into.
    pub(super) fn place(self) -> &'static str {
        match self.rules {
            Rules::Workspace => "the workspace",
            Rules::Tree => "the tree",
        }
    }

    /// The cause for what is no whole tar archive.
    pub(super) fn damaged(self, why: &io::Error) -> Cause {
        failed(format!(
            "artifact {} is not a whole tar archive, plain or compressed with zstd: {why}; make it again \
             with the action archive or with tar --zstd",
            self.name
        ))
    }

    pub(super) fn full(self, room: Room) -> Cause {
        cause(
            CauseKind::DiskFull,
            format!(
                "artifact {}: {} may have {} bytes, and with what is unpacked it would have more; archive \
                 less, or raise `limits.workspace` in the worker's configuration",
                self.name,
                self.place(),
                room.limit
            ),
        )
    }

    pub(super) fn refuse(self, path: &Path, why: &str) -> Cause {
        let shown: String = format!("{path:?}").chars().take(300).collect();
        failed(format!("artifact {}: the entry {shown} {why}", self.name))
    }

    pub(super) fn cannot_make(self, path: &Path, why: &io::Error) -> Cause {
        match why.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::LOOP | Errno::NOTDIR | Errno::XDEV) => self.refuse(
                path,
                "goes through a link or a file, and nothing is written through one; remove that before, or \
                 pack the folder itself",
            ),
            Some(Errno::ISDIR) => self.refuse(
                path,
                "is to be where a folder is already; remove the folder before, or pack it under another name",
            ),
            Some(Errno::NAMETOOLONG) => self.refuse(
                path,
                "has a longer name than the file system takes; pack it with a shorter one",
            ),
            Some(Errno::NOSPC | Errno::DQUOT) => {
                cannot(&format!("unpack {path:?} of artifact {}", self.name), why)
            }
            _ => self.refuse(
                path,
                &format!(
                    "cannot be made: {why}; is that place in {} the worker's to write?",
                    self.place()
                ),
            ),
        }
    }
}
