//! How the daemon is told to stop: heard by whoever waits, waits to try again, or executes an action.

use crate::engine::{StopReason, Stopper};
use ick_client::Controller;
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Work on.
    Work,
    /// Stop, and leave what runs to its supervisors.
    Leave,
    /// End what runs, report it as `lost_worker`, and stop.
    Down,
}

impl Mode {
    /// How long stopping may take.
    pub(super) fn patience(self) -> Duration {
        match self {
            // The actions' grace and then some, below the thirty seconds of `icktool down`.
            Self::Down => Duration::from_secs(25),
            _ => Duration::from_secs(3),
        }
    }
}

/// Shared by all threads.
#[derive(Debug)]
pub(super) struct Stop {
    state: Mutex<State>,
    changed: Condvar,
    polls: Controller,
}

#[derive(Debug)]
struct State {
    mode: Mode,
    since: Instant,
    running: HashMap<u32, Stopper>,
}

impl Stop {
    /// `polls`: whose calls are broken when it is time.
    pub(super) fn new(polls: Controller) -> Self {
        Self {
            state: Mutex::new(State {
                mode: Mode::Work,
                since: Instant::now(),
                running: HashMap::new(),
            }),
            changed: Condvar::new(),
            polls,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn mode(&self) -> Mode {
        self.state().mode
    }

    /// Tells everybody.
    pub(super) fn order(&self, mode: Mode) {
        let mut state = self.state();
        state.mode = mode;
        state.since = Instant::now();
        for stopper in state.running.values() {
            tell(stopper, mode);
        }
        drop(state);
        self.changed.notify_all();
        self.polls.shut_down();
    }

    /// Waits so long, or until it is time to stop.
    pub(super) fn wait(&self, time: Duration) -> Mode {
        let state = self.state();
        let waited = self
            .changed
            .wait_timeout_while(state, time, |state| state.mode == Mode::Work);
        waited.map_or(Mode::Leave, |(state, _)| state.mode)
    }

    /// Waits so long whatever happens, but not longer than there is time to stop; false when that is over.
    pub(super) fn wait_to_report(&self, time: Duration) -> bool {
        match self.wait(time) {
            Mode::Work => true,
            Mode::Leave => false,
            Mode::Down => {
                // A second is left for what comes after.
                let until = self.state().since + Mode::Down.patience() - Duration::from_secs(1);
                let left = until.saturating_duration_since(Instant::now());
                std::thread::sleep(time.min(left));
                !left.is_zero()
            }
        }
    }

    /// An action is being executed in a slot. Told at once when it is time already.
    pub(super) fn executing(&self, slot: u32, stopper: Stopper) {
        let mut state = self.state();
        if state.mode != Mode::Work {
            tell(&stopper, state.mode);
        }
        state.running.insert(slot, stopper);
    }

    /// It is no more.
    pub(super) fn executed(&self, slot: u32) {
        self.state().running.remove(&slot);
    }
}

fn tell(stopper: &Stopper, mode: Mode) {
    let told = match mode {
        Mode::Down => stopper.stop(StopReason::Shutdown),
        _ => stopper.wake(),
    };
    if let Err(why) = told {
        tracing::warn!("cannot reach an action's supervisor: {why}");
    }
}
