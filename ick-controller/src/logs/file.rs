//! One log file: recovered when it is opened, appended to at its end.

use super::Error;
use super::format::{CHUNK_HEADER, Chunk, Counts, FILE_HEADER, Kind, Mark, Size};
use super::index::{Entry, Index, SPACING};
use ick_core::build::LeaseId;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// An open log file, and what is known of its end.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) file: Arc<File>,
    pub(super) index: Index,
    pub(super) tail: Tail,
    /// Where the last entry of the index points to.
    indexed: u64,
}

/// The end of a log.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    /// The file's length.
    pub(super) end: u64,
    /// The file's length up to the last byte that came from a worker.
    pub(super) of_workers: u64,
    /// How much there is.
    pub(super) counts: Counts,
    /// The mark in force, and where it is.
    pub(super) mark: Option<(u64, Arc<Mark>)>,
    /// Whether the report's text of the action in force is there.
    pub(super) reported: bool,
}

/// To what an append belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Belongs<'a> {
    pub(super) attempt: u32,
    pub(super) action_id: &'a str,
    /// None for the controller's own words, which leave the lease's count as it is.
    pub(super) lease: Option<&'a LeaseId>,
}

impl LogFile {
    /// Opens a log, and cuts off what a crash left half-written at its end. Makes the file if asked to;
    /// otherwise the error is `NotFound`.
    pub(super) fn open(path: &Path, create: bool) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(create);
        let file = options.open(path)?;
        let len = file.metadata()?.len();
        if len < FILE_HEADER.len() as u64 && !create {
            // There was no room for more than the name: nothing was ever written, nor need be now.
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut index = Index::open(path.with_extension("index"))?;
        let mut header = FILE_HEADER;
        if len < FILE_HEADER.len() as u64 {
            file.write_all_at(&FILE_HEADER, 0)?;
        } else {
            file.read_exact_at(&mut header, 0)?;
        }
        if header != FILE_HEADER {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "{} is no log of a version that is known here",
                    path.display()
                ),
            ));
        }
        let from = index.last_that_holds(&file)?;
        let start = FILE_HEADER.len() as u64;
        let mut log = Self {
            file: Arc::new(file),
            index,
            tail: Tail {
                end: from.map_or(start, |entry| entry.offset),
                of_workers: 0,
                counts: from.map_or_else(Counts::default, |entry| Counts {
                    frames: entry.frames,
                    text: entry.text,
                    lease: 0,
                }),
                mark: None,
                reported: false,
            },
            indexed: from.map_or(start, |entry| entry.offset),
        };
        while log.recover_chunk(len)? {}
        if log.tail.end < len {
            tracing::warn!(
                log = %path.display(),
                bytes = len - log.tail.end,
                "cutting off the half-written end of a log"
            );
            log.file.set_len(log.tail.end)?;
        }
        // What was there before may not have reached the disk: it is durable when it was synced again.
        // A new log has nothing to make durable until a worker appends to it.
        if log.tail.end > start {
            log.tail.of_workers = log.tail.end;
        }
        Ok(log)
    }

    /// Goes over one chunk if it is sound and follows what is before it.
    fn recover_chunk(&mut self, len: u64) -> io::Result<bool> {
        let at = self.tail.end;
        let mut head = [0; CHUNK_HEADER];
        if len.saturating_sub(at) < CHUNK_HEADER as u64 {
            return Ok(false);
        }
        self.file.read_exact_at(&mut head, at)?;
        let Some((chunk, crc)) = Chunk::decode(&head) else {
            return Ok(false);
        };
        if !self.is_next(at, &chunk) {
            return Ok(false);
        }
        let contents_at = at + CHUNK_HEADER as u64;
        if len - contents_at < u64::from(chunk.len) {
            return Ok(false);
        }
        let mut contents = vec![0; chunk.len as usize];
        self.file.read_exact_at(&mut contents, contents_at)?;
        if !chunk.is_sound(&contents, crc) {
            return Ok(false);
        }
        let mark = match (&self.tail.mark, chunk.kind) {
            (_, Kind::Mark) => Mark::decode(&contents).map(Arc::new),
            (Some((place, mark)), _) if *place == chunk.mark => Some(Arc::clone(mark)),
            _ => read_mark(&self.file, chunk.mark)?,
        };
        let Some(mark) = mark else {
            return Ok(false);
        };
        let size = match chunk.kind {
            Kind::Mark => Size::default(),
            _ => match Size::of(&contents) {
                Ok(size) => size,
                Err(_) => return Ok(false),
            },
        };
        self.index_from(at, chunk.before);
        self.tail.mark = Some((chunk.mark, mark));
        self.advance(&chunk, size);
        Ok(true)
    }

    /// Whether a chunk's counts go on from what is before it: those of a file that something else has
    /// written could be anything.
    fn is_next(&self, at: u64, chunk: &Chunk) -> bool {
        let (before, there) = (chunk.before, self.tail.counts);
        // Where the index has led to, the lease's count is not known; a mark can begin one.
        let begins = self.tail.mark.is_none() || chunk.kind == Kind::Mark && before.lease == 0;
        (before.frames, before.text) == (there.frames, there.text)
            && (before.lease == there.lease || begins)
            && (chunk.kind == Kind::Mark) == (chunk.mark == at)
    }

    /// Refuses what an attempt still says after the next one has begun: it would take the count of
    /// bytes away from the lease that holds now.
    pub(super) fn check_attempt(&self, attempt: u32) -> Result<(), Error> {
        match &self.tail.mark {
            Some((_, mark)) if mark.attempt > attempt => Err(Error::Lost),
            _ => Ok(()),
        }
    }

    /// Appends frames, whole or not at all, with a mark before them if they belong to something else
    /// than what is before.
    pub(super) fn append(
        &mut self,
        belongs: Belongs<'_>,
        kind: Kind,
        body: &[u8],
        size: Size,
    ) -> io::Result<()> {
        let mut out = Vec::with_capacity(2 * CHUNK_HEADER + body.len() + 256);
        let before = self.tail.clone();
        let marked = self.mark_for(belongs, &mut out);
        let chunk = Chunk {
            kind,
            reported: self.tail.reported || kind == Kind::Report,
            len: u32::try_from(body.len()).map_err(io::Error::other)?,
            before: self.tail.counts,
            mark: marked,
        };
        chunk.encode_to(body, &mut out);
        if let Err(error) = self.file.write_all_at(&out, before.end) {
            // If this fails too, the checksum tells it apart when the file is opened again.
            let _ = self.file.set_len(before.end);
            self.tail = before;
            return Err(error);
        }
        self.index_from(before.end, before.counts);
        self.advance(&chunk, size);
        Ok(())
    }

    /// The place of the mark in force for `belongs`; encodes one to `out` where it must be made.
    fn mark_for(&mut self, belongs: Belongs<'_>, out: &mut Vec<u8>) -> u64 {
        let old = self.tail.mark.as_ref();
        // What the controller still says of an attempt after the next one has begun stays where it is
        // said, so that each attempt is one part of the log.
        if let Some((place, mark)) = old
            && belongs.lease.is_none()
            && mark.attempt > belongs.attempt
        {
            return *place;
        }
        if let Some((place, mark)) = old
            && mark.attempt == belongs.attempt
            && mark.action_id == belongs.action_id
            && belongs
                .lease
                .is_none_or(|lease| mark.lease.as_ref() == Some(lease))
        {
            return *place;
        }
        let old = old.map(|(_, mark)| Arc::clone(mark));
        let held = old.as_ref().and_then(|mark| mark.lease.as_ref());
        let lease = belongs.lease.or(held).cloned();
        let mut attempts = old
            .as_ref()
            .map_or_else(Vec::new, |mark| mark.attempts.clone());
        if attempts
            .last()
            .is_none_or(|(last, _)| *last != belongs.attempt)
        {
            attempts.push((belongs.attempt, self.tail.counts.text));
        }
        if lease.as_ref() != held {
            self.tail.counts.lease = 0;
        }
        self.tail.reported = false;
        let mark = Mark {
            attempt: belongs.attempt,
            action_id: belongs.action_id.to_owned(),
            lease,
            attempts,
        };
        let place = self.tail.end;
        let contents = mark.encode();
        let chunk = Chunk {
            kind: Kind::Mark,
            reported: false,
            len: u32::try_from(contents.len()).unwrap_or(u32::MAX),
            before: self.tail.counts,
            mark: place,
        };
        chunk.encode_to(&contents, out);
        self.tail.mark = Some((place, Arc::new(mark)));
        self.advance(&chunk, Size::default());
        place
    }

    /// Moves the end behind a chunk.
    fn advance(&mut self, chunk: &Chunk, size: Size) {
        let tail = &mut self.tail;
        tail.end += CHUNK_HEADER as u64 + u64::from(chunk.len);
        tail.counts = Counts {
            frames: chunk.before.frames.saturating_add(size.frames),
            text: chunk.before.text.saturating_add(size.text),
            lease: chunk
                .before
                .lease
                .saturating_add(if chunk.kind.of_worker() {
                    size.payload
                } else {
                    0
                }),
        };
        tail.reported = chunk.reported;
        if chunk.kind.of_worker() {
            tail.of_workers = tail.end;
        }
    }

    fn index_from(&mut self, offset: u64, before: Counts) {
        if offset < self.indexed + SPACING {
            return;
        }
        let entry = Entry {
            offset,
            frames: before.frames,
            text: before.text,
        };
        // Without the entry reading only takes longer.
        if self.index.push(entry).is_ok() {
            self.indexed = offset;
        }
    }
}

/// Reads the mark at a place; none when there is no sound one.
pub(super) fn read_mark(file: &File, at: u64) -> io::Result<Option<Arc<Mark>>> {
    let mut head = [0; CHUNK_HEADER];
    if file.read_exact_at(&mut head, at).is_err() {
        return Ok(None);
    }
    let Some((chunk, crc)) = Chunk::decode(&head).filter(|(chunk, _)| chunk.kind == Kind::Mark)
    else {
        return Ok(None);
    };
    let mut contents = vec![0; chunk.len as usize];
    file.read_exact_at(&mut contents, at + CHUNK_HEADER as u64)?;
    if !chunk.is_sound(&contents, crc) {
        return Ok(None);
    }
    Ok(Mark::decode(&contents).map(Arc::new))
}
