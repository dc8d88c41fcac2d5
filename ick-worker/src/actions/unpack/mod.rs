//! Unpacking a tar archive, plain or compressed with zstd, beneath a folder.
//!
//! Archives are hostile. Names are resolved beneath the folder one part after the other, and no link is
//! followed on the way; what leads out of it is refused. A link may go up only at its beginning, so that
//! it stays inside whatever other links there are. Files are made anew, never written through what is
//! there. [`Rules`] say what is taken over besides: for a system tree owners, setuid bits, attributes and
//! links wherever they lead. Memory is bounded: names and attributes of an entry by [`MOST_HEAD`], the rest
//! is streamed.

mod entry;
mod guard;
mod paths;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tree_tests;

use super::failed;
use crate::engine::cause;
use entry::Tree;
use guard::Guard;
use ick_core::build::{Cause, CauseKind};
use ick_core::name::BlobName;
use rustix::fd::OwnedFd;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, BufReader, Read};

/// The most bytes that names and attributes of one entry may take in an archive.
const MOST_HEAD: u64 = 1 << 20;

/// How a zstd frame begins.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What is taken over from an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// Into a workspace: everything belongs to who unpacks it. No setuid bits, no attributes, and no link
    /// that could lead out.
    Workspace,
    /// As a system tree, by its root (of a user namespace, where owners up to [`HIGHEST_ID`] are mapped):
    /// owners, the setuid bits, attributes as [`super::xattrs`] keeps them, and links to anywhere, which
    /// are right with the tree as root folder.
    Tree,
}

impl Rules {
    /// What is unpacked into, in messages.
    fn place(self) -> &'static str {
        match self {
            Self::Workspace => "the workspace",
            Self::Tree => "the tree",
        }
    }
}

/// The highest user or group of a tree.
const HIGHEST_ID: u64 = 65_535;

/// The room that an archive may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Bytes of the folder in all.
    pub(super) limit: u64,
    /// Bytes that were used before.
    pub(super) used: u64,
}

impl Room {
    /// What an entry takes at least: a block of most file systems.
    const BLOCK: u64 = 4096;

    /// Takes the room for an entry; whether there was as much.
    fn take(&mut self, bytes: u64) -> bool {
        let blocks = bytes.div_ceil(Self::BLOCK).max(1);
        self.used = self.used.saturating_add(blocks.saturating_mul(Self::BLOCK));
        self.used <= self.limit
    }
}

/// What was unpacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unpacked {
    pub(super) entries: u64,
    /// Bytes of the files' contents.
    pub(super) bytes: u64,
}

/// Gives the tar archive in a content, which is plain or compressed with zstd.
pub(super) fn decompressed(content: impl Read) -> io::Result<impl Read> {
    let mut content = BufReader::with_capacity(128 << 10, content);
    let is_zstd = content.fill_buf()?.starts_with(&ZSTD);
    Ok(if is_zstd {
        Tar::Zstd(zstd::Decoder::with_buffer(content)?)
    } else {
        Tar::Plain(content)
    })
}

enum Tar<R: BufRead> {
    Plain(R),
    Zstd(zstd::Decoder<'static, R>),
}

impl<R: BufRead> Read for Tar<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(content) => content.read(buffer),
            Self::Zstd(content) => content.read(buffer),
        }
    }
}

/// Unpacks an artifact's content, compressed or not, beneath a folder. What was unpacked before an error
/// stays.
pub(super) fn unpack(
    name: &BlobName,
    root: OwnedFd,
    content: impl Read,
    mut room: Room,
    rules: Rules,
) -> Result<Unpacked, Cause> {
    let content = decompressed(content).map_err(|why| damaged(name, &why))?;
    let (guard, watch) = Guard::new(content);
    let mut archive = tar::Archive::new(guard);
    let mut tree = Tree::new(name, root, rules)?;
    let mut entries = archive.entries().map_err(|why| damaged(name, &why))?;
    loop {
        watch.allow(MOST_HEAD);
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(|why| damaged(name, &why))?;
        watch.allow(u64::MAX);
        if !room.take(entry.size()) {
            return Err(cause(
                CauseKind::DiskFull,
                format!(
                    "artifact {name}: {} may have {} bytes, and with what is unpacked it would \
                     have more; archive less, or raise `limits.workspace` in the worker's configuration",
                    rules.place(),
                    room.limit
                ),
            ));
        }
        tree.add(&mut entry)?;
        io::copy(&mut entry, &mut io::sink()).map_err(|why| damaged(name, &why))?;
    }
    if watch.ended() {
        return Err(damaged(
            name,
            &io::Error::other("it ends without the mark of an archive's end"),
        ));
    }
    watch.allow(u64::MAX);
    // What follows the end's mark is only padding; an incomplete zstd frame is an error.
    let mut padding = archive.into_inner().take(MOST_HEAD);
    io::copy(&mut padding, &mut io::sink()).map_err(|why| damaged(name, &why))?;
    tree.finish()
}

/// The cause for what is no whole tar archive.
fn damaged(name: &BlobName, why: &io::Error) -> Cause {
    failed(format!(
        "artifact {name} is not a whole tar archive, plain or compressed with zstd: {why}; make it again \
         with the action archive or with tar --zstd"
    ))
}
