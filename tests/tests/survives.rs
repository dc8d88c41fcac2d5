//! Nothing is lost: processes that are killed, restarted, cancelled, shut down in the middle of a build.

use anyhow::{Context, Result, ensure};
use ick_tests::{Ick, Outcome, eventually, is_alive};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};

/// A build that says so, waits until its gate file exists, and ends.
fn gated(ick: &Ick, more: &str) -> Result<std::path::PathBuf> {
    let gate = ick.folder().join("gate");
    ick.apply(&format!(
        "
projects:
  - project: gated
    pipelines: [gated]
pipelines:
  - pipeline: gated
    actions:
      - shell: |
          echo started by $$
          until [ -e {gate} ]; do read -r -t 0.05 < <(:) || true; done
          echo went through
        where: host
{more}
",
        gate = gate.display()
    ))?;
    Ok(gate)
}

fn open(gate: &std::path::Path) -> Result<()> {
    std::fs::write(gate, "").context("cannot open the gate")
}

/// The process id that the gated action printed.
fn action_pid(log: &str) -> Result<Pid> {
    log.split("started by ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|pid| Pid::from_raw(pid.parse().ok()?))
        .with_context(|| format!("no process id in {log:?}"))
}

#[test]
fn a_killed_controller_loses_nothing() -> Result<()> {
    let ick = Ick::up()?;
    let gate = gated(&ick, "")?;
    let running = ick.trigger("gated")?;
    ick.log_with(&running, "started by")?;
    let waiting = ick.trigger("gated")?;
    ick.kill("controller")?;
    ick.run(&["status"])?.exits(6)?;
    open(&gate)?;
    ick.start()?;
    for id in [&running, &waiting] {
        let build = ick.build_with_status(id, "done")?;
        assert_eq!(build["attempt"], 1, "{build}");
        let log = ick.log(id)?;
        ensure!(log.ends_with("\nwent through\n"), "{log}");
        assert_eq!(log.matches("started by").count(), 1, "{log}");
    }
    Ok(())
}

#[test]
fn a_follower_sees_the_whole_log_through_a_restart_of_the_controller() -> Result<()> {
    let ick = Ick::up()?;
    let gate = gated(&ick, "")?;
    let id = ick.trigger("gated")?;
    ick.log_with(&id, "started by")?;
    let mut follower = ick.spawn(&["show-log", "--follow", "--raw", &id])?;
    let mut stdout = BufReader::new(follower.stdout.take().context("no stdout")?);
    let mut followed = String::new();
    stdout.read_line(&mut followed)?;
    ick.kill("controller")?;
    ick.start()?;
    open(&gate)?;
    stdout.read_to_string(&mut followed)?;
    Outcome::from_output("show-log --follow".into(), &follower.wait_with_output()?).exits(0)?;
    assert_eq!(followed, ick.log(&id)?);
    ensure!(followed.ends_with("went through\n"), "{followed:?}");
    Ok(())
}

#[test]
fn a_killed_store_and_idp_are_started_again_and_know_everything() -> Result<()> {
    let ick = Ick::up()?;
    std::fs::write(ick.folder().join("file"), "kept\n")?;
    ick.run(&["put-artifact", "file", "a/file"])?.exits(0)?;
    ick.run(&[
        "create-client",
        "hook",
        "--scope",
        "uapi_projects_id_trigger_post",
    ])?
    .exits(0)?;
    ick.kill("store")?;
    ick.kill("idp")?;
    ick.run(&["get-artifact", "a/file", "-o", "nowhere"])?
        .exits(6)?;
    ensure!(!ick.folder().join("nowhere").exists());
    ick.start()?;
    let got = ick.run(&["get-artifact", "a/file", "-o", "-"])?.exits(0)?;
    assert_eq!(got.stdout, "kept\n");
    let clients = ick.run(&["list-clients"])?.exits(0)?;
    ensure!(clients.stdout.contains("hook"), "{clients:?}");
    Ok(())
}

#[test]
fn a_killed_worker_takes_over_what_went_on_without_it() -> Result<()> {
    let ick = Ick::up()?;
    let gate = gated(&ick, "")?;
    let id = ick.trigger("gated")?;
    let first = action_pid(&ick.log_with(&id, "started by")?)?;
    ick.kill("worker")?;
    ick.start()?;
    open(&gate)?;
    let build = ick.build_with_status(&id, "done")?;
    assert_eq!(build["attempt"], 1, "{build}");
    assert_eq!(action_pid(&ick.log_with(&id, "started by")?)?, first);
    eventually("the end of the action's process", || {
        Ok((!is_alive(first)).then_some(()))
    })
}

#[test]
fn down_ends_what_runs_and_the_next_up_starts_it_anew() -> Result<()> {
    let ick = Ick::up()?;
    let gate = gated(&ick, "")?;
    let id = ick.trigger("gated")?;
    let first = action_pid(&ick.log_with(&id, "started by")?)?;
    let pids: Vec<Pid> = ["idp", "controller", "store", "worker"]
        .iter()
        .map(|process| ick.pid(process))
        .collect::<Result<_>>()?;
    ick.down()?;
    for pid in pids.into_iter().chain([first]) {
        eventually(
            "every process to end",
            || Ok((!is_alive(pid)).then_some(())),
        )?;
    }
    open(&gate)?;
    ick.start()?;
    let build = ick.build_with_status(&id, "done")?;
    assert_eq!(build["attempt"], 2, "{build}");
    Ok(())
}

#[test]
fn what_must_not_run_twice_does_not() -> Result<()> {
    let ick = Ick::up()?;
    let gate = gated(&ick, "        once: true")?;
    let id = ick.trigger("gated")?;
    ick.log_with(&id, "started by")?;
    ick.down()?;
    open(&gate)?;
    ick.start()?;
    let build = ick.build_with_status(&id, "failed")?;
    assert_eq!(build["cause"]["kind"], "lost_worker", "{build}");
    assert_eq!(build["attempt"], 1, "{build}");
    Ok(())
}

#[test]
fn a_cancel_ends_a_silent_action_and_all_it_started() -> Result<()> {
    let ick = Ick::up()?;
    ick.apply(
        "
projects:
  - project: silent
    pipelines: [silent]
pipelines:
  - pipeline: silent
    actions:
      - shell: |
          (trap '' TERM; exec sleep 1000) &
          setsid sleep 1000 &
          echo children $(jobs -p)
          trap '' TERM
          wait; sleep 1000
        where: host
      - shell: echo cleaning up
        where: host
        when: always
      - shell: echo only after a failure
        where: host
        when: on_failure
",
    )?;
    let id = ick.trigger("silent")?;
    let log = ick.log_with(&id, "children")?;
    ick.run(&["cancel-build", &id])?.exits(0)?;
    let build = ick.build_with_status(&id, "cancelled")?;
    assert_eq!(build["cause"]["kind"], "cancelled");
    let statuses: Vec<_> = build["actions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|action| action["status"].as_str())
        .collect();
    assert_eq!(statuses, ["done", "cancelled", "done", "skipped"]);
    ensure!(ick.log(&id)?.ends_with("cleaning up\n"));
    for pid in log.split_whitespace().filter_map(|word| word.parse().ok()) {
        let pid = Pid::from_raw(pid).context("no process id")?;
        ensure!(!is_alive(pid), "{pid:?} is still there");
    }
    ick.run(&["cancel-build", &id])?.exits(0)?;
    Ok(())
}

#[test]
fn interrupting_a_wait_leaves_the_build_alone() -> Result<()> {
    let ick = Ick::up()?;
    let gate = gated(&ick, "")?;
    let waiting = ick.spawn(&["build", "gated", "--wait"])?;
    ick.log_with("gated/1", "started by")?;
    let pid = Pid::from_raw(i32::try_from(waiting.id())?).context("no process id")?;
    kill_process(pid, Signal::INT)?;
    let interrupted = Outcome::from_output("build --wait".into(), &waiting.wait_with_output()?)
        .exits(130)?
        .says("cancel-build gated/1")?;
    assert_eq!(interrupted.stdout, "gated/1\n");
    open(&gate)?;
    ick.build_with_status("gated/1", "done")?;
    Ok(())
}

#[test]
fn up_without_detach_stays_and_an_interrupt_is_down() -> Result<()> {
    let ick = Ick::new()?;
    let mut up = ick.spawn(&["up", "--port", "0"])?;
    let stdout = up.stdout.take().context("no stdout")?;
    let line = BufReader::new(stdout).lines().next().context("no line")??;
    ensure!(line.contains("ready"), "{line}");
    let pids: Vec<Pid> = ["idp", "controller", "store", "worker"]
        .iter()
        .map(|process| ick.pid(process))
        .collect::<Result<_>>()?;
    let pid = Pid::from_raw(i32::try_from(up.id())?).context("no process id")?;
    kill_process(pid, Signal::INT)?;
    up.wait()?;
    for pid in pids {
        eventually(
            "every process to end",
            || Ok((!is_alive(pid)).then_some(())),
        )?;
    }
    Ok(())
}

#[test]
fn an_artifact_that_no_store_takes_fails_its_action_with_that_cause() -> Result<()> {
    let ick = Ick::up()?;
    ick.apply(
        "
projects:
  - project: kept
    pipelines: [kept]
pipelines:
  - pipeline: kept
    actions:
      - shell: echo kept > file
        where: host
      - action: archive
        artifact: kept/file
",
    )?;
    ick.kill("store")?;
    let failed = ick.run(&["build", "kept", "--wait"])?.exits(1)?;
    ensure!(failed.stderr.contains("store"), "{failed:?}");
    let build = ick.build("kept/1")?;
    assert_eq!(build["cause"]["kind"], "store_unreachable", "{build}");
    assert_eq!(build["cause"]["action_id"], "3", "{build}");
    ick.start()?;
    ick.run(&["build", "kept", "--wait"])?.exits(0)?;
    Ok(())
}
