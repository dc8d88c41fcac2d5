//! A build with a clock, so that tests speak in verbs.

use ick_core::build::{
    ActionShape, ActionStatus, BuildStatus, Cause, CauseKind, Effect, Event, LeaseId, Outcome,
    Refused, Shape, State, When, apply,
};
use ick_core::time::Timestamp;
use std::time::Duration;

pub(crate) const TIMEOUT: Duration = Duration::from_secs(3600);
pub(crate) const QUEUE_TIMEOUT: Duration = Duration::from_secs(86_400);

pub(crate) struct World {
    pub(crate) shape: Shape,
    pub(crate) state: State,
    pub(crate) now: Timestamp,
    pub(crate) effects: Vec<Effect>,
    leases: u32,
}

/// A chain of actions, "1" first.
pub(crate) fn chain(actions: &[(When, bool)]) -> Shape {
    let shape = |(place, (when, once)): (usize, &(When, bool))| ActionShape {
        action_id: (place + 1).to_string(),
        run: "1".to_owned(),
        depends: (place > 0).then(|| place.to_string()).into_iter().collect(),
        when: *when,
        once: *once,
    };
    let actions = actions.iter().enumerate().map(shape).collect();
    Shape::new(actions, TIMEOUT, QUEUE_TIMEOUT, 1).unwrap()
}

pub(crate) fn cause(kind: CauseKind) -> Cause {
    Cause {
        kind,
        code: None,
        action_id: None,
        detail: format!("{kind} it was"),
    }
}

impl World {
    pub(crate) fn new(whens: &[When]) -> Self {
        let actions: Vec<_> = whens.iter().map(|when| (*when, false)).collect();
        Self::of(chain(&actions))
    }

    pub(crate) fn of(shape: Shape) -> Self {
        let now = Timestamp::from_millis(1_000_000);
        Self {
            state: State::new(&shape, now),
            shape,
            now,
            effects: Vec::new(),
            leases: 0,
        }
    }

    pub(crate) fn happens(&mut self, event: Event) -> Result<(), Refused> {
        let (state, effects) = apply(&self.shape, &self.state, event, self.now)?;
        self.state = state;
        self.effects = effects;
        Ok(())
    }

    pub(crate) fn later(&mut self, seconds: u64) -> &mut Self {
        self.now = self.now.plus(Duration::from_secs(seconds));
        self
    }

    pub(crate) fn hand_out(&mut self) -> &mut Self {
        self.leases += 1;
        let event = Event::HandOut {
            worker: "w1".parse().unwrap(),
            slot: 1,
            lease: LeaseId::new(format!("L{}", self.leases)),
        };
        self.happens(event).unwrap();
        self
    }

    pub(crate) fn held(&self) -> LeaseId {
        self.state
            .lease
            .as_ref()
            .expect("a lease is held")
            .id
            .clone()
    }

    pub(crate) fn report(&mut self, outcome: Outcome) -> &mut Self {
        let action_id = self.state.current().unwrap().action_id.clone();
        let lease = self.held();
        self.report_as(&lease, &action_id, outcome).unwrap();
        self
    }

    pub(crate) fn report_as(
        &mut self,
        lease: &LeaseId,
        action_id: &str,
        outcome: Outcome,
    ) -> Result<(), Refused> {
        self.happens(Event::Report {
            lease: lease.clone(),
            action_id: action_id.to_owned(),
            outcome: Box::new(outcome),
        })
    }

    pub(crate) fn succeeds(&mut self) -> &mut Self {
        self.report(Outcome::exited(0))
    }

    pub(crate) fn fails(&mut self) -> &mut Self {
        self.report(Outcome::exited(3))
    }

    pub(crate) fn ends_for(&mut self, kind: CauseKind) -> &mut Self {
        self.report(Outcome::failed(cause(kind)))
    }

    pub(crate) fn cancel(&mut self) -> &mut Self {
        self.happens(Event::Cancel).unwrap();
        self
    }

    pub(crate) fn tick(&mut self) -> &mut Self {
        self.happens(Event::Tick).unwrap();
        self
    }

    pub(crate) fn lease_expires(&mut self) -> &mut Self {
        let lease = self.held();
        self.happens(Event::LeaseExpired { lease }).unwrap();
        self
    }

    /// The actions' statuses, one letter each: Blocked, Ready, bUilding, Done, Failed, Cancelled, Skipped.
    pub(crate) fn actions(&self) -> String {
        let letter = |status| match status {
            ActionStatus::Blocked => 'B',
            ActionStatus::Ready => 'R',
            ActionStatus::Building => 'U',
            ActionStatus::Done => 'D',
            ActionStatus::Failed => 'F',
            ActionStatus::Cancelled => 'C',
            ActionStatus::Skipped => 'S',
        };
        let actions = self.state.actions.iter();
        actions.map(|action| letter(action.status)).collect()
    }

    /// The build's status, attempt, actions and the kind of its cause.
    #[track_caller]
    pub(crate) fn is(
        &self,
        status: BuildStatus,
        attempt: u32,
        actions: &str,
        cause: Option<CauseKind>,
    ) {
        let kind = self.state.cause.as_ref().map(|cause| cause.kind);
        assert_eq!(
            (
                self.state.status,
                self.state.attempt,
                self.actions().as_str(),
                kind
            ),
            (status, attempt, actions, cause),
            "{:#?}",
            self.state
        );
    }
}
