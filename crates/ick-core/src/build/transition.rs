//! The one transition function: every state of a build in the database came out of it.

use super::state::fresh_actions;
use super::{
    ActionStatus, BuildStatus, Cause, CauseKind, Effect, Event, Lease, LeaseId, Outcome, Refused,
    Released, Shape, State, When,
};
use crate::duration;
use crate::name::WorkerId;
use crate::time::Timestamp;
use std::time::Duration;

/// How long `always` actions have in all after a cancel or the build's time-out.
pub const FINAL_GRACE: Duration = Duration::from_secs(60);

/// How long after the deadline the controller waits for the worker's report before it ends the build.
pub const OVERDUE: Duration = Duration::from_secs(30);

/// How many attempts a build gets in all, whatever they end for.
pub const MAX_ATTEMPTS: u32 = 10;

/// The state after an event, and what follows from it.
///
/// An event that says what is so already (a repeated report, a further cancel, a tick too early) gives
/// the same state and no effects.
///
/// # Errors
/// When the event cannot happen to this state; nothing has changed then.
pub fn apply(
    shape: &Shape,
    state: &State,
    event: Event,
    now: Timestamp,
) -> Result<(State, Vec<Effect>), Refused> {
    let same = shape.actions.len() == state.actions.len()
        && std::iter::zip(&shape.actions, &state.actions).all(|(a, b)| a.action_id == b.action_id);
    if !same {
        return Err(Refused::OtherShape);
    }
    let mut change = Change {
        shape,
        state: state.clone(),
        effects: Vec::new(),
        now,
    };
    match event {
        Event::HandOut {
            worker,
            slot,
            lease,
        } => change.hand_out(worker, slot, lease)?,
        Event::Report {
            lease,
            action_id,
            outcome,
        } => change.report(&lease, &action_id, *outcome)?,
        Event::Cancel => change.cancel(),
        Event::LeaseExpired { lease } => change.lease_expired(&lease)?,
        Event::Tick => change.tick(),
    }
    Ok((change.state, change.effects))
}

/// A transition under way.
struct Change<'a> {
    shape: &'a Shape,
    state: State,
    effects: Vec<Effect>,
    now: Timestamp,
}

