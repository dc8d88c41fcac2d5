//! Shipping an action's output to the controller: from the spool, from the offset that the controller
//! says, in pieces of a mebibyte at most.

use super::lease::Lease;
use crate::spool::{Chunk, Reader};
use ick_api::controller::Appended;
use ick_api::logframe::MAX_BODY;
use ick_client::{Append, Backoff, Controller, Error, Retry};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// Output that trickles is sent no more often than this.
const PACE: Duration = Duration::from_millis(4);

/// A piece of this size does not trickle.
const LARGE: usize = 64 << 10;

/// What became of what was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shipped {
    /// The controller has all of it.
    All,
    /// The controller cannot be reached; to be tried again after so long.
    Later(Duration),
    /// The lease is another's, or the controller will never take it.
    Lost,
}

/// Ships one action's output.
#[derive(Debug)]
pub(super) struct Shipper {
    lease: String,
    /// How many bytes the lease's log had before this action.
    base: u64,
    /// None before there is a spool.
    reader: Option<Reader>,
    /// Read, and not yet taken by the controller.
    pending: Chunk,
    /// How many milliseconds are added to the times of this host.
    correction: i64,
    backoff: Option<Backoff>,
    next: Instant,
}

impl Shipper {
    /// For the action whose folder this is. `base`: the length of the lease's log before it.
    pub(super) fn new(lease: &str, base: u64, folder: Option<&Path>) -> io::Result<Self> {
        let reader = match folder.map(Reader::open) {
            None => None,
            Some(Err(why)) if why.kind() == io::ErrorKind::NotFound => None,
            Some(other) => Some(other?),
        };
        Ok(Self {
            lease: lease.to_owned(),
            base,
            reader,
            pending: Chunk::default(),
            correction: 0,
            backoff: None,
            next: Instant::now(),
        })
    }

    /// With times that are so many milliseconds later than this host's.
    pub(super) fn correcting(self, correction: i64) -> Self {
        Self { correction, ..self }
    }

    /// How many bytes of the lease's log the controller has, as far as this knows.
    pub(super) fn length(&self) -> u64 {
        self.base + self.pending.from
    }

    /// How long to wait before [`Shipper::ship`] is called again, so that output that trickles is sent
    /// together and a controller that is gone is not pestered.
    pub(super) fn pause(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }

    /// Sends what there is.
    pub(super) fn ship(&mut self, controller: &Controller, lease: &Lease) -> Shipped {
        let mut same = 0;
        loop {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return Shipped::All,
                Err(why) => {
                    tracing::error!("cannot read an action's output: {why}");
                    return Shipped::All;
                }
            }
            let offset = self.length();
            match controller.append_log(&self.lease, offset, &self.pending.body) {
                Ok(Append::Taken(taken)) => {
                    lease.note_cancelled(taken.cancelled);
                    self.backoff = None;
                    let large = self.pending.body.len() >= LARGE;
                    self.next = Instant::now() + if large { Duration::ZERO } else { PACE };
                    self.pending = Chunk {
                        from: self.pending.to,
                        to: self.pending.to,
                        body: Vec::new(),
                    };
                }
                Ok(Append::At(length)) if length != offset && same < 3 => {
                    same += 1;
                    if !self.go_to(length) {
                        return Shipped::Lost;
                    }
                }
                Ok(Append::At(_)) => return self.later(None),
                Err(error) => return self.failed(&error),
            }
        }
    }

    /// Whether the controller's log has the length that this believes; goes to the one that it has.
    pub(super) fn reconcile(&mut self, controller: &Controller) -> Shipped {
        match controller.append_log(&self.lease, self.length(), &[]) {
            // It says the length whatever offset is asked with.
            Ok(Append::Taken(taken)) if taken.length == self.length() => Shipped::Lost,
            Ok(Append::Taken(Appended { length, .. }) | Append::At(length)) => {
                match self.go_to(length) {
                    true => Shipped::All,
                    false => Shipped::Lost,
                }
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Reads the next piece, unless there is one; whether there is something to send.
    fn fill(&mut self) -> io::Result<bool> {
        if self.pending.body.is_empty()
            && let Some(reader) = &mut self.reader
        {
            self.pending = reader.read(MAX_BODY)?;
            self.pending.shift_times(self.correction);
        }
        Ok(!self.pending.body.is_empty())
    }

    /// Goes on from what the controller has; false when that cannot be.
    fn go_to(&mut self, length: u64) -> bool {
        let Some(offset) = length.checked_sub(self.base) else {
            tracing::error!(
                "the controller's log has {length} bytes, and had {} before this action",
                self.base
            );
            return false;
        };
        let reached = match &mut self.reader {
            None => 0,
            Some(reader) => match reader.seek(offset) {
                Ok(_) => reader.offset(),
                Err(why) => {
                    tracing::error!("cannot read an action's output: {why}");
                    return false;
                }
            },
        };
        // After a power failure the controller can have more than the spool: it goes on behind that.
        self.base = length - reached;
        self.pending = Chunk {
            from: reached,
            to: reached,
            body: Vec::new(),
        };
        true
    }

    fn failed(&mut self, error: &Error) -> Shipped {
        match error.status() {
            Some(404 | 409) => {
                tracing::info!("a lease is lost: {error}");
                Shipped::Lost
            }
            Some(400 | 413 | 415 | 422) => {
                tracing::error!("the controller does not take the log: {error}");
                Shipped::Lost
            }
            _ => {
                if self.backoff.is_none() {
                    tracing::warn!("the log waits here: {error}");
                }
                self.later(error.retry_after())
            }
        }
    }

    fn later(&mut self, at_least: Option<Duration>) -> Shipped {
        let backoff = self.backoff.get_or_insert_with(|| Retry::FOR_EVER.begin());
        let wait = backoff.next_wait(at_least).unwrap_or_default();
        self.next = Instant::now() + wait;
        Shipped::Later(wait)
    }
}
