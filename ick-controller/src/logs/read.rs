//! Reading a log as text or as records, from any place, a piece at a time.
//!
//! A reader holds no file and, between pieces, no buffer: a follower that waits is some hundred bytes.

use super::walk::{View, Walk};
use super::{Error, Log, Logs};
use base64::Engine;
use ick_api::controller::LogRecord;
use ick_api::logframe::Stream;
use ick_core::name::BuildId;
use std::ops::Range;
use std::sync::Arc;

/// What a record has besides its text, about, in bytes.
const RECORD: usize = 128;

/// Reads stdout and stderr as they arrived.
#[derive(Debug)]
pub struct TextReader {
    log: Arc<Log>,
    walk: Option<Walk>,
    /// The position of the next byte, in the text of all attempts.
    position: u64,
    /// Where the rest of the present frame is.
    frame: Range<u64>,
}

/// Reads records.
#[derive(Debug)]
pub struct RecordReader {
    log: Arc<Log>,
    walk: Option<Walk>,
    after: u64,
    attempt: Option<u32>,
}

impl Logs {
    /// The text there is, of all attempts or of one, by its positions in that of all. An attempt that
    /// has written nothing yet has an empty range at the end. The end of a range of the last attempt
    /// moves while the log grows: [`Logs::is_last_attempt`].
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn text_range(&self, build: &BuildId, attempt: Option<u32>) -> Result<Range<u64>, Error> {
        let Some(view) = self.view(&self.log(build))? else {
            return Ok(0..0);
        };
        let all = view.tail.counts.text;
        let Some(attempt) = attempt else {
            return Ok(0..all);
        };
        let attempts = view
            .tail
            .mark
            .map_or_else(Vec::new, |(_, mark)| mark.attempts.clone());
        let start = attempts.iter().find(|(number, _)| *number >= attempt);
        let end = attempts.iter().find(|(number, _)| *number > attempt);
        let end = end.map_or(all, |(_, start)| *start).min(all);
        Ok(start.map_or(end, |(_, start)| *start).min(end)..end)
    }

    /// Reads text from a position in that of all attempts on.
    pub fn read_text(&self, build: &BuildId, position: u64) -> TextReader {
        TextReader::new(self.log(build), position)
    }

    /// Reads records after a number, of all attempts or of one.
    pub fn read_records(&self, build: &BuildId, after: u64, attempt: Option<u32>) -> RecordReader {
        RecordReader::new(self.log(build), after, attempt)
    }
}

impl TextReader {
    pub(super) fn new(log: Arc<Log>, position: u64) -> Self {
        Self {
            log,
            walk: None,
            position,
            frame: 0..0,
        }
    }

    /// The position of the next byte, in the text of all attempts.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next bytes, at most `most` and not beyond `until`; empty when there are no more yet.
    ///
    /// # Errors
    /// When the log cannot be read, or was deleted.
    pub fn read(&mut self, logs: &Logs, until: u64, most: usize) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        let Some(view) = logs.view(&self.log)? else {
            return Ok(out);
        };
        let until = until.min(view.tail.counts.text);
        if self.position >= until {
            return Ok(out);
        }
        let upto = |len: u64, most: usize| usize::try_from(len).map_or(most, |len| len.min(most));
        out.reserve(upto(until - self.position, most));
        let mut walk = match self.walk.take() {
            Some(walk) => walk,
            None => {
                let position = self.position;
                logs.seek(&self.log, &view, |entry| entry.text <= position)?
            }
        };
        walk.through(most);
        while self.position < until && out.len() < most {
            if self.frame.is_empty() && !self.next_frame(&mut walk, &view)? {
                break;
            }
            let left = (self.frame.end - self.frame.start).min(until - self.position);
            let len = upto(left, most - out.len());
            walk.copy(&view, self.frame.start, len, &mut out)
                .map_err(Error::from)?;
            self.frame.start += len as u64;
            self.position += len as u64;
        }
        walk.rest();
        self.walk = Some(walk);
        Ok(out)
    }

    /// Goes to the frame that has the byte at the position; false when there is none yet.
    fn next_frame(&mut self, walk: &mut Walk, view: &View) -> Result<bool, Error> {
        while let Some(found) = walk.next(view)? {
            let end = found.text + u64::from(found.header.len);
            if found.header.stream != Stream::Ick && end > self.position {
                let skip = self.position.saturating_sub(found.text);
                self.frame = found.at + skip..found.at + u64::from(found.header.len);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl RecordReader {
    pub(super) fn new(log: Arc<Log>, after: u64, attempt: Option<u32>) -> Self {
        Self {
            log,
            walk: None,
            after,
            attempt,
        }
    }

    /// The next records, at least one and then no more than about `most` bytes of them; empty when there
    /// are no more yet.
    ///
    /// # Errors
    /// When the log cannot be read, or was deleted.
    pub fn read(&mut self, logs: &Logs, most: usize) -> Result<Vec<LogRecord>, Error> {
        let mut records = Vec::new();
        let Some(view) = logs.view(&self.log)? else {
            return Ok(records);
        };
        if self.after >= view.tail.counts.frames {
            return Ok(records);
        }
        let mut walk = match self.walk.take() {
            Some(walk) => walk,
            None => {
                let after = self.after;
                logs.seek(&self.log, &view, |entry| entry.frames <= after)?
            }
        };
        let mut size = 0;
        walk.through(most);
        while size < most {
            let Some(found) = walk.next(&view)? else {
                break;
            };
            let other = self.attempt.is_some_and(|only| only != found.mark.attempt);
            if found.seq <= self.after || other {
                continue;
            }
            let len = found.header.len as usize;
            let mut bytes = Vec::with_capacity(len);
            walk.copy(&view, found.at, len, &mut bytes)?;
            size += len + RECORD;
            self.after = found.seq;
            let (text, base64) = match String::from_utf8(bytes) {
                Ok(text) => (Some(text), None),
                Err(error) => {
                    let engine = base64::engine::general_purpose::STANDARD;
                    (None, Some(engine.encode(error.as_bytes())))
                }
            };
            records.push(LogRecord {
                seq: found.seq,
                t: found.header.time,
                attempt: found.mark.attempt,
                action_id: found.mark.action_id.clone(),
                stream: found.header.stream,
                text,
                base64,
            });
        }
        walk.rest();
        self.walk = Some(walk);
        Ok(records)
    }
}
