//! A host whose clock is wrong.
//!
//! Every program of the host, also those that get no environment, sees a shifted clock: a library that
//! adds seconds to the time of day is preloaded by the host's own /etc/ld.so.preload. `faketime` is no
//! help: it needs the environment, or shifts the monotonic clock as well.

use crate::host::Host;
use crate::world::{FIRST_WORKER, SECOND_WORKER, join, listed, up};
use anyhow::{Context, Result, ensure};
use ick_core::time::Timestamp;
use ick_tests::{Ick, Outcome, need, with_own_network};
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

const SHIFT: &str = "
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *t) {
    int failed = syscall(SYS_clock_gettime, clock, t);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        t->tv_sec += AHEAD;
    return failed;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
    int failed = syscall(SYS_gettimeofday, t, zone);
    if (!failed)
        t->tv_sec += AHEAD;
    return failed;
}

time_t time(time_t *t) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (t)
        *t = now.tv_sec;
    return now.tv_sec;
}
";

/// Shifts the clock of a host, for all that it starts from here on.
fn shift(host: &mut Host, folder: &Path, ahead: i64) -> Result<()> {
    need("cc", "gcc")?;
    let (source, library) = (folder.join("shift.c"), folder.join("shift.so"));
    std::fs::write(&source, SHIFT)?;
    Outcome::of(
        Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library)
            .arg(format!("-DAHEAD=({ahead})"))
            .arg(&source),
    )?
    .exits(0)?;
    // An ordinary user cannot copy all of it, and what is missing is of no use here.
    let etc = folder.join("second-etc");
    Outcome::of(Command::new("cp").args(["--archive", "/etc"]).arg(&etc))?;
    std::fs::write(
        etc.join("ld.so.preload"),
        format!("{}\n", library.display()),
    )?;
    host.paste(&format!("mount --bind {} /etc\n", etc.display()))
}

fn now() -> Result<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_secs())?)
}

/// Builds on a host whose clock is wrong by so much.
fn builds_with(ahead: i64, words: &str) -> Result<()> {
    let ick = Ick::new()?;
    let mut host = Host::new(ick.folder())?;
    shift(&mut host, ick.folder(), ahead)?;
    up(&ick)?;
    ick.run(&["drain-worker", FIRST_WORKER])?.exits(0)?;
    join(&ick, &mut host)?;
    ick.apply(
        "
projects:
  - project: timed
    pipelines: [timed]
  - project: late
    pipelines: [late]
pipelines:
  - pipeline: timed
    actions:
      - shell: date +%s | tee date
        where: host
      - action: archive
        artifact: timed.tar.zst
  - pipeline: late
    actions:
      - shell: sleep 600
        where: host
        timeout: 1s
",
    )?;
    for _ in 0..2 {
        let begun = now()?;
        let id = ick.trigger("timed")?;
        let build = ick.build_with_status(&id, "done")?;
        assert_eq!(build["worker"], SECOND_WORKER);
        let wrong: i64 = ick.log(&id)?.trim().parse()?;
        let off = wrong - begun;
        ensure!(
            (off - ahead).abs() <= now()? - begun + 1,
            "the host's clock is off by {off} s"
        );
        // Times in the log are the controller's, as those of the build are.
        let records = ick.run(&["show-log", &id, "--format", "json"])?.exits(0)?;
        let record = records
            .stdout
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .find(|record| record["stream"] == "stdout")
            .with_context(|| records.stdout.clone())?;
        let seconds = |time: &serde_json::Value| -> Result<i64> {
            let time: Timestamp = time.as_str().context("no time")?.parse()?;
            Ok(i64::try_from(time.as_millis() / 1000)?)
        };
        let written = seconds(&record["t"])?;
        let (started, ended) = (seconds(&build["started"])?, seconds(&build["ended"])?);
        // What an answer takes on its way makes the correction that much too large or small.
        const WAY: i64 = 30;
        ensure!(
            (started - WAY..=ended + WAY).contains(&written),
            "{written} is not from {started} to {ended}"
        );
    }
    let late = ick.trigger("late")?;
    let late = ick.build_with_status(&late, "failed")?;
    assert_eq!(late["cause"]["kind"], "timeout");

    let told = host.said()?;
    assert_eq!(told.matches(words).count(), 1, "{told}");
    let listed = listed(&ick, SECOND_WORKER)?;
    ensure!(listed.contains(&format!("clock {words}")), "{listed}");
    Ok(())
}

#[test]
fn a_clock_five_minutes_ahead_breaks_nothing_and_is_said() -> Result<()> {
    with_own_network(|| builds_with(300, "5m ahead of the controller's"))
}

#[test]
fn a_clock_five_minutes_behind_breaks_nothing_and_is_said() -> Result<()> {
    with_own_network(|| builds_with(-300, "5m behind the controller's"))
}
