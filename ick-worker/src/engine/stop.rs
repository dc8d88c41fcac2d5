//! Telling a supervisor to end its action.

use super::order::STOP;
use ick_core::build::{Cause, CauseKind};
use rustix::event::EventfdFlags;
use rustix::fd::OwnedFd;
use rustix::process::Signal;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Why an action is to end before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The build was cancelled.
    Cancelled,
    /// The build's time-out.
    BuildTimeout,
    /// The worker is taken down, and its builds start anew elsewhere or later.
    Shutdown,
}

impl StopReason {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::BuildTimeout => "build_timeout",
            Self::Shutdown => "shutdown",
        }
    }

    /// The reason that a word stands for. A signal that came without a word is a shutdown.
    pub(crate) fn from_word(word: &str) -> Self {
        match word {
            "cancelled" => Self::Cancelled,
            "build_timeout" => Self::BuildTimeout,
            _ => Self::Shutdown,
        }
    }

    /// The cause of an action that was ended for this reason.
    pub(crate) fn cause(self) -> Cause {
        let (kind, detail) = match self {
            Self::Cancelled => (CauseKind::Cancelled, "the build was cancelled"),
            Self::BuildTimeout => (CauseKind::Timeout, "the build ran into its time-out"),
            Self::Shutdown => (CauseKind::LostWorker, "the worker was taken down"),
        };
        super::cause(kind, detail)
    }
}

/// Ends a running action, or wakes who waits for it, from any thread.
#[derive(Clone, Debug)]
pub struct Stopper {
    pub(super) folder: PathBuf,
    pub(super) supervisor: Arc<OwnedFd>,
    pub(super) wake: Arc<OwnedFd>,
    pub(super) reason: Arc<OnceLock<StopReason>>,
}

impl Stopper {
    /// Tells the supervisor to end the action. It ends soon after, and `Running::poll` says how. The
    /// first reason stands.
    ///
    /// # Errors
    /// Those of the file system. That the action has ended already is none.
    pub fn stop(&self, reason: StopReason) -> io::Result<()> {
        let reason = *self.reason.get_or_init(|| reason);
        let wrote = super::order::private_file(&self.folder.join(STOP), reason.word().as_bytes());
        let signalled = match rustix::process::pidfd_send_signal(&self.supervisor, Signal::TERM) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(why) => Err(why.into()),
        };
        match wrote {
            Err(why) if why.kind() != io::ErrorKind::AlreadyExists => Err(why),
            _ => signalled,
        }
    }

    /// Makes `Running::poll` return at once, with `Event::Nothing` when nothing else has happened.
    ///
    /// # Errors
    /// None that can be expected.
    pub fn wake(&self) -> io::Result<()> {
        match rustix::io::write(&self.wake, &1u64.to_ne_bytes()) {
            Ok(_) | Err(rustix::io::Errno::AGAIN) => Ok(()),
            Err(why) => Err(why.into()),
        }
    }
}

pub(super) fn waker() -> io::Result<OwnedFd> {
    Ok(rustix::event::eventfd(
        0,
        EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK,
    )?)
}