impl Change<'_> {
    fn hand_out(&mut self, worker: WorkerId, slot: u32, id: LeaseId) -> Result<(), Refused> {
        if self.state.status != BuildStatus::Triggered {
            return Err(Refused::NotWaiting(self.state.status));
        }
        if self.state.lease(&id).is_some() {
            return Err(Refused::LeaseUsed);
        }
        self.state.epoch += 1;
        let lease = Lease {
            id,
            worker: worker.clone(),
            slot,
            epoch: self.state.epoch,
            run: self.shape.run().to_owned(),
        };
        self.effects.push(Effect::LeaseGiven(lease.clone()));
        self.state.lease = Some(lease);
        self.state.worker = Some(worker);
        self.state.avoid = None;
        self.state.started = Some(self.now);
        self.state.deadline = Some(self.now.plus(self.shape.timeout));
        self.go(BuildStatus::Building);
        self.go_on();
        Ok(())
    }

    fn report(&mut self, id: &LeaseId, action_id: &str, outcome: Outcome) -> Result<(), Refused> {
        let place = self
            .state
            .actions
            .iter()
            .position(|action| action.action_id == action_id);
        let place = place.ok_or_else(|| Refused::NoSuchAction(action_id.to_owned()))?;
        let not_handed_out = || Refused::NotHandedOut(action_id.to_owned());
        if let Some(released) = self.state.released.iter().find(|one| one.lease.id == *id) {
            let reported = released.actions.iter().any(|one| one == action_id);
            return reported.then_some(()).ok_or_else(not_handed_out);
        }
        if self.state.lease.as_ref().is_none_or(|held| held.id != *id) {
            return Err(Refused::NoSuchLease);
        }
        let action = &self.state.actions[place];
        if action.started.is_none() {
            return Err(not_handed_out());
        }
        if action.status != ActionStatus::Building {
            return Ok(());
        }
        if let Some(cause) = &outcome.cause
            && cause.kind == CauseKind::LostWorker
        {
            let detail = cause.detail.clone();
            self.lost(&detail, Lost::Reported);
            return Ok(());
        }
        self.end_action(place, outcome);
        self.look_at_deadline();
        self.go_on();
        Ok(())
    }

    fn cancel(&mut self) {
        match self.state.status {
            BuildStatus::Triggered => {
                self.state.cancel = 1;
                self.trouble(plain_cause(
                    CauseKind::Cancelled,
                    "it was cancelled while it waited for a worker",
                ));
                self.end();
            }
            BuildStatus::Building if self.state.cancel == 0 => {
                self.state.cancel = 1;
                if !self.state.timed_out {
                    self.state.deadline = Some(self.now.plus(FINAL_GRACE));
                }
                let mut cause = plain_cause(CauseKind::Cancelled, "it was cancelled");
                cause.action_id = self.current_id();
                self.trouble(cause);
                self.lease_changed();
            }
            BuildStatus::Building if self.state.cancel == 1 => {
                self.state.cancel = 2;
                self.lease_changed();
            }
            _ => {}
        }
    }

    fn lease_expired(&mut self, id: &LeaseId) -> Result<(), Refused> {
        match &self.state.lease {
            Some(lease) if lease.id == *id => {
                let detail = format!(
                    "worker {} was not heard of while it executed action {}",
                    lease.worker,
                    self.current_id().unwrap_or_default()
                );
                self.lost(&detail, Lost::Expired);
                Ok(())
            }
            _ => Err(Refused::NoSuchLease),
        }
    }

    fn tick(&mut self) {
        if self.state.due(self.shape).is_none_or(|due| self.now < due) {
            return;
        }
        if self.state.status == BuildStatus::Triggered {
            let waited = duration::format(self.shape.queue_timeout);
            self.trouble(plain_cause(
                CauseKind::QueueTimeout,
                format!("no worker took it within {waited}"),
            ));
            self.end();
            return;
        }
        let detail = format!(
            "action {} was not reported as ended {} after the build's deadline",
            self.current_id().unwrap_or_default(),
            duration::format(OVERDUE)
        );
        let kind = if self.state.cancel > 0 {
            CauseKind::Cancelled
        } else {
            CauseKind::Timeout
        };
        self.look_at_deadline();
        self.end_current(plain_cause(kind, detail));
        self.end();
    }

    /// The worker that has the build is gone: a new attempt, or the end.
    fn lost(&mut self, detail: &str, how: Lost) {
        self.look_at_deadline();
        let automatic = how == Lost::Expired;
        let why_not = if self.state.trouble.is_some() {
            // What has gone wrong before says more about the build than the loss of its worker.
            Some(String::new())
        } else if self.state.once_started {
            Some("an action that must not be started twice had started".to_owned())
        } else if self.state.attempt >= MAX_ATTEMPTS {
            Some(format!("it was attempt {MAX_ATTEMPTS}, the last"))
        } else if automatic && self.state.automatic_used >= self.shape.automatic_attempts {
            Some(format!("it was attempt {}", self.state.attempt))
        } else {
            None
        };
        if how == Lost::Reported {
            let reported = self.current_id();
            self.release(reported);
        }
        match why_not {
            None => self.new_attempt(automatic),
            Some(why_not) => {
                let detail = match (detail, why_not.as_str()) {
                    ("", why_not) => format!("its worker was lost; {why_not}"),
                    (detail, "") => detail.to_owned(),
                    (detail, why_not) => format!("{detail}; {why_not}"),
                };
                let kind = if self.state.cancel > 0 {
                    CauseKind::Cancelled
                } else {
                    CauseKind::LostWorker
                };
                self.end_current(plain_cause(kind, detail));
                self.end();
            }
        }
    }

    fn new_attempt(&mut self, automatic: bool) {
        for place in 0..self.state.actions.len() {
            self.go_action(place, ActionStatus::Blocked);
        }
        let fresh = fresh_actions(self.shape);
        for (place, action) in fresh.iter().enumerate() {
            self.go_action(place, action.status);
        }
        self.end_lease();
        let state = &mut self.state;
        state.actions = fresh;
        state.attempt += 1;
        state.automatic_used += u32::from(automatic);
        state.avoid.clone_from(&state.worker);
        state.queued = self.now;
        state.started = None;
        state.deadline = None;
        state.artifacts.clear();
        state.sources.clear();
        state.outputs.clear();
        let attempt = state.attempt;
        let avoid = state.avoid.clone();
        self.go(BuildStatus::Triggered);
        self.effects
            .extend(avoid.map(|avoid| Effect::NewAttempt { attempt, avoid }));
    }

    /// Records that the time-out is over, the first time that it is seen to be.
    fn look_at_deadline(&mut self) {
        let passed = self.deadline_passed();
        if !passed || self.state.cancel > 0 || self.state.timed_out {
            return;
        }
        self.state.timed_out = true;
        self.state.deadline = Some(self.now.plus(FINAL_GRACE));
        let limit = duration::format(self.shape.timeout);
        let mut cause = plain_cause(
            CauseKind::Timeout,
            format!("the build took longer than its time-out of {limit}"),
        );
        cause.action_id = self.last_started_id();
        self.trouble(cause);
        self.lease_changed();
    }

    fn deadline_passed(&self) -> bool {
        self.state.deadline.is_some_and(|at| self.now >= at)
    }

    /// Decides about the actions that nothing is in the way of, hands out the next, or ends the build.
    fn go_on(&mut self) {
        for place in 0..self.state.actions.len() {
            let ended = |on: &usize| self.state.actions[*on].status.has_ended();
            let free = self.shape.depends[place].iter().all(ended);
            let wanted = self.wanted(self.shape.actions[place].when);
            match self.state.actions[place].status {
                ActionStatus::Blocked if free && wanted => {
                    self.go_action(place, ActionStatus::Ready);
                }
                ActionStatus::Blocked if free => self.go_action(place, ActionStatus::Skipped),
                ActionStatus::Ready if !wanted => self.go_action(place, ActionStatus::Skipped),
                _ => {}
            }
        }
        let ready = |action: &super::ActionState| action.status == ActionStatus::Ready;
        match self.state.actions.iter().position(ready) {
            Some(place) => {
                self.go_action(place, ActionStatus::Building);
                self.state.actions[place].started = Some(self.now);
                self.state.once_started |= self.shape.actions[place].once;
            }
            None => {
                self.release(None);
                self.end();
            }
        }
    }

    /// Whether an action is to be executed, given how the build went so far.
    fn wanted(&self, when: When) -> bool {
        let closing = self.state.cancel > 0 || self.state.timed_out;
        match when {
            When::OnSuccess => self.state.trouble.is_none() && !closing,
            When::OnFailure => self.state.trouble.is_some() && !closing,
            When::Always => self.state.cancel < 2 && !(closing && self.deadline_passed()),
        }
    }

    fn end_action(&mut self, place: usize, outcome: Outcome) {
        let action_id = self.state.actions[place].action_id.clone();
        let cause = verdict(&outcome).err().map(|mut cause| {
            cause.action_id = Some(action_id);
            cause
        });
        if cause.is_none() {
            self.state.outputs.extend(outcome.outputs);
        }
        for artifact in outcome.artifacts {
            self.state.artifacts.retain(|old| old.name != artifact.name);
            self.state.artifacts.push(artifact);
        }
        for source in outcome.sources {
            match self.state.sources.iter_mut().find(|s| s.dir == source.dir) {
                Some(old) => *old = source,
                None => self.state.sources.push(source),
            }
        }
        let status = match cause.as_ref().map(|cause| cause.kind) {
            None => ActionStatus::Done,
            Some(CauseKind::Cancelled) => ActionStatus::Cancelled,
            Some(_) => ActionStatus::Failed,
        };
        self.go_action(place, status);
        let action = &mut self.state.actions[place];
        action.exit_code = outcome.exit_code;
        action.ended = Some(self.now);
        action.cause.clone_from(&cause);
        if let Some(cause) = cause {
            self.trouble(cause);
        }
    }

    /// Ends the action that was handed out, if there is one, as its worker will not.
    fn end_current(&mut self, cause: Cause) {
        let building = |action: &super::ActionState| action.status == ActionStatus::Building;
        if let Some(place) = self.state.actions.iter().position(building) {
            self.end_action(place, Outcome::failed(cause));
        }
    }

    /// Ends the build: what has not started is skipped.
    fn end(&mut self) {
        for place in 0..self.state.actions.len() {
            if !self.state.actions[place].status.has_ended() {
                self.go_action(place, ActionStatus::Skipped);
            }
        }
        self.end_lease();
        self.state.ended = Some(self.now);
        self.state.cause = self.state.trouble.take();
        let status = match &self.state.cause {
            None => BuildStatus::Done,
            Some(cause) => cause.kind.status(),
        };
        self.go(status);
    }

    /// Remembers that the lease's worker itself said how its last action ended.
    fn release(&mut self, reported: Option<String>) {
        let Some(lease) = self.state.lease.clone() else {
            return;
        };
        let ended = self.state.actions.iter().filter(|a| a.ended.is_some());
        let actions = ended.map(|a| a.action_id.clone()).chain(reported).collect();
        self.state.released.push(Released { lease, actions });
    }

    fn end_lease(&mut self) {
        if let Some(lease) = self.state.lease.take() {
            self.effects.push(Effect::LeaseEnded(lease.id));
        }
    }

    fn lease_changed(&mut self) {
        if let Some(lease) = &self.state.lease {
            self.effects.push(Effect::LeaseChanged(lease.id.clone()));
        }
    }

    /// Something has gone wrong. What went wrong first is what the build ends with.
    fn trouble(&mut self, cause: Cause) {
        self.state.trouble.get_or_insert(cause);
    }

    fn current_id(&self) -> Option<String> {
        self.state.current().map(|action| action.action_id.clone())
    }

    fn last_started_id(&self) -> Option<String> {
        let mut started = self.state.actions.iter().rev();
        started
            .find(|action| action.started.is_some())
            .map(|action| action.action_id.clone())
    }

    fn go(&mut self, to: BuildStatus) {
        let from = std::mem::replace(&mut self.state.status, to);
        self.effects.push(Effect::Build { from, to });
    }

    fn go_action(&mut self, place: usize, to: ActionStatus) {
        let action = &mut self.state.actions[place];
        let from = std::mem::replace(&mut action.status, to);
        if from != to {
            self.effects.push(Effect::Action {
                action_id: action.action_id.clone(),
                from,
                to,
            });
        }
    }
}

/// How it is known that a worker is gone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lost {
    /// Its lease expired.
    Expired,
    /// It says itself that it lost the action; that costs no automatic attempt.
    Reported,
}

/// Success, or why not. What has no verdict is no success.
fn verdict(outcome: &Outcome) -> Result<(), Cause> {
    match (&outcome.cause, outcome.exit_code) {
        (Some(cause), _) => Err(cause.clone()),
        (None, Some(0)) => Ok(()),
        (None, Some(code)) => Err(Cause {
            code: Some(code),
            ..plain_cause(CauseKind::Exit, format!("it exited with code {code}"))
        }),
        (None, None) => Err(plain_cause(
            CauseKind::Internal,
            "the worker reported neither an exit code nor a cause",
        )),
    }
}

fn plain_cause(kind: CauseKind, detail: impl Into<String>) -> Cause {
    Cause {
        kind,
        code: None,
        action_id: None,
        detail: detail.into(),
    }
}
