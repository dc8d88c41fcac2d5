//! What holds for every sequence of events.

use crate::world::{QUEUE_TIMEOUT, TIMEOUT, cause};
use ick_core::build::{
    ActionShape, ActionStatus, BuildStatus, CauseKind, Effect, Event, LeaseId, OVERDUE, Outcome,
    Shape, State, When, apply,
};
use ick_core::time::Timestamp;
use proptest::prelude::*;
use std::time::Duration;

/// The table of DESIGN.md, section 4: build.
const BUILD: &[(BuildStatus, BuildStatus)] = {
    use BuildStatus::{Building, Cancelled, Done, Failed, Triggered};
    &[
        (Triggered, Building),
        (Triggered, Cancelled),
        (Triggered, Failed),
        (Building, Done),
        (Building, Failed),
        (Building, Cancelled),
        (Building, Triggered),
    ]
};

/// The table of DESIGN.md, section 4: action, within an attempt. A new attempt takes all to `blocked`.
const ACTION: &[(ActionStatus, ActionStatus)] = {
    use ActionStatus::{Blocked, Building, Cancelled, Done, Failed, Ready, Skipped};
    &[
        (Blocked, Ready),
        (Ready, Building),
        (Building, Done),
        (Building, Failed),
        (Building, Cancelled),
        (Blocked, Skipped),
        (Ready, Skipped),
    ]
};

/// An event without the ids that only the state can give.
#[derive(Clone, Debug)]
enum Step {
    HandOut,
    /// With the held lease and the current action, or others.
    Report(bool, usize, Box<Outcome>),
    Cancel,
    LeaseExpired(bool),
    Tick,
    Wait(u64),
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let kinds = prop::sample::select(vec![
        CauseKind::Exit,
        CauseKind::Timeout,
        CauseKind::LostWorker,
        CauseKind::Cancelled,
        CauseKind::BadDefinition,
    ]);
    prop_oneof![
        6 => Just(Outcome::exited(0)),
        2 => Just(Outcome::exited(1)),
        1 => Just(Outcome::default()),
        2 => kinds.prop_map(|kind| Outcome::failed(cause(kind))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::HandOut),
        8 => (prop::bool::weighted(0.9), 0..6usize, outcome())
            .prop_map(|(current, place, outcome)| Step::Report(current, place, Box::new(outcome))),
        1 => Just(Step::Cancel),
        1 => any::<bool>().prop_map(Step::LeaseExpired),
        1 => Just(Step::Tick),
        2 => prop_oneof![0..100u64, Just(TIMEOUT.as_secs()), Just(QUEUE_TIMEOUT.as_secs())]
            .prop_map(Step::Wait),
    ]
}

/// A graph: each action depends on some of those before it.
fn shape() -> impl Strategy<Value = Shape> {
    let action = (
        prop::sample::select(When::ALL),
        prop::bool::weighted(0.1),
        any::<u8>(),
    );
    (prop::collection::vec(action, 1..6), any::<bool>(), 0..3u32).prop_map(
        |(actions, chain, attempts)| {
            let action = |(place, (when, once, on)): (usize, (When, bool, u8))| {
                let depends = |before: &usize| {
                    if chain {
                        before + 1 == place
                    } else {
                        on >> before & 1 == 1
                    }
                };
                ActionShape {
                    action_id: (place + 1).to_string(),
                    run: "1".to_owned(),
                    depends: (0..place)
                        .filter(depends)
                        .map(|before| (before + 1).to_string())
                        .collect(),
                    when,
                    once,
                }
            };
            let actions = actions.into_iter().enumerate().map(action).collect();
            Shape::new(actions, TIMEOUT, QUEUE_TIMEOUT, attempts).unwrap()
        },
    )
}

struct Run {
    shape: Shape,
    state: State,
    now: Timestamp,
    leases: u32,
}

impl Run {
    fn event(&mut self, step: Step) -> Option<Event> {
        let held = self.state.lease.as_ref().map(|lease| lease.id.clone());
        let foreign = || LeaseId::new("foreign");
        Some(match step {
            Step::HandOut => {
                self.leases += 1;
                Event::HandOut {
                    worker: "w".parse().unwrap(),
                    slot: 1,
                    lease: LeaseId::new(format!("L{}", self.leases)),
                }
            }
            Step::Report(current, place, outcome) => {
                let old = self.state.released.last().map(|one| one.lease.id.clone());
                let action_id = match self.state.current() {
                    Some(action) if current => action.action_id.clone(),
                    _ => (place + 1).to_string(),
                };
                Event::Report {
                    lease: held.or(old).unwrap_or_else(foreign),
                    action_id,
                    outcome,
                }
            }
            Step::Cancel => Event::Cancel,
            Step::LeaseExpired(held_one) => Event::LeaseExpired {
                lease: held.filter(|_| held_one).unwrap_or_else(foreign),
            },
            Step::Tick => Event::Tick,
            Step::Wait(seconds) => {
                self.now = self.now.plus(Duration::from_secs(seconds));
                return None;
            }
        })
    }

    /// Applies an event and checks the way from the old state to the new.
    fn happens(&mut self, event: Event) {
        let before = self.state.clone();
        let Ok((after, effects)) = apply(&self.shape, &before, event, self.now) else {
            return;
        };
        check_way(&before, &after, &effects);
        check_state(&self.shape, &after);
        self.state = after;
    }
}

