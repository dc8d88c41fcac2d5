//! An action that is being executed, as the worker sees it.

use super::changes::{Changes, Spare};
use super::order::Order;
use super::outcome::{Outcome, cause};
use super::stop::{StopReason, Stopper, waker};
use super::supervisor::{Leaving, Supervisor};
use crate::spool;
use crate::supervise::{self, cgroup};
use ick_core::build::{Cause, CauseKind};
use ick_core::secret::Secret;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::PidfdFlags;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How long what a killed supervisor left behind may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// An action that is being executed.
///
/// Dropping it leaves the action alone; it does not end it.
#[derive(Debug)]
pub struct Running {
    folder: PathBuf,
    cgroup: Option<PathBuf>,
    supervisor: Option<Supervisor>,
    leaving: Leaving,
    gone: Arc<OwnedFd>,
    changes: Changes,
    wake: Arc<OwnedFd>,
    reason: Arc<OnceLock<StopReason>>,
    /// Whether there may be a result that was not looked at.
    look: bool,
    ended: bool,
}

/// What has happened to a running action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The spool has grown.
    Output,
    /// It has ended and nothing of it is left. The spool may have grown before.
    Ended(Outcome),
    /// The time is over, or someone called `Stopper::wake`.
    Nothing,
}

impl Running {
    /// What this supervisor will execute. The folder is ready for it.
    pub(super) fn of(
        supervisor: Supervisor,
        folder: PathBuf,
        spare: &Spare,
        leaving: &Leaving,
    ) -> io::Result<Self> {
        Ok(Self {
            changes: Changes::of(&folder, spare)?,
            wake: Arc::new(waker()?),
            gone: Arc::new(supervisor.watch()?),
            folder,
            cgroup: None,
            supervisor: Some(supervisor),
            leaving: leaving.clone(),
            reason: Arc::new(OnceLock::new()),
            look: true,
            ended: false,
        })
    }

