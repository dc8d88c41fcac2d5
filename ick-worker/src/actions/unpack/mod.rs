//! Unpacking a tar archive, plain or compressed with zstd, beneath a folder.
//!
//! Archives are hostile. Names are resolved beneath the folder one part after the other, and no link is
//! followed on the way; what leads out of it is refused. A link may go up only at its beginning, so that
//! it stays inside whatever other links there are. Files are made anew, never written through what is
//! there. [`Rules`] say what is taken over besides: for a system tree owners, setuid bits, attributes and
//! links wherever they lead. Memory is bounded: names and attributes of an entry by [`reader::MOST_HEAD`], the rest
//! is streamed.

mod about;
mod paths;
mod reader;
#[cfg(test)]
mod tests;
mod tree;
#[cfg(test)]
mod tree_tests;
mod words;
mod writers;

use super::pieces::ahead;
use ick_core::build::Cause;
use ick_core::name::BlobName;
use reader::Archive;
use rustix::fd::OwnedFd;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, BufReader, Read};
use tree::Tree;
use words::Words;
use writers::Writers;

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

    /// Takes room; whether there was as much.
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
pub(super) fn decompressed<R: Read>(content: R) -> io::Result<Tar<BufReader<R>>> {
    let mut content = BufReader::with_capacity(128 << 10, content);
    let is_zstd = content.fill_buf()?.starts_with(&ZSTD);
    Ok(if is_zstd {
        Tar::Zstd(zstd::Decoder::with_buffer(content)?)
    } else {
        Tar::Plain(content)
    })
}

/// A content's tar archive.
pub(super) enum Tar<R: BufRead> {
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
///
/// Fetching, decompressing and reading the archive are threads of their own, and so are those that make
/// small files; what may wait between them is bounded.
pub(super) fn unpack(
    name: &BlobName,
    root: OwnedFd,
    content: impl Read + Send,
    room: Room,
    rules: Rules,
) -> Result<Unpacked, Cause> {
    let words = Words { name, rules };
    std::thread::scope(|scope| {
        let mut tree = Tree::new(words, root, room, Writers::new(scope, words))?;
        let read = || {
            let damaged = |why| words.damaged(&why);
            let content = decompressed(ahead(scope, content)).map_err(damaged)?;
            let mut archive = Archive::new(ahead(scope, content));
            while let Some(entry) = archive.next().map_err(damaged)? {
                tree.add(&entry, &mut archive)?;
            }
            archive.finish().map_err(damaged)
        };
        let read = read();
        tree.finish(read)
    })
}
