//! What ends with the worker, and what does not.

use crate::shell;
use crate::worker::{Worker, lives, wait_until};
use crate::world::{Trouble, World};
use rustix::process::{Signal, kill_process};
use serde_json::Value;
use std::fs;

/// A script that says which process it is and how often it was started, and then waits.
fn waiting(worker: &Worker) -> Value {
    let pid = worker.path("pid");
    let starts = worker.path("starts");
    shell(&format!(
        "echo $$ > {pid}.new; mv {pid}.new {pid}; echo x >> {starts}; echo begun; exec sleep 1000",
        pid = pid.display(),
        starts = starts.display()
    ))
}

/// A script that says which process it is and how often it was started, and ends when it is let go.
fn gated(worker: &Worker) -> Value {
    let script = waiting(worker)["shell"].as_str().unwrap().to_owned();
    let go = worker.path("go");
    let gate = format!(
        "until [ -e {} ]; do sleep 0.01; done; echo at last; exit 3",
        go.display()
    );
    shell(&script.replace("exec sleep 1000", &gate))
}

#[test]
fn an_action_goes_on_while_its_worker_is_started_again() {
    for stop in [None, Some(Signal::TERM)] {
        let world = World::new();
        let mut worker = Worker::start(&world);
        world.build(&[shell("echo before"), gated(&worker), shell("echo after")]);
        world.wait_for_output("begun");
        match stop {
            None => worker.kill(),
            Some(signal) => {
                worker.signal(signal);
                assert!(worker.ended().success());
            }
        }
        // The supervisor is a process of its own.
        assert!(lives(&worker.path("pid")));
        worker.start_again();
        worker.said("taken over");
        fs::write(worker.path("go"), "").unwrap();
        let reports = world.ended();
        assert_eq!(reports[1]["exit_code"], 3);
        assert_eq!(fs::read_to_string(worker.path("starts")).unwrap(), "x\n");
        assert_eq!(world.output(), "before\nbegun\nat last\n");
        wait_until("the run's folder is gone", || worker.runs().is_empty());
    }
}

#[test]
fn an_action_that_was_taken_over_is_cancelled_like_any() {
    let world = World::new();
    let mut worker = Worker::start(&world);
    world.build(&[waiting(&worker)]);
    world.wait_for_output("begun");
    worker.kill();
    worker.start_again();
    worker.said("taken over");
    world.cancel();
    assert_eq!(world.ended()[0]["cause"]["kind"], "cancelled");
    assert!(!lives(&worker.path("pid")));
}

#[test]
fn an_action_whose_supervisor_was_killed_too_is_never_started_again() {
    let world = World::new();
    let mut worker = Worker::start(&world);
    world.build(&[waiting(&worker)]);
    world.wait_for_output("begun");
    let supervisors = worker.supervisors();
    worker.kill();
    for supervisor in supervisors {
        kill_process(supervisor, Signal::KILL).unwrap();
    }
    wait_until("the action is ended", || !lives(&worker.path("pid")));
    worker.start_again();
    let reports = world.ended();
    assert_eq!(reports[0]["cause"]["kind"], "lost_worker");
    assert!(!lives(&worker.path("pid")));
    assert_eq!(fs::read_to_string(worker.path("starts")).unwrap(), "x\n");
    assert_eq!(world.output(), "begun\n");
    wait_until("the run's folder is gone", || worker.runs().is_empty());
}

#[test]
fn a_result_that_was_not_reported_is_reported_after_a_restart() {
    let world = World::new();
    let mut worker = Worker::start(&world);
    let go = worker.path("go");
    let script = format!(
        "until [ -e {} ]; do sleep 0.01; done; echo at last; exit 3",
        go.display()
    );
    world.build(&[shell("echo before"), shell(&script)]);
    world.wait("the action is handed out", |state| {
        (state.at == 2).then_some(())
    });
    wait_until("it is executed", || {
        worker
            .runs()
            .iter()
            .any(|run| run.join("actions/3/spool").exists())
    });
    world.trouble(Trouble::NoReports);
    fs::write(&go, "").unwrap();
    let result = worker.runs()[0].join("actions/3/result.json");
    wait_until("the action has ended", || result.exists());
    worker.kill();
    world.no_more_trouble();
    worker.start_again();
    let reports = world.ended();
    assert_eq!(reports[1]["exit_code"], 3);
    assert_eq!(reports[1]["cause"]["kind"], "exit");
    assert_eq!(world.output(), "before\nat last\n");
}

#[test]
fn a_run_that_is_no_more_is_cleaned_up_after_a_restart() {
    let world = World::new();
    let mut worker = Worker::start(&world);
    world.build(&[waiting(&worker)]);
    world.wait_for_output("begun");
    worker.kill();
    world.take_lease_away();
    worker.start_again();
    wait_until("the run's folder is gone", || worker.runs().is_empty());
    assert!(!lives(&worker.path("pid")));
    assert_eq!(world.built(&[shell("true")])[0]["exit_code"], 0);
}

#[test]
fn sigterm_leaves_the_action_alone() {
    let world = World::new();
    let mut worker = Worker::start(&world);
    world.build(&[waiting(&worker)]);
    world.wait_for_output("begun");
    worker.signal(Signal::TERM);
    assert!(worker.ended().success());
    assert!(lives(&worker.path("pid")));
    assert_eq!(world.state().reports.len(), 1);
    // What it is taken down for afterwards ends it all the same.
    worker.start_again();
    worker.said("taken over");
    worker.signal(Signal::INT);
    assert!(worker.ended().success());
    assert_eq!(world.ended()[0]["cause"]["kind"], "lost_worker");
    assert!(!lives(&worker.path("pid")));
}

#[test]
fn sigint_ends_the_action_and_reports_it() {
    let world = World::new();
    let mut worker = Worker::start(&world);
    world.build(&[waiting(&worker)]);
    world.wait_for_output("begun");
    worker.signal(Signal::INT);
    assert!(worker.ended().success());
    assert_eq!(world.ended()[0]["cause"]["kind"], "lost_worker");
    assert!(!lives(&worker.path("pid")));
}

#[test]
fn an_idle_worker_stops_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let world = World::new();
        let mut worker = Worker::start(&world);
        world.built(&[shell("true")]);
        worker.signal(signal);
        assert!(worker.ended().success());
    }
}
