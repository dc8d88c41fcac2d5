//! The sparse index beside a log: where every so many bytes a chunk begins, and what is before it.
//!
//! It is a help, never a truth: each entry is compared with the chunk it points to, and what is missing
//! is found by reading on from the last entry that holds.

use super::format::{CHUNK_HEADER, Chunk};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// An entry is made when so many bytes were written since the last.
pub(super) const SPACING: u64 = 64 << 10;

const ENTRY: usize = 24;

/// An entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where the chunk begins.
    pub(super) offset: u64,
    /// How many frames are before it.
    pub(super) frames: u64,
    /// How much text is before it.
    pub(super) text: u64,
}

/// The index of one log.
#[derive(Debug)]
pub(super) struct Index {
    path: PathBuf,
    /// None as long as no entry was made: most logs are short.
    file: Option<File>,
    entries: u64,
}

impl Index {
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = match options.read(true).write(true).open(&path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let len = match &file {
            Some(file) => file.metadata()?.len(),
            None => 0,
        };
        Ok(Self {
            path,
            file,
            entries: len / ENTRY as u64,
        })
    }

    fn get(&self, place: u64) -> io::Result<Entry> {
        let mut bytes = [0; ENTRY];
        if let Some(file) = &self.file {
            file.read_exact_at(&mut bytes, place * ENTRY as u64)?;
        }
        let mut numbers = bytes
            .as_chunks::<8>()
            .0
            .iter()
            .map(|n| u64::from_be_bytes(*n));
        let mut next = || numbers.next().unwrap_or_default();
        Ok(Entry {
            offset: next(),
            frames: next(),
            text: next(),
        })
    }

    /// The last entry that points to a chunk of `log` with its counts; those after it are dropped.
    pub(super) fn last_that_holds(&mut self, log: &File) -> io::Result<Option<Entry>> {
        while let Some(place) = self.entries.checked_sub(1) {
            let entry = self.get(place)?;
            let mut head = [0; CHUNK_HEADER];
            if log.read_exact_at(&mut head, entry.offset).is_ok()
                && let Some((chunk, crc)) = Chunk::decode(&head)
                && (chunk.before.frames, chunk.before.text) == (entry.frames, entry.text)
            {
                let mut contents = vec![0; chunk.len as usize];
                let whole = log
                    .read_exact_at(&mut contents, entry.offset + CHUNK_HEADER as u64)
                    .is_ok();
                if whole && chunk.is_sound(&contents, crc) {
                    return Ok(Some(entry));
                }
            }
            self.entries = place;
            if let Some(file) = &self.file {
                file.set_len(place * ENTRY as u64)?;
            }
        }
        Ok(None)
    }

    /// Adds an entry after the last. Failing leaves the index shorter, not wrong.
    pub(super) fn push(&mut self, entry: Entry) -> io::Result<()> {
        let mut bytes = [0; ENTRY];
        let numbers = [entry.offset, entry.frames, entry.text];
        for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        let file = match &self.file {
            Some(file) => file,
            None => {
                let mut options = OpenOptions::new();
                options.read(true).write(true).create(true).truncate(false);
                self.file.insert(options.open(&self.path)?)
            }
        };
        file.write_all_at(&bytes, self.entries * ENTRY as u64)?;
        self.entries += 1;
        Ok(())
    }

    /// The last entry for which `before` holds, given that it holds for the first ones only.
    pub(super) fn seek(&self, before: impl Fn(&Entry) -> bool) -> io::Result<Option<Entry>> {
        let (mut low, mut high) = (0, self.entries);
        let mut found = None;
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = self.get(middle)?;
            if before(&entry) {
                found = Some(entry);
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(found)
    }
}