    /// Takes over what a supervisor executes that another process has started; none when there is no
    /// such supervisor any more.
    pub(super) fn adopt(
        folder: PathBuf,
        spare: &Spare,
        leaving: &Leaving,
    ) -> io::Result<Option<Self>> {
        let Some(pid) = supervise::supervisor(&folder) else {
            return Ok(None);
        };
        let gone = match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
            Err(Errno::SRCH) => return Ok(None),
            other => other?,
        };
        // Still the same one, now that its number cannot be given to another.
        if supervise::supervisor(&folder) != Some(pid) {
            return Ok(None);
        }
        Ok(Some(Self {
            changes: Changes::of(&folder, spare)?,
            wake: Arc::new(waker()?),
            gone: Arc::new(gone),
            cgroup: Order::read(&folder)?.cgroup,
            folder,
            supervisor: None,
            leaving: leaving.clone(),
            reason: Arc::new(OnceLock::new()),
            look: true,
            ended: false,
        }))
    }

    /// Says in which control group it will be.
    pub(super) fn is_in(&mut self, group: PathBuf) {
        self.cgroup = Some(group);
    }

    /// Has the supervisor begin.
    pub(super) fn go(&mut self) {
        if let Some(supervisor) = &mut self.supervisor {
            supervisor.begin();
        }
    }

    /// The action's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The supervisor's process id; 0 of one that was taken over.
    pub fn supervisor(&self) -> u32 {
        self.supervisor.as_ref().map_or(0, Supervisor::id)
    }

    /// Follows the output from its first byte.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn spool(&self) -> io::Result<spool::Reader> {
        spool::Reader::open(&self.folder)
    }

    /// Gives a built-in action a fresh token for the store.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn set_token(&self, token: &Secret) -> io::Result<()> {
        super::start::write_token(&self.folder, token)
    }

    /// Something with which other threads can end the action, or wake who waits for it.
    pub fn stopper(&self) -> Stopper {
        Stopper {
            folder: self.folder.clone(),
            supervisor: Arc::clone(&self.gone),
            wake: Arc::clone(&self.wake),
            reason: Arc::clone(&self.reason),
        }
    }

    /// Ends the action: see [`Stopper::stop`].
    ///
    /// # Errors
    /// Those of the file system.
    pub fn stop(&self, reason: StopReason) -> io::Result<()> {
        self.stopper().stop(reason)
    }

    /// Waits until something happens, `timeout` at most. After `Event::Ended` there is nothing more to
    /// wait for.
    pub fn poll(&mut self, timeout: Duration) -> Event {
        match self.wait(Instant::now() + timeout) {
            Ok(event) => event,
            Err(why) => {
                // Whoever cannot look any more must not leave something running.
                let _ = self.stop(StopReason::Shutdown);
                self.end(Outcome::failed(cause(
                    CauseKind::Internal,
                    format!("the worker cannot follow the action: {why}"),
                )))
            }
        }
    }

    fn wait(&mut self, until: Instant) -> io::Result<Event> {
        loop {
            if self.look {
                self.look = false;
                if let Some(outcome) = self.result()? {
                    return Ok(self.end(outcome));
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).unwrap_or(Timespec {
                tv_sec: 3600,
                tv_nsec: 0,
            });
            let mut fds = [
                PollFd::from_borrowed_fd(self.changes.fd()?, PollFlags::IN),
                PollFd::new(&*self.wake, PollFlags::IN),
                PollFd::new(&*self.gone, PollFlags::IN),
            ];
            let count = match rustix::event::poll(&mut fds, Some(&left)) {
                Err(rustix::io::Errno::INTR) => continue,
                other => other?,
            };
            let [changed, woken, gone] = fds.map(|fd| !fd.revents().is_empty());
            if count == 0 {
                return Ok(Event::Nothing);
            }
            if changed {
                let changed = self.changes.take()?;
                self.look |= changed.result;
                if changed.output {
                    return Ok(Event::Output);
                }
            }
            if woken {
                let mut count = [0; 8];
                let _ = rustix::io::read(&self.wake, &mut count);
                return Ok(Event::Nothing);
            }
            if gone && !self.look {
                let outcome = match self.result()? {
                    Some(outcome) => outcome,
                    None => self.lost(),
                };
                return Ok(self.end(outcome));
            }
        }
    }

    fn result(&self) -> io::Result<Option<Outcome>> {
        let mut outcome = Outcome::read(&self.folder)?;
        let why = outcome.as_mut().and_then(|outcome| outcome.cause.as_mut());
        if let (Some(why), Some(reason)) = (why, self.reason.get())
            && why.kind == CauseKind::LostWorker
        {
            // There was no room for the file with the reason.
            *why = reason.cause();
        }
        Ok(outcome)
    }

    /// The supervisor is gone without a result: it was killed.
    fn lost(&mut self) -> Outcome {
        let status = match &mut self.supervisor {
            Some(supervisor) => supervisor.wait(),
            None => Err(io::Error::other("it was another process's child")),
        };
        if let Some(group) = &self.cgroup {
            cgroup::kill_and_wait(group);
        }
        // The reaper has noticed as well, and ends what there is.
        supervise::wait_until_gone(&self.folder, PATIENCE);
        let log_length = self.spool().and_then(|mut spool| {
            spool.seek(u64::MAX)?;
            Ok(spool.offset())
        });
        let why = match (
            self.reason.get(),
            status.map(|status| (status, status.code())),
        ) {
            (Some(reason), _) => reason.cause(),
            (None, Ok((_, Some(code)))) => self.failed(code),
            (None, Ok((status, None))) => cause(
                CauseKind::LostWorker,
                format!("the action's supervisor was killed ({status})"),
            ),
            (None, Err(why)) => cause(
                CauseKind::LostWorker,
                format!("the action's supervisor is gone ({why})"),
            ),
        };
        Outcome {
            log_length: log_length.unwrap_or(0),
            ..Outcome::failed(why)
        }
    }

    /// Why a supervisor ended by itself without a result.
    fn failed(&mut self, code: i32) -> Cause {
        let kind = match code == i32::from(supervise::NO_ROOM) {
            true => CauseKind::DiskFull,
            false => CauseKind::Internal,
        };
        let supervisor = self.supervisor.as_mut();
        let said = supervisor.map(Supervisor::said).unwrap_or_default();
        cause(
            kind,
            format!("the action's supervisor ended with {code}: {said}"),
        )
    }

    fn end(&mut self, outcome: Outcome) -> Event {
        self.ended = true;
        Event::Ended(outcome)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let (true, Some(supervisor)) = (self.ended, self.supervisor.take()) {
            self.leaving.add(supervisor, self.cgroup.take());
        }
    }
}
