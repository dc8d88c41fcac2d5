//! Section 4 of DESIGN.md, and what sections 5 and 7 say of leases and attempts, rule by rule.

use crate::world::{QUEUE_TIMEOUT, TIMEOUT, World, cause, chain};
use ick_core::build::BuildStatus::{Building, Cancelled, Done, Failed, Triggered};
use ick_core::build::When::{Always, OnFailure, OnSuccess};
use ick_core::build::{
    ActionShape, BuildStatus, CauseKind, Effect, Event, LeaseId, MAX_ATTEMPTS, Outcome, Refused,
    Shape, ShapeError, Source, State,
};
use std::time::Duration;

#[test]
fn all_goes_well() {
    let mut build = World::new(&[OnSuccess, OnSuccess, OnFailure, Always]);
    build.is(Triggered, 1, "RBBB", None);
    build.hand_out().is(Building, 1, "UBBB", None);
    build.succeeds().is(Building, 1, "DUBB", None);
    build.succeeds().is(Building, 1, "DDSU", None);
    build.succeeds().is(Done, 1, "DDSD", None);
    assert_eq!(build.state.lease, None);
    assert_eq!(build.state.ended, Some(build.now));
}

#[test]
fn a_failure_skips_what_follows_but_for_on_failure_and_always() {
    let mut build = World::new(&[OnSuccess, OnSuccess, OnSuccess, OnFailure, Always]);
    build.hand_out().succeeds().fails();
    build.is(Building, 1, "DFSUB", None);
    build
        .succeeds()
        .succeeds()
        .is(Failed, 1, "DFSDD", Some(CauseKind::Exit));
    let why = build.state.cause.as_ref().unwrap();
    assert_eq!((why.code, why.action_id.as_deref()), (Some(3), Some("2")));
}

#[test]
fn a_build_keeps_the_cause_of_the_first_action_that_failed() {
    let mut build = World::new(&[OnSuccess, OnFailure, Always]);
    build.hand_out().ends_for(CauseKind::Oom).fails().fails();
    build.is(Failed, 1, "FFF", Some(CauseKind::Oom));
}

#[test]
fn what_has_no_verdict_is_not_done() {
    for (outcome, kind) in [
        (Outcome::default(), CauseKind::Internal),
        (
            Outcome {
                exit_code: Some(0),
                ..Outcome::failed(cause(CauseKind::StoreUnreachable))
            },
            CauseKind::StoreUnreachable,
        ),
        (Outcome::exited(-1), CauseKind::Exit),
    ] {
        let mut build = World::new(&[OnSuccess]);
        build
            .hand_out()
            .report(outcome)
            .is(Failed, 1, "F", Some(kind));
    }
}

#[test]
fn a_cancel_while_waiting_ends_it_at_once() {
    let mut build = World::new(&[OnSuccess, Always]);
    build
        .cancel()
        .is(Cancelled, 1, "SS", Some(CauseKind::Cancelled));
    let before = build.state.clone();
    build.cancel();
    assert_eq!((build.state, build.effects), (before, vec![]));
}

#[test]
fn a_cancel_leaves_always_sixty_seconds() {
    let mut build = World::new(&[OnSuccess, OnSuccess, OnFailure, Always, Always]);
    build.hand_out().succeeds().later(5).cancel();
    build.is(Building, 1, "DUBBB", None);
    assert!(build.state.cancel_requested());
    assert_eq!(
        build.state.deadline,
        Some(build.now.plus(Duration::from_secs(60)))
    );
    assert_eq!(build.effects, [Effect::LeaseChanged(build.held())]);
    build.later(1).ends_for(CauseKind::Cancelled);
    build.is(Building, 1, "DCSUB", None);
    build.later(59).succeeds();
    build.is(Cancelled, 1, "DCSDS", Some(CauseKind::Cancelled));
    assert!(!build.state.cancel_requested());
}

#[test]
fn a_second_cancel_skips_always_too_and_a_third_changes_nothing() {
    let mut build = World::new(&[OnSuccess, Always]);
    build.hand_out().cancel().later(3).cancel();
    assert_eq!(build.state.cancel, 2);
    let before = build.state.clone();
    build.later(3).cancel();
    assert_eq!((&build.state, build.effects.len()), (&before, 0));
    build
        .succeeds()
        .is(Cancelled, 1, "DS", Some(CauseKind::Cancelled));
}

