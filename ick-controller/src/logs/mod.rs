//! The builds' logs: an append-only file each, beside the database, which holds nothing of them.
//!
//! A log is appended to by the worker that has its build's lease, at the offset that it and the
//! controller agree on (DESIGN.md, section 7), and by the controller with its own words. It is read at
//! any place while it grows. Bytes are readable once appended; they are `durable` once a thread of this
//! module has synced them, some hundred milliseconds later or when a report demands it.
//!
//! Files: `<project, "/" as ",">/<number / 1000>/<number>.log`, with an index of the same name beside
//! it. They are opened when they are needed, and the least used are closed.

mod check;
mod control;
mod crc;
mod file;
mod format;
mod index;
mod opened;
mod read;
mod sync;
mod walk;

pub use check::{Checked, check};
pub use control::control_lines;
pub use read::{RecordReader, TextReader};

use file::{Belongs, LogFile};
use format::{Kind, Size};
use ick_api::logframe::{Frame, FrameError, MAX_BODY, Stream};
use ick_core::build::LeaseId;
use ick_core::name::BuildId;
use ick_core::time::Timestamp;
use ick_http::Hints;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many logs are kept open; each has two files.
const OPEN_LOGS: usize = 256;

/// Why a log cannot be read or appended to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An append at another offset than the log's length.
    #[error("the log of this lease has {length} bytes")]
    WrongOffset {
        /// How many payload bytes of this lease there are.
        length: u64,
    },
    /// A body that is no frames.
    #[error(transparent)]
    Frames(#[from] FrameError),
    /// A body of more than [`MAX_BODY`] bytes.
    #[error("an append has at most {MAX_BODY} bytes")]
    TooLarge,
    /// There is no room on the disk.
    #[error("there is no room for the log: {0}")]
    Full(String),
    /// Another attempt has begun to write: the lease was lost between the look at it and this.
    #[error("{}", crate::leases::Lost)]
    Lost,
    /// The log was deleted in the meantime.
    #[error("the log was deleted")]
    Deleted,
    /// The disk.
    #[error("cannot use the log: {0}")]
    Io(io::Error),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full(format!("the controller's disk: {error}")),
            _ => Self::Io(error),
        }
    }
}

/// To what a worker's bytes belong.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The build.
    pub build: &'a BuildId,
    /// The lease under which it is executed.
    pub lease: &'a LeaseId,
    /// The attempt.
    pub attempt: u32,
    /// The action being executed.
    pub action_id: &'a str,
}

impl<'a> Place<'a> {
    fn belongs(&self) -> Belongs<'a> {
        Belongs {
            attempt: self.attempt,
            action_id: self.action_id,
            lease: Some(self.lease),
        }
    }
}

/// How much there is of a lease's log, in payload bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// How much is readable.
    pub length: u64,
    /// How much of it survives power loss.
    pub durable: u64,
}

/// All logs. Clones are of the same ones.
#[derive(Clone)]
pub struct Logs(Arc<Shared>);

struct Shared {
    folder: PathBuf,
    hints: Hints<BuildId>,
    logs: Mutex<HashMap<BuildId, Arc<Log>>>,
    open: AtomicUsize,
    uses: AtomicU64,
    max_open: usize,
    syncer: sync::Syncer,
    folders: Arc<sync::Folders>,
    appends: AtomicU64,
    bytes: AtomicU64,
}

/// How much was taken from workers since the logs were opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Appends with something in them.
    pub appends: u64,
    /// Their payload bytes.
    pub bytes: u64,
}

/// One build's log.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    last_use: AtomicU64,
    state: Mutex<LogState>,
    folders: Arc<sync::Folders>,
}

#[derive(Debug, Default)]
struct LogState {
    open: Option<LogFile>,
    synced: Synced,
    deleted: bool,
}

