//! The worker's daemon from outside: the real program against a controller that lives in the test.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed test is a panic"
)]

mod http;
mod restart;
mod worker;
mod world;

use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};
use worker::{Group, Worker, lives, wait_until};
use world::{Trouble, World};

fn shell(script: &str) -> Value {
    json!({"shell": script, "where": "host", "when": "on_success"})
}

#[test]
fn a_build_from_registration_to_end() {
    let world = World::new();
    let worker = Worker::start_with(&world, "allow_host: true\nkeywords: [big]\nslots: 2\n");
    let reports = world.built(&[shell("echo one; echo two >&2"), shell("pwd; echo three")]);
    let registered = world.state().registered[0].clone();
    assert_eq!(registered["slots"], 2);
    assert_eq!(registered["keywords"], json!(["big"]));
    assert_eq!(
        registered["allows"],
        json!({"host": true, "chroot": false, "network": false})
    );
    assert_eq!(reports.len(), 2);
    for report in &reports {
        assert_eq!(
            (&report["exit_code"], &report["cause"]),
            (&json!(0), &Value::Null)
        );
    }
    let output = world.output();
    for part in ["one\n", "two\n", "/workspace\nthree\n"] {
        assert!(output.contains(part), "{output}");
    }
    wait_until("the run's folder is gone", || worker.runs().is_empty());
    // Short actions need no call for their lease.
    assert_eq!(world.state().lease_calls, 0);
}

#[test]
fn what_an_action_may_take_is_in_the_configuration_and_is_said_at_the_start() {
    let world = World::new();
    let limits = "limits: {memory: 64MiB, processes: 50, open_files: 99, file_size: 3MiB}";
    let group = Group::new("limits");
    let settings = format!("allow_host: true\n{limits}\n");
    let worker = Worker::start_in(group.as_ref(), &world, &settings);
    let too_much = "python3 -c 'held = b\"x\" * (192 << 20); import time; time.sleep(1000)'";
    let reports = world.built(&[shell("ulimit -n; ulimit -f"), shell(too_much)]);
    assert_eq!(world.output(), "99\n3072\n");
    assert_eq!(reports[1]["cause"]["kind"], "oom", "{reports:?}");
    assert_eq!(reports[1]["exit_code"], Value::Null);
    let log = worker.log();
    let how = |controller| match &group {
        Some(group) if group.has(controller) => "which its control group limits",
        _ => "which is watched",
    };
    let said = format!(
        "an action may take 64MiB of memory, {}, and have 50 processes and threads, {}; each process may \
         have 99 open files and write files of 3MiB, which Linux limits",
        how("memory"),
        how("pids")
    );
    assert!(log.contains(&said), "{log}");
}

#[test]
fn an_action_is_killed_when_the_worker_s_control_group_has_no_memory_left() {
    // As under a unit with MemoryMax=. Without the controller there is no such limit.
    let Some(group) = Group::new("all").filter(|group| group.has("memory")) else {
        return;
    };
    group.limit_memory(128 << 20);
    let world = World::new();
    let settings = "allow_host: true\nlimits: {memory: 1GiB}\n";
    let _worker = Worker::start_in(Some(&group), &world, settings);
    let too_much = "python3 -c 'held = b\"x\" * (256 << 20); import time; time.sleep(1000)'";
    let mut last = shell("echo the worker goes on");
    last["when"] = "always".into();
    let reports = world.built(&[shell(too_much), last]);
    assert_eq!(reports[0]["cause"]["kind"], "oom", "{reports:?}");
    assert_eq!(
        reports[0]["cause"]["detail"],
        "the action was killed, and Linux has ended processes as there was no memory left: give the build \
         host more, or lower `slots` or `limits.memory` in the worker's configuration"
    );
    assert_eq!(world.output(), "the worker goes on\n");
}

#[test]
fn failing_is_reported_and_the_rest_is_the_controller_s() {
    let world = World::new();
    let _worker = Worker::start(&world);
    let mut last = shell("echo at the end");
    last["when"] = "always".into();
    let reports = world.built(&[shell("exit 7"), shell("echo never"), last]);
    assert_eq!(reports[0]["exit_code"], 7);
    assert_eq!(reports[0]["cause"]["kind"], "exit");
    assert_eq!(reports[1]["action_id"], "4");
    assert_eq!(world.output(), "at the end\n");
}

#[test]
fn what_is_not_allowed_or_not_known_is_refused() {
    let world = World::new();
    let _worker = Worker::start_with(&world, "");
    for (step, kind) in [
        (shell("true"), "not_allowed"),
        (
            json!({"shell": "true", "where": "container", "network": true}),
            "not_allowed",
        ),
        (json!({"shell": "true", "where": "chroot"}), "not_allowed"),
        (
            json!({"action": "rsync", "rsync_src": "a", "rsync_target": "/b"}),
            "not_allowed",
        ),
        (
            json!({"action": "git", "git_url": "file:///x"}),
            "not_allowed",
        ),
        (json!({"action": "dance"}), "bad_definition"),
        (json!({}), "bad_definition"),
    ] {
        let reports = world.built(std::slice::from_ref(&step));
        assert_eq!(reports[0]["cause"]["kind"], kind, "{step}");
        assert_eq!(reports[0]["exit_code"], Value::Null, "{step}");
    }
}