#[test]
fn a_build_that_failed_before_the_cancel_stays_failed() {
    let mut build = World::new(&[OnSuccess, OnFailure]);
    build
        .hand_out()
        .fails()
        .cancel()
        .ends_for(CauseKind::Cancelled);
    build.is(Failed, 1, "FC", Some(CauseKind::Exit));
}

#[test]
fn a_failure_after_the_cancel_stays_cancelled() {
    let mut build = World::new(&[OnSuccess, OnFailure]);
    build.hand_out().cancel().ends_for(CauseKind::Signal);
    build.is(Cancelled, 1, "FS", Some(CauseKind::Cancelled));
}

#[test]
fn a_report_after_the_deadline_is_the_builds_timeout() {
    let mut build = World::new(&[OnSuccess, OnSuccess, OnFailure, Always, Always]);
    build
        .hand_out()
        .succeeds()
        .later(TIMEOUT.as_secs())
        .succeeds();
    build.is(Building, 1, "DDSUB", None);
    assert_eq!(
        build.state.deadline,
        Some(build.now.plus(Duration::from_secs(60)))
    );
    build.later(60).succeeds();
    build.is(Failed, 1, "DDSDS", Some(CauseKind::Timeout));
    let cause = build.state.cause.unwrap();
    assert_eq!(
        cause.detail,
        "the build took longer than its time-out of 1h"
    );
    assert_eq!(cause.action_id.as_deref(), Some("2"));
}

#[test]
fn a_cancel_after_the_timeout_gives_no_more_time() {
    let mut build = World::new(&[OnSuccess, Always]);
    build
        .hand_out()
        .later(TIMEOUT.as_secs())
        .ends_for(CauseKind::Timeout);
    let deadline = build.state.deadline;
    build.later(30).cancel();
    assert_eq!(build.state.deadline, deadline);
    build
        .succeeds()
        .is(Failed, 1, "FD", Some(CauseKind::Timeout));
}

#[test]
fn the_controller_ends_an_overdue_build_itself() {
    let mut build = World::new(&[OnSuccess, Always]);
    build.hand_out().later(TIMEOUT.as_secs() + 29).tick();
    build.is(Building, 1, "UB", None);
    build
        .later(1)
        .tick()
        .is(Failed, 1, "FS", Some(CauseKind::Timeout));

    let mut build = World::new(&[OnSuccess, Always]);
    build.hand_out().cancel().later(90).tick();
    build.is(Cancelled, 1, "CS", Some(CauseKind::Cancelled));
}

#[test]
fn a_build_that_nobody_takes_fails() {
    let mut build = World::new(&[OnSuccess, Always]);
    build
        .later(QUEUE_TIMEOUT.as_secs() - 1)
        .tick()
        .is(Triggered, 1, "RB", None);
    build
        .later(1)
        .tick()
        .is(Failed, 1, "SS", Some(CauseKind::QueueTimeout));
}

#[test]
fn waiting_is_counted_from_the_new_attempt() {
    let mut build = World::new(&[OnSuccess]);
    build
        .later(QUEUE_TIMEOUT.as_secs() - 1)
        .hand_out()
        .later(60)
        .lease_expires()
        .tick();
    build.is(Triggered, 2, "R", None);
    build.later(QUEUE_TIMEOUT.as_secs()).tick();
    build.is(Failed, 2, "S", Some(CauseKind::QueueTimeout));
}

#[test]
fn a_lost_lease_gives_one_new_attempt() {
    let mut build = World::new(&[OnSuccess, OnSuccess, Always]);
    build.hand_out().report(Outcome {
        outputs: [("a".to_owned(), "b".to_owned())].into(),
        ..Outcome::exited(0)
    });
    let lost = build.held();
    build.lease_expires().is(Triggered, 2, "RBB", None);
    let (avoid, worker) = (build.state.avoid.clone(), build.state.worker.clone());
    assert_eq!(
        (avoid.as_ref(), avoid.as_ref().map(AsRef::as_ref)),
        (worker.as_ref(), Some("w1"))
    );
    assert_eq!((build.state.started, build.state.deadline), (None, None));
    assert!(build.state.outputs.is_empty());
    build.hand_out();
    assert_eq!(
        build.report_as(&lost, "1", Outcome::exited(0)),
        Err(Refused::NoSuchLease)
    );
    build
        .lease_expires()
        .is(Failed, 2, "FSS", Some(CauseKind::LostWorker));
    assert_eq!(
        build.state.cause.unwrap().detail,
        "worker w1 was not heard of while it executed action 1; it was attempt 2"
    );
}