/// What survives power loss.
#[derive(Clone, Debug, Default)]
struct Synced {
    /// The file up to here.
    end: u64,
    /// So many bytes of this lease.
    lease: Option<(LeaseId, u64)>,
    /// Whether the file's own entry in its folder does.
    entry: bool,
    /// A sync failed: what the system had not written is lost to it, so nothing new can be promised.
    failed: bool,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Logs {
    /// The logs in a folder, which is made if it is not there. Whoever follows a log is woken by `hints`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(folder: &Path, hints: Hints<BuildId>) -> io::Result<Self> {
        Self::open_with(folder, hints, OPEN_LOGS)
    }

    fn open_with(folder: &Path, hints: Hints<BuildId>, max_open: usize) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self(Arc::new(Shared {
            folder: folder.to_owned(),
            hints,
            logs: Mutex::default(),
            open: AtomicUsize::new(0),
            uses: AtomicU64::new(0),
            max_open,
            syncer: sync::Syncer::start()?,
            folders: Arc::default(),
            appends: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        })))
    }

    /// The hints by which followers are woken: to be given also when a build has ended.
    pub fn hints(&self) -> &Hints<BuildId> {
        &self.0.hints
    }

    /// How much was taken from workers, for metrics.
    pub fn written(&self) -> Written {
        Written {
            appends: self.0.appends.load(Ordering::Relaxed),
            bytes: self.0.bytes.load(Ordering::Relaxed),
        }
    }

    fn count(&self, size: Size) {
        self.0.appends.fetch_add(1, Ordering::Relaxed);
        self.0.bytes.fetch_add(size.payload, Ordering::Relaxed);
    }

    /// Appends frames from a worker, whole or not at all. `offset` is how many payload bytes of this
    /// lease there were before. An empty body only asks.
    ///
    /// # Errors
    /// [`Error::WrongOffset`] with the length there is, or why the body cannot be taken.
    pub fn append(&self, place: &Place<'_>, offset: u64, body: &[u8]) -> Result<Appended, Error> {
        if body.len() > MAX_BODY {
            return Err(Error::TooLarge);
        }
        let size = Size::of(body)?;
        let log = self.log(place.build);
        let mut state = lock(&log.state);
        if body.is_empty() {
            return match self.opened(&log, &mut state, false) {
                Ok(_) => {
                    let there = state.appended(place.lease);
                    if there.durable < there.length {
                        self.0.syncer.soon(&log);
                    }
                    Ok(there)
                }
                Err(error) if is_absent(&error) => Ok(Appended::default()),
                Err(error) => Err(error),
            };
        }
        let file = self.opened(&log, &mut state, true)?;
        file.check_attempt(place.attempt)?;
        let length = length_of(file, place.lease);
        if offset != length {
            return Err(Error::WrongOffset { length });
        }
        file.append(place.belongs(), Kind::Frames, body, size)?;
        self.count(size);
        let appended = state.appended(place.lease);
        drop(state);
        self.0.syncer.soon(&log);
        self.0.hints.notify(place.build);
        Ok(appended)
    }

    /// Appends the text of a report, once: a repeated report adds nothing. When the report says how long
    /// the log is with its text, that is compared first, and nothing is appended if it is wrong.
    /// Returns how many payload bytes of this lease there are.
    ///
    /// # Errors
    /// [`Error::WrongOffset`] with the length there is, or why the text cannot be taken.
    pub fn append_report(
        &self,
        place: &Place<'_>,
        stdout: &str,
        stderr: &str,
        log_length: Option<u64>,
        now: Timestamp,
    ) -> Result<u64, Error> {
        let mut body = Vec::new();
        frames_of(Stream::Stdout, stdout, now, &mut body);
        frames_of(Stream::Stderr, stderr, now, &mut body);
        let size = Size::of(&body)?;
        let log = self.log(place.build);
        let mut state = lock(&log.state);
        let length = match self.opened(&log, &mut state, !body.is_empty()) {
            Ok(file) => {
                file.check_attempt(place.attempt)?;
                length_of(file, place.lease)
            }
            Err(error) if is_absent(&error) => 0,
            Err(error) => return Err(error),
        };
        let there = state.open.as_ref().is_some_and(|file| {
            let mark = file.tail.mark.as_ref().map(|(_, mark)| mark);
            let same = mark.is_some_and(|mark| {
                mark.lease.as_ref() == Some(place.lease) && mark.action_id == place.action_id
            });
            same && file.tail.reported
        });
        let added = if there { 0 } else { size.payload };
        if log_length.is_some_and(|said| said != length + added) {
            return Err(Error::WrongOffset { length });
        }
        if added == 0 {
            return Ok(length);
        }
        let file = self.opened(&log, &mut state, true)?;
        file.append(place.belongs(), Kind::Report, &body, size)?;
        self.count(size);
        drop(state);
        self.0.syncer.soon(&log);
        self.0.hints.notify(place.build);
        Ok(length + added)
    }

    /// Appends a line of the controller's own, on stream `ick`. It counts for no lease, and whether it
    /// survives power loss is left to chance.
    ///
    /// # Errors
    /// When there is no room, or the disk fails.
    pub fn say(
        &self,
        build: &BuildId,
        attempt: u32,
        action_id: &str,
        line: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut body = Vec::new();
        frames_of(Stream::Ick, &format!("{line}\n"), now, &mut body);
        let size = Size::of(&body)?;
        let log = self.log(build);
        let mut state = lock(&log.state);
        let file = self.opened(&log, &mut state, true)?;
        let belongs = Belongs {
            attempt,
            action_id,
            lease: None,
        };
        file.append(belongs, Kind::Control, &body, size)?;
        drop(state);
        self.0.hints.notify(build);
        Ok(())
    }

    /// How many payload bytes of a lease there are: where its worker goes on.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn length(&self, build: &BuildId, lease: &LeaseId) -> Result<u64, Error> {
        let log = self.log(build);
        let mut state = lock(&log.state);
        match self.opened(&log, &mut state, false) {
            Ok(file) => Ok(length_of(file, lease)),
            Err(error) if is_absent(&error) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Makes durable what workers have appended to a build's log. Returns at once when it is already.
    ///
    /// # Errors
    /// When that cannot be promised.
    pub fn sync(&self, build: &BuildId) -> Result<(), Error> {
        sync::sync(&self.log(build))
    }

    /// How many bytes of disk a build's log takes.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn size(&self, build: &BuildId) -> Result<u64, Error> {
        Ok(self.view(&self.log(build))?.map_or(0, |view| view.tail.end))
    }

    /// Deletes a build's log. One that is not there is deleted already.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn delete(&self, build: &BuildId) -> Result<(), Error> {
        let log = self.log(build);
        let mut state = lock(&log.state);
        state.deleted = true;
        if state.open.take().is_some() {
            self.0.open.fetch_sub(1, Ordering::Relaxed);
        }
        for path in [log.path.clone(), log.path.with_extension("index")] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        if let Some(folder) = log.path.parent() {
            log.folders.remove_if_empty(folder);
        }
        drop(state);
        lock(&self.0.logs).remove(build);
        self.0.hints.notify(build);
        Ok(())
    }
}

impl LogState {
    fn appended(&self, lease: &LeaseId) -> Appended {
        let length = self.open.as_ref().map_or(0, |file| length_of(file, lease));
        let durable = match &self.synced.lease {
            Some((synced, durable)) if synced == lease => *durable,
            _ => 0,
        };
        Appended {
            length,
            durable: durable.min(length),
        }
    }
}

fn length_of(file: &LogFile, lease: &LeaseId) -> u64 {
    match &file.tail.mark {
        Some((_, mark)) if mark.lease.as_ref() == Some(lease) => file.tail.counts.lease,
        _ => 0,
    }
}

fn is_absent(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::NotFound)
}

/// Text as frames of a few KiB, cut between characters.
fn frames_of(stream: Stream, text: &str, now: Timestamp, body: &mut Vec<u8>) {
    const LONGEST: usize = 16 << 10;
    let mut rest = text;
    while !rest.is_empty() {
        let (now_bytes, after) = rest.split_at(rest.floor_char_boundary(LONGEST));
        let frame = Frame {
            stream,
            time: now,
            bytes: now_bytes.as_bytes(),
        };
        frame.encode_to(body);
        rest = after;
    }
}

#[cfg(test)]
mod tests;
