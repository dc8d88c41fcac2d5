//! Applying, building, and what is shown about it.

use crate::home::{Home, eventually};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

const PROJECT: &str = "projects:
  - project: p
    parameters: {code: 0}
    pipelines: [q]
pipelines:
  - pipeline: q
    parameters: [code]
    actions:
      - {shell: 'echo one; printf \"\\033[2Jtwo\\n\" >&2', where: host, name: talk}
      - {shell: 'echo three; exit $ICK_PARAM_code', where: host}
      - {shell: echo after, where: host, when: always}
";

fn applied() -> Home {
    let home = Home::up();
    home.write("project.yaml", PROJECT);
    home.run(&["make-it-so", "project.yaml"]).exits(0);
    home
}

#[test]
fn make_it_so_prints_what_changes_and_a_dry_run_changes_nothing() {
    let home = Home::up();
    home.write("p.yaml", PROJECT);
    let dry = home.run(&["make-it-so", "p.yaml", "--dry-run"]).exits(4);
    assert_eq!(
        dry.stdout,
        "would create pipeline q\nwould create project p\n"
    );
    assert_eq!(home.run(&["list-projects"]).exits(0).stdout, "");
    let made = home.run(&["make-it-so", "p.yaml"]).exits(0);
    assert_eq!(made.stdout, "created pipeline q\ncreated project p\n");
    home.run(&["make-it-so", "p.yaml", "--dry-run"]).exits(0);
    home.write("p.yaml", &PROJECT.replace("code: 0", "code: 1"));
    let changed = home.run(&["make-it-so", "p.yaml"]).exits(0);
    assert!(
        changed.stdout.starts_with("changed project p\n"),
        "{}",
        changed.stdout
    );
    assert!(
        changed.stdout.contains("\n  -  code: 0\n  +  code: 1\n"),
        "{}",
        changed.stdout
    );
    // A pipeline that exists on the server is no warning, one that exists nowhere is.
    home.write(
        "only.yaml",
        "projects: [{project: r, pipelines: [q, qqq]}]\n",
    );
    let warned = home
        .run(&["make-it-so", "only.yaml"])
        .exits(0)
        .says("qqq")
        .says("only.yaml:1:");
    assert!(
        !warned.stderr.contains("the pipeline \"q\""),
        "{}",
        warned.stderr
    );
}

#[test]
fn prune_deletes_only_what_the_same_set_made() {
    let home = applied();
    home.write(
        "a.yaml",
        "projects: [{project: a, pipelines: []}, {project: b, pipelines: []}]\n",
    );
    home.run(&["make-it-so", "a.yaml", "--set", "s"]).exits(0);
    home.write("a.yaml", "projects: [{project: a, pipelines: []}]\n");
    home.run(&["make-it-so", "a.yaml", "--set", "s"]).exits(0);
    let pruned = home
        .run(&["make-it-so", "a.yaml", "--set", "s", "--prune"])
        .exits(0);
    assert_eq!(pruned.stdout, "deleted project b\n");
    home.run(&["show-project", "p"]).exits(0);
}

