//! Why and how an action is ended before it ends by itself.

use super::reaper::End;
use super::signal_name;
use crate::engine::{Limits, STOP, StopReason, cause};
use ick_core::build::{Cause, CauseKind};
use ick_state::Room;
use rustix::process::Signal;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// An end that was decided upon.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) cause: Cause,
    /// When what still runs is ended by SIGKILL; none once that was done.
    pub(super) kill_at: Option<Instant>,
}

impl Ending {
    fn new(cause: Cause, grace: Duration) -> Self {
        Self {
            cause,
            kill_at: Some(Instant::now() + grace),
        }
    }

    /// The action's own time-out.
    pub(super) fn by_timeout(timeout: Duration, limits: &Limits) -> Self {
        let timeout = ick_core::duration::format(timeout);
        let detail = format!("the action ran into its time-out of {timeout}");
        Self::new(cause(CauseKind::Timeout, detail), limits.grace)
    }

    /// Someone asked for it by SIGTERM; the reason is in the action's folder.
    pub(super) fn by_signal(folder: &Path, limits: &Limits) -> Self {
        let word = fs::read_to_string(folder.join(STOP)).unwrap_or_default();
        let reason = StopReason::from_word(&word);
        let grace = match reason {
            StopReason::Cancelled => limits.cancel_grace,
            StopReason::BuildTimeout | StopReason::Shutdown => limits.grace,
        };
        Self::new(reason.cause(), grace)
    }

    /// It took more than it may, and would take yet more if it were given time.
    pub(super) fn by_kill(cause: Cause) -> Self {
        Self::new(cause, Duration::ZERO)
    }

    /// It cannot go on.
    pub(super) fn at_once(cause: Cause, limits: &Limits) -> Self {
        Self::new(cause, limits.cancel_grace)
    }
}

/// The cause of an action that ended so after Linux had ended processes for want of memory; none when that
/// was not what ended it.
pub(super) fn for_memory(end: End, why: &Cause) -> Option<Cause> {
    let kill = Signal::KILL.as_raw();
    (end == End::Signal(kill) || end == End::Exit(128 + kill))
        .then(|| no_memory(&format!("the action {}", why.detail)))
}

/// The cause of an action that ended so because the build host had no memory left.
pub(super) fn no_memory(what: &str) -> Cause {
    let detail = format!(
        "{what}, and Linux has ended processes as there was no memory left: give the build host more, or \
         lower `slots` or `limits.memory` in the worker's configuration"
    );
    cause(CauseKind::Oom, detail)
}

/// The cause of an action that ended by itself; none when it succeeded.
pub(super) fn of(end: End) -> Option<Cause> {
    let (kind, code, detail) = match end {
        End::Exit(0) => return None,
        End::Exit(code) if code > 128 && code < 160 => (
            CauseKind::Exit,
            code,
            format!(
                "ended with exit code {code}, as a shell does after {}",
                signal_name::name(code - 128)
            ),
        ),
        End::Exit(code) => (
            CauseKind::Exit,
            code,
            format!("ended with exit code {code}"),
        ),
        End::Signal(signal) => (
            CauseKind::Signal,
            signal,
            format!("was ended by {}", signal_name::name(signal)),
        ),
    };
    Some(Cause {
        kind,
        code: Some(code),
        action_id: None,
        detail,
    })
}

/// With less than this on the disk, an action that fails has failed for want of room.
const LEAST: u64 = 256 << 10;

/// The cause of an action that failed on a disk without room: whatever it said about that may have had
/// no room either.
pub(super) fn no_room(folder: &Path, why: &Cause) -> Option<Cause> {
    let room = Room::new(folder, LEAST);
    let Err(ick_state::Error::Full(_)) = room.expect(0) else {
        return None;
    };
    Some(cause(
        CauseKind::DiskFull,
        format!(
            "the action {}, and {}: make room on the build host",
            why.detail,
            room.describe()
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_was_killed_was_out_of_memory() {
        for (end, expected) in [
            (End::Signal(9), true),
            (End::Exit(137), true),
            (End::Signal(15), false),
            (End::Exit(9), false),
            (End::Exit(1), false),
        ] {
            let kind = of(end)
                .and_then(|why| for_memory(end, &why))
                .map(|why| why.kind);
            assert_eq!(kind, expected.then_some(CauseKind::Oom), "{end:?}");
        }
    }
}