#[test]
fn a_controller_of_another_api_is_not_worked_for() {
    for (api, remedy) in [
        (2, "upgrade ick-worker on this host"),
        (0, "upgrade the controller"),
    ] {
        let world = World::new();
        world.speak_api(api);
        let mut worker = Worker::start(&world);
        assert_eq!(worker.ended().code(), Some(76));
        let log = worker.log();
        let versions =
            format!("speaks version {api} of the API, and this worker version 1: {remedy}");
        assert!(log.contains(&versions), "{log}");
        assert!(log.contains(&world.url), "{log}");
        assert!(world.state().registered.is_empty());
    }
}

#[test]
fn a_worker_whose_protocol_is_refused_ends_with_the_controller_s_words() {
    let world = World::new();
    world.refuse_protocol();
    let mut worker = Worker::start(&world);
    assert_eq!(worker.ended().code(), Some(76));
    let log = worker.log();
    assert!(
        log.contains("this controller speaks another version"),
        "{log}"
    );
    assert!(
        log.contains(&format!("cannot work for {}", world.url)),
        "{log}"
    );
}

#[test]
fn output_is_there_while_the_action_goes_on() {
    let world = World::new();
    let worker = Worker::start(&world);
    let go = worker.path("go");
    let wait = format!(
        "echo begun; until [ -e {} ]; do sleep 0.01; done; echo done",
        go.display()
    );
    world.build(&[shell(&wait)]);
    world.wait_for_output("begun\n");
    fs::write(&go, "").unwrap();
    world.ended();
    assert_eq!(world.output(), "begun\ndone\n");
}

#[test]
fn a_large_log_arrives_whole_in_large_pieces() {
    let world = World::new();
    let _worker = Worker::start(&world);
    world.built(&[shell("seq 1 1500000")]);
    let output = world.output();
    assert_eq!(output.lines().count(), 1_500_000);
    assert!(
        output
            .lines()
            .zip(1..)
            .all(|(line, n): (&str, u32)| line == n.to_string())
    );
    let appends = world.state().appends;
    assert!(appends < 1000, "{appends}");
}

#[test]
fn a_cancel_ends_a_silent_action_soon() {
    let world = World::new();
    let worker = Worker::start(&world);
    let pid = worker.path("pid");
    let mut always = shell("echo cleaning up");
    always["when"] = "always".into();
    let script = format!(
        "echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000",
        pid.display()
    );
    world.build(&[shell(&script), shell("echo never"), always]);
    wait_until("the action runs", || pid.exists());
    world.wait("the lease is asked about", |state| {
        (state.lease_calls > 0).then_some(())
    });
    let begun = Instant::now();
    world.cancel();
    let reports = world.ended();
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(reports[0]["cause"]["kind"], "cancelled");
    assert_eq!(reports[0]["exit_code"], Value::Null);
    assert_eq!(reports[1]["exit_code"], 0);
    assert_eq!(world.output(), "cleaning up\n");
    assert!(!lives(&pid));
}

#[test]
fn a_second_cancel_ends_what_always_runs() {
    let world = World::new();
    let _worker = Worker::start(&world);
    let mut always = shell("echo begun; sleep 1000");
    always["when"] = "always".into();
    world.build(&[always]);
    world.wait_for_output("begun");
    world.wait("the lease is asked about", |state| {
        (state.lease_calls > 0).then_some(())
    });
    world.cancel();
    world.cancel();
    assert_eq!(world.ended()[0]["cause"]["kind"], "cancelled");
}

#[test]
fn the_build_s_time_out_is_the_worker_s_to_keep() {
    let world = World::new();
    let _worker = Worker::start(&world);
    world.build(&[shell("echo begun; sleep 1000"), shell("echo never")]);
    world.wait_for_output("begun");
    world.wait("the lease is asked about", |state| {
        (state.lease_calls > 0).then_some(())
    });
    world.time_out_in(Duration::from_millis(300));
    let reports = world.ended();
    assert_eq!(reports[0]["cause"]["kind"], "timeout");
    assert_eq!(world.output(), "begun\n");
}

