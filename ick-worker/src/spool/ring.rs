//! The last bytes of a log that is too long, kept on disk until the end is known.

use ick_api::logframe::Stream;
use ick_core::time::Timestamp;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// A file that is written round and round. Which bytes came from which stream is kept in memory.
#[derive(Debug)]
pub(super) struct Ring {
    file: File,
    capacity: u64,
    /// The file offset of the next byte.
    next: u64,
    /// Bytes kept.
    kept: u64,
    left_out: u64,
    pieces: VecDeque<Piece>,
}

#[derive(Debug)]
struct Piece {
    stream: Stream,
    time: Timestamp,
    len: u64,
}

impl Ring {
    pub(super) fn create(path: &Path, capacity: u64) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        Ok(Self {
            file,
            capacity,
            next: 0,
            kept: 0,
            left_out: 0,
            pieces: VecDeque::new(),
        })
    }

    /// How many bytes have been overwritten.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    pub(super) fn push(&mut self, stream: Stream, time: Timestamp, bytes: &[u8]) -> io::Result<()> {
        let capacity = usize::try_from(self.capacity).unwrap_or(usize::MAX);
        let skipped = bytes.len().saturating_sub(capacity);
        self.left_out += skipped as u64;
        let bytes = &bytes[skipped..];
        let len = bytes.len() as u64;
        self.forget((self.kept + len).saturating_sub(self.capacity));
        let until_end = usize::try_from(self.capacity - self.next).unwrap_or(usize::MAX);
        let (first, second) = bytes.split_at(bytes.len().min(until_end));
        self.file.write_all_at(first, self.next)?;
        self.file.write_all_at(second, 0)?;
        if self.capacity > 0 {
            self.next = (self.next + len) % self.capacity;
        }
        self.kept += len;
        match self.pieces.back_mut() {
            // Small writes of one stream share a piece, or a chatty program would fill the memory.
            Some(last) if last.stream == stream && last.len < 4096 => last.len += len,
            _ if len > 0 => self.pieces.push_back(Piece { stream, time, len }),
            _ => {}
        }
        Ok(())
    }

    /// Gives up the first `count` bytes.
    fn forget(&mut self, count: u64) {
        let mut left = count;
        while left > 0 {
            let Some(first) = self.pieces.front_mut() else {
                break;
            };
            let gone = first.len.min(left);
            first.len -= gone;
            left -= gone;
            if first.len == 0 {
                self.pieces.pop_front();
            }
        }
        let gone = count - left;
        self.kept -= gone;
        self.left_out += gone;
    }

    /// Gives back what was kept, in order.
    pub(super) fn drain(
        self,
        mut each: impl FnMut(Stream, Timestamp, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.capacity == 0 {
            return Ok(());
        }
        let mut at = (self.next + self.capacity - self.kept % self.capacity) % self.capacity;
        let mut bytes = vec![0; super::FRAME];
        for piece in self.pieces {
            let mut left = piece.len;
            while left > 0 {
                let count = left.min(self.capacity - at).min(bytes.len() as u64);
                let part = &mut bytes[..usize::try_from(count).unwrap_or(super::FRAME)];
                self.file.read_exact_at(part, at)?;
                each(piece.stream, piece.time, part)?;
                at = (at + count) % self.capacity;
                left -= count;
            }
        }
        Ok(())
    }
}
