//! Appending to a spool, within the limit on the log.

use super::ring::Ring;
use super::{FILE, FRAME, MAGIC, RING_FILE};
use crate::workspace::fill_file;
use ick_api::logframe::{HEADER_LEN, Header, Stream};
use ick_core::time::Timestamp;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::path::{Path, PathBuf};

/// The writing end of a spool.
///
/// What the log may take goes into the spool; when that is full, the last bytes are kept in a ring
/// until the end is known.
#[derive(Debug)]
pub struct Writer {
    file: File,
    ring_path: PathBuf,
    ring: Option<Ring>,
    /// Bytes of the file that are whole frames.
    whole: u64,
    /// Payload bytes in the file.
    length: u64,
    /// Payload bytes that still go into the spool itself.
    head_left: u64,
    tail: u64,
    ends_line: bool,
}

impl Writer {
    /// Creates the empty spool of the action whose folder this is, so that it can be followed before
    /// there is anyone who writes to it.
    ///
    /// # Errors
    /// Those of the file system; `AlreadyExists` when there is one.
    pub fn create(folder: &Path) -> io::Result<()> {
        fill_file(&folder.join(FILE), &MAGIC)
    }

    /// Opens the empty spool of the action whose folder this is. `log_left` is what the build's log
    /// may still take; the last `tail` bytes are kept whatever that is.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(folder: &Path, log_left: u64, tail: u64) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(folder.join(FILE))?;
        Ok(Self {
            file,
            ring_path: folder.join(RING_FILE),
            ring: None,
            whole: MAGIC.len() as u64,
            length: 0,
            head_left: log_left.saturating_sub(tail),
            tail,
            ends_line: true,
        })
    }

    /// How many payload bytes the spool has.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Appends what was read at once from one stream.
    ///
    /// # Errors
    /// Those of the file system; the spool then ends with the last whole frame before.
    pub fn append(&mut self, stream: Stream, time: Timestamp, bytes: &[u8]) -> io::Result<()> {
        let room = usize::try_from(self.head_left).unwrap_or(usize::MAX);
        let (head, rest) = bytes.split_at(bytes.len().min(room));
        if !head.is_empty() {
            self.head_left -= head.len() as u64;
            self.write(stream, time, head)?;
        }
        if !rest.is_empty() {
            if self.ring.is_none() {
                self.ring = Some(Ring::create(&self.ring_path, self.tail)?);
            }
            if let Some(ring) = &mut self.ring {
                ring.push(stream, time, rest)?;
            }
        }
        Ok(())
    }

    /// Ends the spool: if bytes had to be left out says so, then appends the last ones. Returns how
    /// many payload bytes the spool has.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn finish(mut self, now: Timestamp) -> io::Result<u64> {
        if let Some(ring) = self.ring.take() {
            if ring.left_out() > 0 {
                let line_break = if self.ends_line { "" } else { "\n" };
                let line = format!("{line_break}[ick: {} bytes left out]\n", ring.left_out());
                self.write(Stream::Stdout, now, line.as_bytes())?;
            }
            ring.drain(|stream, time, bytes| self.write(stream, time, bytes))?;
            // The tail is in the spool now.
            let _ = std::fs::remove_file(&self.ring_path);
        }
        Ok(self.length)
    }

    fn write(&mut self, stream: Stream, time: Timestamp, bytes: &[u8]) -> io::Result<()> {
        // Headers live in one array so that a whole read goes out in few system calls.
        const FRAMES: usize = 64;
        for batch in bytes.chunks(FRAMES * FRAME) {
            let mut headers = [[0; HEADER_LEN]; FRAMES];
            for (header, chunk) in headers.iter_mut().zip(batch.chunks(FRAME)) {
                *header = Header {
                    stream,
                    time,
                    len: u32::try_from(chunk.len()).unwrap_or(u32::MAX),
                }
                .encode();
            }
            let mut slices: Vec<IoSlice<'_>> = headers
                .iter()
                .zip(batch.chunks(FRAME))
                .flat_map(|(header, chunk)| [IoSlice::new(header), IoSlice::new(chunk)])
                .collect();
            let total: usize = slices.iter().map(|slice| slice.len()).sum();
            if let Err(why) = write_all(&self.file, &mut slices) {
                let _ = self.file.set_len(self.whole);
                return Err(why);
            }
            self.whole += total as u64;
            self.length += batch.len() as u64;
        }
        if let Some(last) = bytes.last() {
            self.ends_line = *last == b'\n';
        }
        Ok(())
    }
}

fn write_all(mut file: &File, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut slices, count),
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
    Ok(())
}