#[test]
fn a_builds_end_is_the_exit_code() {
    let home = applied();
    // The project is that of project.yaml in this folder.
    let done = home.run(&["build", "--wait"]).exits(0);
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("p/1\n", ""));
    let failed = home
        .run(&["build", "p", "-p", "code:=3", "--follow"])
        .exits(1);
    assert_eq!(failed.stdout, "p/2\n");
    assert!(
        failed.stderr.starts_with("one\ntwo\nthree\nafter\n"),
        "{}",
        failed.stderr
    );
    assert!(failed.stderr.contains("p/2 failed"), "{}", failed.stderr);
    assert!(
        failed.stderr.contains("action 3 (shell): exit code 3"),
        "{}",
        failed.stderr
    );
    let json = home
        .run(&["build", "p", "--wait", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(
        (&json["build_id"], &json["status"]),
        (&"p/3".into(), &"done".into())
    );
    let quick = home.run(&["build", "p"]).exits(0);
    assert_eq!(
        (quick.stdout.as_str(), quick.stderr.as_str()),
        ("p/4\n", "")
    );
}

#[test]
fn who_waits_with_nobody_reading_gets_the_builds_exit_code() {
    let home = applied();
    let mut command = home.command(&["build", "p", "-p", "code:=1", "--wait"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_log_is_shown_as_is_asked_for() {
    let home = applied();
    home.run(&["build", "p", "-p", "code:=3", "--wait"])
        .exits(1);
    let shown = |args: &[&str]| {
        let all = [&["show-log"][..], args].concat();
        home.run(&all).exits(0).stdout
    };
    assert_eq!(shown(&["p/1", "--raw"]), "one\n\x1b[2Jtwo\nthree\nafter\n");
    assert_eq!(shown(&[]), "one\ntwo\nthree\nafter\n");
    assert_eq!(shown(&["p", "-f"]), "one\ntwo\nthree\nafter\n");
    assert_eq!(shown(&["p", "--failed"]), "three\n");
    assert_eq!(shown(&["p/1", "--action", "2"]), "one\ntwo\n");
    assert_eq!(
        shown(&["p/1", "--action", "2", "--raw"]),
        "one\n\x1b[2Jtwo\n"
    );
    let timed = shown(&["p", "--timestamps"]);
    let lines: Vec<(&str, &str)> = timed
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .collect();
    assert_eq!(
        lines.iter().map(|(_, text)| *text).collect::<Vec<_>>(),
        ["one", "two", "three", "after"]
    );
    assert!(
        lines
            .iter()
            .all(|(time, _)| time.ends_with('Z') && time.len() == 24),
        "{timed}"
    );
    home.run(&["show-log", "p/1", "--action", "9"])
        .exits(4)
        .says("1, 2, 3, 4");
    for line in shown(&["p", "--format", "json"]).lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(record["seq"].is_u64(), "{line}");
    }
}

#[test]
fn a_reader_of_a_log_that_goes_away_is_no_error() {
    let home = Home::up();
    home.write(
        "p.yaml",
        "projects: [{project: p, pipelines: [q]}]
pipelines: [{pipeline: q, actions: [{shell: seq 1000000, where: host}]}]
",
    );
    home.run(&["make-it-so", "p.yaml"]).exits(0);
    home.run(&["build", "p", "--wait"]).exits(0);
    for flag in ["--raw", "--follow", "--timestamps"] {
        let mut command = home.command(&["show-log", "p", flag]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{flag}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        let quiet = stderr.lines().all(|line| line.contains(" ick: "));
        assert!(quiet, "{flag}: {stderr}");
    }
}

#[test]
fn what_waits_says_why() {
    let home = applied();
    home.run(&["drain-worker", "worker-1"]).exits(0);
    let id = home.run(&["build", "p"]).exits(0).stdout.trim().to_owned();
    let status = home.run(&["status"]).exits(0).stdout;
    assert!(status.contains("drained"), "{status}");
    let line = status.lines().find(|line| line.starts_with(&id)).unwrap();
    assert!(line.contains("drain"), "{line}");
    let json = home.run(&["status", "--format", "json"]).exits(0).json();
    assert_eq!(json["triggered"][0]["build_id"], id.as_str());
    assert_eq!(json["workers"][0]["drained"], true);

    home.run(&["cancel-build", &id])
        .exits(0)
        .says("has ended: cancelled");
    let shown = home.run(&["show-build", &id]).exits(0).stdout;
    assert!(shown.starts_with("p/1 cancelled"), "{shown}");
    home.run(&["resume-worker", "worker-1"]).exits(0);
    home.run(&["build", "p", "--wait"]).exits(0);
    home.run(&["delete-build", &id]).exits(0);
    home.run(&["show-build", &id]).exits(4);
    let listed = home
        .run(&["list-builds", "p", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(listed["builds"].as_array().unwrap().len(), 1);
}

#[test]
fn a_cancelled_build_has_no_verdict() {
    let home = Home::up();
    home.write(
        "p.yaml",
        "projects: [{project: p, pipelines: [q]}]
pipelines: [{pipeline: q, actions: [{shell: 'echo begun; sleep 1000', where: host}]}]
",
    );
    home.run(&["make-it-so", "p.yaml"]).exits(0);
    let mut command = home.command(&["build", "p", "--wait"]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("the build's beginning", || {
        home.run(&["show-log", "p/1"]).stdout.contains("begun")
    });
    home.run(&["cancel-build", "p/1"]).exits(0);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("p/1 cancelled"));
    home.run(&["build", "p", "--follow", "-p", "x=1"])
        .exits(2)
        .says("x");
}

#[test]
fn an_interrupted_follower_ends_at_once_and_the_build_goes_on() {
    let home = Home::up();
    home.write(
        "p.yaml",
        "projects: [{project: p, pipelines: [q]}]
pipelines: [{pipeline: q, actions: [{shell: 'echo begun; sleep 1000', where: host}]}]
",
    );
    home.run(&["make-it-so", "p.yaml"]).exits(0);
    home.run(&["build", "p"]).exits(0);
    let mut command = home.command(&["show-log", "p", "-f"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "begun");
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(130), &b""[..])
    );
    let build = home
        .run(&["show-build", "p", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(build["status"], "building");
}