#[test]
fn no_new_attempt_after_once_a_cancel_a_failure_or_the_timeout() {
    let mut build = World::of(chain(&[(OnSuccess, false), (OnSuccess, true)]));
    build.hand_out().succeeds().lease_expires();
    build.is(Failed, 1, "DF", Some(CauseKind::LostWorker));

    let mut build = World::new(&[OnSuccess, Always]);
    build.hand_out().cancel().lease_expires();
    build.is(Cancelled, 1, "CS", Some(CauseKind::Cancelled));

    let mut build = World::new(&[OnSuccess, Always]);
    build.hand_out().fails().lease_expires();
    build.is(Failed, 1, "FF", Some(CauseKind::Exit));

    let mut build = World::new(&[OnSuccess, Always]);
    build.hand_out().later(TIMEOUT.as_secs()).lease_expires();
    build.is(Failed, 1, "FS", Some(CauseKind::Timeout));
}

#[test]
fn a_once_action_of_an_earlier_attempt_counts() {
    let mut build = World::of(chain(&[(OnSuccess, false), (OnSuccess, true)]));
    build
        .hand_out()
        .lease_expires()
        .is(Triggered, 2, "RB", None);
    build.hand_out().succeeds().ends_for(CauseKind::LostWorker);
    build.is(Failed, 2, "DF", Some(CauseKind::LostWorker));
}

#[test]
fn a_reported_loss_costs_no_automatic_attempt_but_there_are_ten_in_all() {
    let mut build = World::new(&[OnSuccess]);
    for attempt in 1..MAX_ATTEMPTS {
        build.hand_out().ends_for(CauseKind::LostWorker);
        build.is(Triggered, attempt + 1, "R", None);
    }
    assert_eq!(build.state.automatic_used, 0);
    build.hand_out().ends_for(CauseKind::LostWorker);
    build.is(Failed, MAX_ATTEMPTS, "F", Some(CauseKind::LostWorker));
}

#[test]
fn a_repeated_report_changes_nothing_whatever_it_says() {
    let mut build = World::new(&[OnSuccess, OnSuccess]);
    build.hand_out();
    let lease = build.held();
    build.succeeds();
    let before = build.state.clone();
    build.report_as(&lease, "1", Outcome::exited(9)).unwrap();
    assert_eq!((&build.state, build.effects.len()), (&before, 0));
    build.succeeds().is(Done, 1, "DD", None);
    let before = build.state.clone();
    for action in ["1", "2"] {
        build.report_as(&lease, action, Outcome::exited(9)).unwrap();
    }
    assert_eq!(build.state, before);
}

#[test]
fn a_repeated_report_of_a_loss_changes_nothing() {
    let mut build = World::new(&[OnSuccess]);
    build.hand_out();
    let lease = build.held();
    build.ends_for(CauseKind::LostWorker).hand_out();
    let before = build.state.clone();
    build
        .report_as(&lease, "1", Outcome::failed(cause(CauseKind::LostWorker)))
        .unwrap();
    assert_eq!(build.state, before);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let mut build = World::new(&[OnSuccess, OnFailure, OnSuccess]);
    let no_lease = LeaseId::new("L0");
    let exited = || Outcome::exited(0);
    assert_eq!(
        build.report_as(&no_lease, "1", exited()),
        Err(Refused::NoSuchLease)
    );
    build.hand_out();
    let lease = build.held();
    assert_eq!(
        build.report_as(&no_lease, "1", exited()),
        Err(Refused::NoSuchLease)
    );
    assert_eq!(
        build.report_as(&lease, "3", exited()),
        Err(Refused::NotHandedOut("3".to_owned()))
    );
    assert_eq!(
        build.report_as(&lease, "4", exited()),
        Err(Refused::NoSuchAction("4".to_owned()))
    );
    assert_eq!(
        build.happens(Event::LeaseExpired { lease: no_lease }),
        Err(Refused::NoSuchLease)
    );
    build.succeeds();
    build.is(Building, 1, "DSU", None);
    assert_eq!(
        build.report_as(&lease, "2", exited()),
        Err(Refused::NotHandedOut("2".to_owned()))
    );
    let again = Event::HandOut {
        worker: "w2".parse().unwrap(),
        slot: 1,
        lease: LeaseId::new("L9"),
    };
    assert_eq!(build.happens(again), Err(Refused::NotWaiting(Building)));
    build.succeeds();
    assert_eq!(
        build.report_as(&lease, "2", exited()),
        Err(Refused::NotHandedOut("2".to_owned()))
    );
}

