//! An action that is being executed, as the worker sees it.

use super::changes::{Changes, Spare};
use super::outcome::{Outcome, cause};
use super::stop::{StopReason, Stopper, waker};
use crate::spool;
use crate::supervise::{self, cgroup};
use ick_core::build::{Cause, CauseKind};
use ick_core::secret::Secret;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
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
    child: Child,
    supervisor: Arc<OwnedFd>,
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
    /// Starts the supervisor. The folder is ready for it.
    pub(super) fn spawn(
        mut command: Command,
        folder: PathBuf,
        cgroup: Option<PathBuf>,
        spare: &Spare,
    ) -> io::Result<Self> {
        let changes = Changes::of(&folder, spare)?;
        let wake = Arc::new(waker()?);
        let child = command.spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the supervisor has no process id"))?;
        let supervisor = Arc::new(rustix::process::pidfd_open(pid, PidfdFlags::empty())?);
        Ok(Self {
            folder,
            cgroup,
            child,
            supervisor,
            changes,
            wake,
            reason: Arc::new(OnceLock::new()),
            look: true,
            ended: false,
        })
    }

    /// The action's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The supervisor's process id.
    pub fn supervisor(&self) -> u32 {
        self.child.id()
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
            supervisor: Arc::clone(&self.supervisor),
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
                PollFd::new(&*self.supervisor, PollFlags::IN),
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
        let status = self.child.wait();
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
    fn failed(&self, code: i32) -> Cause {
        let kind = match code == i32::from(supervise::NO_ROOM) {
            true => CauseKind::DiskFull,
            false => CauseKind::Internal,
        };
        let mut said = String::new();
        let errors = File::open(self.folder.join(supervise::ERRORS));
        let _ = errors.and_then(|file| file.take(1000).read_to_string(&mut said));
        let said = said.trim();
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
        if self.ended {
            // It has written its result and is about to exit, or is gone.
            let _ = self.child.wait();
        }
        if let (true, Some(group)) = (self.ended, &self.cgroup) {
            cgroup::remove(group);
        }
    }
}
