//! A run's lease: what the controller says about it while an action is being executed.
//!
//! Short actions need no call of their own for this: the thread that asks is started when an action
//! has lasted a moment, and then serves the rest of the run.

use super::polls::Polls;
use super::stop::{Mode, Stop};
use crate::engine::{StopReason, Stopper};
use ick_api::controller::WorkItem;
use ick_client::Retry;
use ick_core::secret::Secret;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the controller is asked to wait for news: well below the sixty seconds of a lease.
const WAIT: Duration = Duration::from_secs(25);

/// What is known of a lease, shared by the slot's thread and the one that asks.
#[derive(Debug)]
pub(super) struct Lease {
    name: String,
    polls: Polls,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    cancelled: u8,
    /// On this machine's own monotonic clock.
    deadline: Option<Instant>,
    lost: bool,
    over: bool,
    asking: bool,
    fresh_token: Option<Secret>,
    executing: Option<Executing>,
}

#[derive(Debug)]
struct Executing {
    stopper: Stopper,
    always: bool,
    stopped: bool,
}

impl Lease {
    /// The lease of a work item.
    pub(super) fn new(item: &WorkItem, polls: Polls) -> Arc<Self> {
        Arc::new(Self {
            name: item.lease.clone(),
            polls,
            state: Mutex::new(State {
                cancelled: item.cancelled,
                deadline: deadline(item.deadline.since(item.now)),
                lost: false,
                over: false,
                asking: false,
                fresh_token: None,
                executing: None,
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run's next item.
    pub(super) fn note_item(&self, item: &WorkItem) {
        let mut state = self.state();
        state.cancelled = item.cancelled;
        state.deadline = deadline(item.deadline.since(item.now));
        state.fresh_token = None;
    }

    /// Why an action with this `when` is not to be executed any more.
    pub(super) fn reason_to_stop(&self, always: bool) -> Option<StopReason> {
        reason(&self.state(), always)
    }

    /// An action is being executed from here on.
    pub(super) fn executing(&self, stopper: Stopper, always: bool) {
        let mut state = self.state();
        state.executing = Some(Executing {
            stopper,
            always,
            stopped: false,
        });
        enforce(&mut state);
    }

    /// It has ended.
    pub(super) fn executed(&self) {
        self.state().executing = None;
    }

    /// Ends the action if it is time; how long until the deadline.
    pub(super) fn enforce(&self) -> Option<Duration> {
        let mut state = self.state();
        enforce(&mut state);
        let stopped = state.executing.as_ref().is_none_or(|e| e.stopped);
        let deadline = state.deadline.filter(|_| !stopped)?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// An answer to something else said how much it is cancelled.
    pub(super) fn note_cancelled(&self, cancelled: u8) {
        let mut state = self.state();
        if cancelled > state.cancelled {
            state.cancelled = cancelled;
            enforce(&mut state);
        }
    }

    /// The lease is another's now: the action ends, and nothing of it is reported.
    pub(super) fn lose(&self) {
        let mut state = self.state();
        state.lost = true;
        enforce(&mut state);
    }

    pub(super) fn is_lost(&self) -> bool {
        self.state().lost
    }

    /// A store token that the action does not have yet.
    pub(super) fn fresh_token(&self) -> Option<Secret> {
        self.state().fresh_token.take()
    }

    /// The run has ended.
    pub(super) fn end(&self) {
        self.state().over = true;
    }

    /// Starts asking, unless that is done already.
    pub(super) fn ask(self: &Arc<Self>, stop: &Arc<Stop>) {
        if std::mem::replace(&mut self.state().asking, true) {
            return;
        }
        let (lease, stop) = (Arc::clone(self), Arc::clone(stop));
        let started = std::thread::Builder::new()
            .name("lease".to_owned())
            .spawn(move || lease.keep(&stop));
        if let Err(why) = started {
            tracing::warn!("cannot start a thread for the lease: {why}");
            self.state().asking = false;
        }
    }

    fn keep(&self, stop: &Stop) {
        let mut seen = None;
        let mut backoff = Retry::FOR_EVER.begin();
        while !self.state().over && stop.mode() == Mode::Work {
            let until_deadline = self.enforce().unwrap_or(WAIT);
            let wait = until_deadline.clamp(Duration::from_millis(50), WAIT);
            let wait = self.polls.at_most(wait);
            let asked = Instant::now();
            let pause = match self.polls.lease(&self.name, wait, seen) {
                Ok(answer) => {
                    let news = seen != Some(answer.seen);
                    seen = Some(answer.seen);
                    backoff = Retry::FOR_EVER.begin();
                    let mut state = self.state();
                    state.cancelled = state.cancelled.max(answer.cancelled);
                    state.deadline = deadline(answer.deadline.since(answer.now));
                    if let (Some(token), Some(executing)) = (answer.store_token, &state.executing) {
                        let _ = executing.stopper.wake();
                        state.fresh_token = Some(token);
                    }
                    enforce(&mut state);
                    // A controller that does not wait is not asked without pause.
                    let hasty = !news && asked.elapsed() < wait / 2;
                    if hasty {
                        Duration::from_secs(1)
                    } else {
                        Duration::ZERO
                    }
                }
                Err(error) if matches!(error.status(), Some(404 | 409)) => {
                    // Between actions, the answer to the report decides: the run may just have ended.
                    let mut state = self.state();
                    state.asking = false;
                    if state.executing.is_some() {
                        tracing::info!("a lease is lost: {error}");
                        state.lost = true;
                        enforce(&mut state);
                    }
                    return;
                }
                Err(error) => {
                    tracing::debug!(%error, "the lease is kept without an answer");
                    backoff.next_wait(error.retry_after()).unwrap_or_default()
                }
            };
            if !pause.is_zero() {
                // In pieces that the deadline does not suffer from.
                let until = self.enforce().map_or(pause, |left| pause.min(left));
                stop.wait(until);
            }
        }
        self.state().asking = false;
    }
}

/// Differences only: the two clocks need not agree.
fn deadline(left: Duration) -> Option<Instant> {
    Instant::now().checked_add(left)
}

fn reason(state: &State, always: bool) -> Option<StopReason> {
    if state.lost {
        return Some(StopReason::Shutdown);
    }
    if state.cancelled >= 2 || (state.cancelled == 1 && !always) {
        return Some(StopReason::Cancelled);
    }
    let late = state.deadline.is_some_and(|at| at <= Instant::now());
    late.then_some(if state.cancelled > 0 {
        StopReason::Cancelled
    } else {
        StopReason::BuildTimeout
    })
}

fn enforce(state: &mut State) {
    let Some(executing) = &state.executing else {
        return;
    };
    if executing.stopped {
        return;
    }
    let Some(reason) = reason(state, executing.always) else {
        return;
    };
    let stopped = executing.stopper.stop(reason);
    let _ = executing.stopper.wake();
    match stopped {
        Ok(()) => {
            if let Some(executing) = &mut state.executing {
                executing.stopped = true;
            }
        }
        Err(why) => tracing::warn!("cannot end an action: {why}"),
    }
}