#[test]
fn the_first_commit_and_the_outputs_are_kept() {
    let source = |dir: &str, commit: &str| Source {
        dir: dir.to_owned(),
        url: "https://example.org/x.git".to_owned(),
        git_ref: None,
        commit: commit.to_owned(),
    };
    let output = |value: &str| [("version".to_owned(), value.to_owned())].into();
    let mut build = World::new(&[OnSuccess, Always, Always]);
    build.hand_out().report(Outcome {
        sources: vec![source("src", "abc"), source("other", "def")],
        outputs: output("1"),
        ..Outcome::exited(0)
    });
    assert_eq!(build.state.commit(), Some("abc"));
    build.report(Outcome {
        sources: vec![source("src", "fed")],
        outputs: output("2"),
        ..Outcome::exited(1)
    });
    assert_eq!(build.state.commit(), Some("fed"));
    assert_eq!(build.state.sources.len(), 2);
    assert_eq!(build.state.outputs, output("1"));
}

#[test]
fn a_graph_is_executed_one_action_at_a_time() {
    let action = |id: &str, depends: &[&str]| ActionShape {
        action_id: id.to_owned(),
        run: "1".to_owned(),
        depends: depends.iter().map(|id| (*id).to_owned()).collect(),
        when: OnSuccess,
        once: false,
    };
    let actions = vec![
        action("1", &[]),
        action("2", &["1"]),
        action("3", &["1"]),
        action("4", &["2", "3"]),
    ];
    let shape = Shape::new(actions, TIMEOUT, QUEUE_TIMEOUT, 1).unwrap();
    let mut build = World::of(shape.clone());
    build.hand_out().succeeds().is(Building, 1, "DURB", None);
    build.succeeds().is(Building, 1, "DDUB", None);
    build.succeeds().succeeds().is(Done, 1, "DDDD", None);
    let mut build = World::of(shape);
    build
        .hand_out()
        .succeeds()
        .fails()
        .is(Failed, 1, "DFSS", Some(CauseKind::Exit));

    let wrong = |actions| Shape::new(actions, TIMEOUT, QUEUE_TIMEOUT, 1).unwrap_err();
    assert_eq!(wrong(vec![]), ShapeError::Empty);
    assert_eq!(
        wrong(vec![action("1", &[]), action("1", &[])]),
        ShapeError::Twice("1".to_owned())
    );
    let itself = ShapeError::Depends {
        action_id: "1".to_owned(),
        on: "1".to_owned(),
    };
    assert_eq!(wrong(vec![action("1", &["1"])]), itself);
}

#[test]
fn a_state_survives_being_written_and_another_version_is_refused() {
    let mut build = World::new(&[OnSuccess, OnFailure]);
    build.hand_out().fails();
    let text = serde_json::to_string(&build.state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&text).unwrap(), build.state);
    let newer = text.replacen(r#""v":1"#, r#""v":2"#, 1);
    let error = serde_json::from_str::<State>(&newer)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("a build's state of version 2; this program knows version 1"),
        "{error}"
    );
}

#[test]
fn the_leases_version_changes_with_what_its_worker_must_know() {
    let mut build = World::new(&[OnSuccess, OnSuccess, Always, Always]);
    build.hand_out();
    let mut seen = vec![build.state.lease_version()];
    build.succeeds();
    assert_eq!(build.state.lease_version(), seen[0]);
    build.later(TIMEOUT.as_secs()).succeeds();
    seen.push(build.state.lease_version());
    build.cancel();
    seen.push(build.state.lease_version());
    build.cancel();
    seen.push(build.state.lease_version());
    let mut distinct = seen.clone();
    distinct.dedup();
    assert_eq!(seen, distinct);
    assert_eq!(build.state.status, BuildStatus::Building);
}
