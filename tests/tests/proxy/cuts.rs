//! A proxy that cuts connections on which nothing moves.

use crate::installation::{Installation, ended};
use anyhow::{Result, ensure};
use ick_tests::eventually;

/// What is a quarter of an hour in the example is a second here.
const IMPATIENT: [(&str, &str); 2] = [
    ("timeout client 15m", "timeout client 1s"),
    ("timeout server 15m", "timeout server 1s"),
];

/// How many of haproxy's lines are about a connection to that path that it cut, on either side.
fn cuts(ick: &Installation, path: &str) -> Result<usize> {
    let cut = [" sD-- GET ", " cD-- GET ", " sH-- GET "].map(|state| format!("{state}{path}"));
    let log = ick.log("haproxy")?;
    Ok(log
        .lines()
        .filter(|line| cut.iter().any(|cut| line.contains(cut)))
        .count())
}

#[test]
fn followers_and_workers_go_on_by_themselves() -> Result<()> {
    let mut ick = Installation::up(&IMPATIENT)?;
    ick.start_worker("w")?;
    // It waits in vain for longer than the proxy does.
    eventually("the worker to know the proxy", || {
        let log = ick.log("w")?;
        Ok(log
            .contains("cuts calls that wait longer than")
            .then_some(()))
    })?;
    let gate = ick.path("gate");
    ick.apply(&format!(
        "
projects:
  - project: silent
    pipelines: [silent]
pipelines:
  - pipeline: silent
    actions:
      - shell: |
          seq 2000
          until [ -e {gate} ]; do read -r -t 0.05 < <(:) || true; done
          seq 2000
          printf 'no end of line'
        where: host
",
        gate = gate.display()
    ))?;
    let building = ick.spawn_icktool(&["build", "silent", "--follow"])?;
    eventually("the build", || {
        let log = ick.icktool(&["show-log", "--raw", "silent/1"])?;
        Ok(log.stdout.contains("\n2000\n").then_some(()))
    })?;
    let followers = [
        ick.spawn_icktool(&["show-log", "--follow", "--raw", "silent/1"])?,
        ick.spawn_icktool(&[
            "show-log", "--follow", "--raw", "--format", "json", "silent/1",
        ])?,
        ick.spawn_icktool(&["build", "silent", "--wait"])?,
    ];
    // Three of them, several times over; the last one waits for a build that has not begun, and learns how
    // long it may.
    eventually("the proxy to cut the followers", || {
        let all = cuts(&ick, "/logs/silent/1")? >= 9 && cuts(&ick, "/builds/silent/2")? >= 1;
        Ok(all.then_some(()))
    })?;
    let polls = cuts(&ick, "/work")?;
    std::fs::write(gate, "")?;

    let numbers: String = (1..=2000).map(|n| format!("{n}\n")).collect();
    let expected = format!("{numbers}{numbers}no end of line");
    let built = ended("build --follow", building)?.exits(0)?;
    assert_eq!(built.stdout, "silent/1\n");
    ensure!(built.stderr.starts_with(&expected), "{built:?}");
    let said = &built.stderr[expected.len()..];
    ensure!(
        said.trim_start().starts_with("icktool: silent/1 done in "),
        "{said:?}"
    );
    assert_eq!(said.trim().lines().count(), 1, "{said:?}");
    let [text, records, waiting] = followers;
    let text = ended("show-log --follow", text)?.exits(0)?;
    ensure!(text.stdout == expected, "{text:?}");
    assert_eq!(text.stderr, "");
    let records = ended("show-log --follow --format json", records)?.exits(0)?;
    let mut written = String::new();
    for line in records.stdout.lines() {
        let record: serde_json::Value = serde_json::from_str(line)?;
        if record["stream"] == "stdout" {
            written.push_str(record["text"].as_str().unwrap_or_default());
        }
    }
    ensure!(written == expected, "{records:?}");
    assert_eq!(records.stderr, "");
    let waited = ended("build --wait", waiting)?.exits(0)?;
    assert_eq!(waited.stdout, "silent/2\n");

    // The worker has learnt: it says so once, frightens nobody, and is not cut any more.
    let log = ick.log("w")?;
    assert_eq!(
        log.matches("going on with shorter waits").count(),
        1,
        "{log}"
    );
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
    ensure!(!log.contains("ERROR"), "{log}");
    assert_eq!(cuts(&ick, "/work")?, polls);
    Ok(())
}

#[test]
fn a_worker_whose_connections_are_cut_without_a_word_goes_on_by_itself() -> Result<()> {
    let mut ick = Installation::up(&[])?;
    ick.start_worker_behind_a_wire()?;
    eventually("the worker to know what is on the way", || {
        let log = ick.log("w")?;
        Ok(log
            .contains("cuts calls that wait longer than")
            .then_some(()))
    })?;
    ick.apply(
        "
projects:
  - project: short
    pipelines: [short]
pipelines:
  - pipeline: short
    actions:
      - shell: echo it goes on
        where: host
",
    )?;
    ick.icktool(&["build", "short", "--wait"])?.exits(0)?;
    let log = ick.icktool(&["show-log", "--raw", "short"])?.exits(0)?;
    assert_eq!(log.stdout, "it goes on\n");
    let said = ick.log("w")?;
    assert_eq!(said.matches("WARN").count(), 1, "{said}");
    Ok(())
}