#[test]
fn a_lost_lease_ends_the_action_without_a_report() {
    let world = World::new();
    let worker = Worker::start(&world);
    let pid = worker.path("pid");
    let script = format!(
        "echo $$ > {0}.new; mv {0}.new {0}; echo begun; exec sleep 1000",
        pid.display()
    );
    world.build(&[shell(&script)]);
    world.wait_for_output("begun");
    world.wait("the lease is asked about", |state| {
        (state.lease_calls > 0).then_some(())
    });
    world.take_lease_away();
    wait_until("the run's folder is gone", || worker.runs().is_empty());
    assert!(!lives(&pid));
    assert_eq!(world.state().reports.len(), 1);
    assert_eq!(world.built(&[shell("true")])[0]["exit_code"], 0);
}

#[test]
fn each_byte_arrives_once_whatever_is_lost_on_the_way() {
    let world = World::new();
    let worker = Worker::start(&world);
    let go = worker.path("go");
    let script = format!(
        "echo one; until [ -e {} ]; do sleep 0.01; done; echo two; echo three; seq 1 1000; echo end",
        go.display()
    );
    for _ in 0..2 {
        world.trouble(Trouble::AppendWithoutAnswer);
    }
    world.build(&[shell(&script)]);
    world.wait_for_output("one");
    // The controller is gone for a while, and the action goes on.
    world.away(true);
    fs::write(&go, "").unwrap();
    let spool = worker.runs()[0].join("actions/2/result.json");
    wait_until("the action has ended", || spool.exists());
    world.away(false);
    world.ended();
    let numbers: String = (1..=1000).map(|n| format!("{n}\n")).collect();
    assert_eq!(world.output(), format!("one\ntwo\nthree\n{numbers}end\n"));
}

#[test]
fn a_worker_that_is_not_known_registers_again() {
    let world = World::new();
    let _worker = Worker::start(&world);
    world.built(&[shell("true")]);
    world.forget_worker();
    world.wait("registered again", |state| {
        (state.registered.len() > 1).then_some(())
    });
    assert_eq!(world.built(&[shell("true")])[0]["exit_code"], 0);
}

#[test]
fn what_the_controller_has_lost_of_the_log_is_sent_again() {
    let world = World::new();
    let _worker = Worker::start(&world);
    world.trouble(Trouble::LogCutShort);
    let reports = world.built(&[shell("echo one; sleep 0.1; echo two")]);
    assert_eq!(reports[0]["exit_code"], 0);
    assert_eq!(world.output(), "one\ntwo\n");
}

#[test]
fn sources_and_artifacts_are_reported() {
    let world = World::new();
    let worker = Worker::start(&world);
    let upstream = worker.path("upstream");
    fs::create_dir(&upstream).unwrap();
    fs::write(upstream.join("file"), "text").unwrap();
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=N", "-c", "user.email=e@example.org", "-C"]);
        let output = command.arg(&upstream).args(arguments).output();
        let output = output.expect("git is needed: install the package git");
        assert!(output.status.success(), "{output:?}");
    };
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "m"]);
    let reports = world.built(&[
        json!({"action": "git", "git_url": upstream, "git_dir": "src", "where": "host"}),
        shell("cat src/file; git -C src status --porcelain"),
        json!({"action": "archive", "artifact": "hello/src", "paths": ["src/file"], "mtime": "commit"}),
    ]);
    assert_eq!(
        reports.iter().map(|r| &r["cause"]).collect::<Vec<_>>(),
        [&Value::Null; 3]
    );
    assert_eq!(reports[0]["sources"][0]["dir"], "src");
    assert_eq!(reports[2]["artifacts"][0]["name"], "hello/src");
    let blob = world.state().blobs[0].clone();
    assert_eq!(reports[2]["artifacts"][0]["size"], blob.len());
    assert_eq!(world.output(), "text");
    assert!(world.words().contains("checked out "), "{}", world.words());
}

#[test]
fn another_issuer_gets_no_credentials() {
    let world = World::new();
    let mut worker = Worker::start(&world);
    world.built(&[shell("true")]);
    worker.signal(Signal::TERM);
    assert!(worker.ended().success());
    world.move_issuer("http://127.0.0.1:1");
    worker.start_again();
    assert_eq!(worker.ended().code(), Some(2));
    assert!(
        worker.log().contains("nothing was sent"),
        "{}",
        worker.log()
    );
}

#[test]
fn a_wrong_configuration_is_told_and_a_state_in_use() {
    let world = World::new();
    let mut worker = Worker::start_with(&world, "slotz: 2\n");
    assert_eq!(worker.ended().code(), Some(2));
    assert!(
        worker.log().contains("slotz") && worker.log().contains("slots"),
        "{}",
        worker.log()
    );

    let worker = Worker::start(&world);
    world.built(&[shell("true")]);
    let output = Command::new(env!("CARGO_BIN_EXE_ick-worker"))
        .args(["serve", "--state"])
        .arg(worker.state())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let check = Command::new(env!("CARGO_BIN_EXE_ick-worker"))
        .args(["check", "--state"])
        .arg(worker.state())
        .output()
        .unwrap();
    assert_eq!(check.status.code(), Some(0), "{check:?}");
}