fn check_way(before: &State, after: &State, effects: &[Effect]) {
    if effects.is_empty() {
        assert_eq!(before, after, "a change without an effect");
    }
    let new_attempt = after.attempt != before.attempt;
    let mut status = before.status;
    let mut actions: Vec<_> = before.actions.iter().map(|a| a.status).collect();
    for effect in effects {
        match effect {
            Effect::Build { from, to } => {
                assert_eq!(*from, status);
                assert!(BUILD.contains(&(*from, *to)), "build: {from} to {to}");
                status = *to;
            }
            Effect::Action {
                action_id,
                from,
                to,
            } => {
                let place = before
                    .actions
                    .iter()
                    .position(|a| a.action_id == *action_id)
                    .unwrap();
                assert_eq!(*from, actions[place]);
                let anew = new_attempt && *to == ActionStatus::Blocked;
                assert!(
                    anew || ACTION.contains(&(*from, *to)),
                    "action: {from} to {to}"
                );
                actions[place] = *to;
            }
            _ => {}
        }
    }
    // What the effects tell is all that changed.
    assert_eq!(status, after.status);
    assert_eq!(
        actions,
        after.actions.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    assert!(
        !before.status.has_ended() || before == after,
        "a change after the end"
    );
    assert!(after.attempt == before.attempt || after.attempt == before.attempt + 1);
    assert_eq!(
        new_attempt,
        (before.status, after.status) == (BuildStatus::Building, BuildStatus::Triggered)
    );
}

fn check_state(shape: &Shape, state: &State) {
    let ended_badly = |failed, cancelled| failed || cancelled;
    assert_eq!(
        state.cause.is_some(),
        ended_badly(
            state.status == BuildStatus::Failed,
            state.status == BuildStatus::Cancelled
        )
    );
    assert_eq!(
        state
            .cause
            .as_ref()
            .map(|cause| cause.kind == CauseKind::Cancelled),
        state
            .cause
            .is_some()
            .then_some(state.status == BuildStatus::Cancelled)
    );
    let mut building = 0;
    for (action, shape) in state.actions.iter().zip(shape.actions()) {
        let status = action.status;
        assert_eq!(
            action.cause.is_some(),
            ended_badly(
                status == ActionStatus::Failed,
                status == ActionStatus::Cancelled
            )
        );
        if status == ActionStatus::Done {
            assert_eq!(action.exit_code, Some(0), "done without a verdict");
        }
        if state.status == BuildStatus::Done {
            let unneeded = status == ActionStatus::Skipped && shape.when == When::OnFailure;
            assert!(
                status == ActionStatus::Done || unneeded,
                "done with an action {status}"
            );
        }
        if state.status.has_ended() {
            assert!(status.has_ended(), "ended with an action {status}");
        }
        if status == ActionStatus::Ready || status == ActionStatus::Building {
            for on in &shape.depends {
                let on = state.actions.iter().find(|a| a.action_id == *on).unwrap();
                assert!(on.status.has_ended());
            }
        }
        let never = matches!(
            status,
            ActionStatus::Blocked | ActionStatus::Ready | ActionStatus::Skipped
        );
        assert_eq!(action.started.is_some(), !never);
        building += usize::from(status == ActionStatus::Building);
    }
    let is_building = state.status == BuildStatus::Building;
    assert_eq!(building, usize::from(is_building));
    assert_eq!(state.lease.is_some(), is_building);
    assert!(state.deadline.is_some() || state.started.is_none());
    assert_eq!(state.ended.is_some(), state.status.has_ended());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_sequence_of_events_leaves_the_table_and_every_build_ends(
        shape in shape(),
        steps in prop::collection::vec(step(), 0..40),
        silent_worker in any::<bool>(),
    ) {
        let now = Timestamp::from_millis(0);
        let mut run = Run { state: State::new(&shape, now), shape, now, leases: 0 };
        check_state(&run.shape, &run.state);
        for step in steps {
            if let Some(event) = run.event(step) {
                run.happens(event);
            }
        }
        // From here on only time passes; the worker is gone, or renews its lease for ever.
        let mut passes = 0;
        while !run.state.status.has_ended() {
            passes += 1;
            prop_assert!(passes < 50, "never ends: {:#?}", run.state);
            run.now = run.now.plus(TIMEOUT + OVERDUE);
            if let Some(lease) = run.state.lease.clone() && silent_worker {
                run.happens(Event::LeaseExpired { lease: lease.id });
            }
            run.happens(Event::Tick);
        }
    }

    #[test]
    fn a_once_action_is_never_handed_out_twice(shape in shape(), steps in prop::collection::vec(step(), 0..60)) {
        let now = Timestamp::from_millis(0);
        let mut run = Run { state: State::new(&shape, now), shape, now, leases: 0 };
        let mut times = vec![0; run.state.actions.len()];
        for step in steps {
            let Some(event) = run.event(step) else { continue };
            if let Ok((state, effects)) = apply(&run.shape, &run.state, event, run.now) {
                for effect in effects {
                    if let Effect::Action { action_id, to: ActionStatus::Building, .. } = effect {
                        let place = run.shape.actions().iter().position(|a| a.action_id == action_id).unwrap();
                        times[place] += 1;
                    }
                }
                run.state = state;
            }
        }
        for (times, action) in times.iter().zip(run.shape.actions()) {
            prop_assert!(!action.once || *times <= 1);
        }
    }
}
