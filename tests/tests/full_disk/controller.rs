//! The controller's disk.

use crate::world::{FLOOR, World};
use anyhow::{Context, Result, ensure};
use ick_tests::{eventually, with_small_disks};
use serde_json::json;

/// Everything that only reads.
fn reads_go_on(world: &World) -> Result<()> {
    let anyone = world.anyone()?;
    for path in [
        "/healthz",
        "/version",
        "/metrics",
        "/projects",
        "/pipelines",
        "/workers",
        "/builds",
        "/builds/gated/1",
        "/logs/gated/1",
        "/projects/gated/+builds",
    ] {
        let answer = anyone.get("controller", path)?;
        ensure!(answer.status == 200, "{path}: {answer:?}");
    }
    world.run(&["status"])?.exits(0)?;
    Ok(())
}

#[test]
fn below_its_floor_it_takes_nothing_new_and_finishes_what_runs() -> Result<()> {
    with_small_disks(|| {
        let world = World::new("controller", 32)?;
        let gate = world.gated("seq 100000")?;
        let running = world.trigger("gated")?;
        world.log_with(&running, "started")?;
        world.disk().leave(FLOOR - (64 << 10))?;

        world.refused(&["build", "gated"])?.says("free_space")?;
        let file = world.folder().join("applied.yaml");
        world.refused(&["make-it-so", &file.to_string_lossy()])?;
        world
            .run(&["make-it-so", "--dry-run", &file.to_string_lossy()])?
            .exits(0)?;
        let anyone = world.anyone()?;
        let pipeline = json!({"pipeline": "new", "actions": [{"shell": "true", "where": "host"}]});
        anyone
            .json("POST", "/pipelines", &pipeline)?
            .has_no_room()?;
        anyone
            .json("PUT", "/pipelines/new", &pipeline)?
            .has_no_room()?;
        anyone
            .json("POST", "/projects/gated/+trigger", &json!({}))?
            .has_no_room()?;
        reads_go_on(&world)?;

        std::fs::write(gate, "")?;
        world.build_with_status(&running, "done")?;
        let numbers: String = (1..=100_000).map(|n| format!("{n}\n")).collect();
        ensure!(world.log(&running)? == format!("started\n{numbers}went through\n"));

        world.disk().make_room()?;
        world.run(&["build", "gated", "--wait"])?.exits(0)?;
        let said = world.said("controller")?;
        assert_eq!(said.matches("nothing new is taken on").count(), 1, "{said}");
        assert_eq!(said.matches("there is room again").count(), 1, "{said}");
        Ok(())
    })
}

#[test]
fn what_waits_is_not_started_below_the_floor_and_is_told_why() -> Result<()> {
    with_small_disks(|| {
        let world = World::new("controller", 32)?;
        let gate = world.gated("")?;
        std::fs::write(gate, "")?;
        world.run(&["drain-worker", "worker-1"])?.exits(0)?;
        let waits = world.trigger("gated")?;
        world.disk().leave(FLOOR / 2)?;
        world.run(&["resume-worker", "worker-1"])?.exits(0)?;
        let build = world.build(&waits)?;
        assert_eq!(build["status"], "triggered", "{build}");
        let why = build["waiting"].as_str().context("no reason")?;
        ensure!(why.contains("too little room"), "{why}");
        world.disk().make_room()?;
        world.build_with_status(&waits, "done")?;
        Ok(())
    })
}

#[test]
fn on_a_full_disk_leases_hold_and_nothing_acknowledged_is_lost() -> Result<()> {
    with_small_disks(|| {
        let world = World::new("controller", 32)?;
        world.gated("")?;
        world.run(&["drain-worker", "worker-1"])?.exits(0)?;
        let worker = world.worker("by-hand")?;
        worker
            .json("POST", "/workers", &json!({"slots": 2}))?
            .is(201)?;
        let first = world.trigger("gated")?;
        let second = world.trigger("gated")?;
        let ask = |slot: u32| -> Result<serde_json::Value> {
            let item = worker
                .get("controller", &format!("/work?wait=10s&slot={slot}"))?
                .is(200)?;
            // Making the workspace is nothing here.
            worker.report(&item)?.is(200)
        };
        let (item, cancelled) = (ask(1)?, ask(2)?);
        let kept = vec![b'k'; 300_000];
        worker.print(&item, 0, &kept)?.is(200)?;

        world.disk().leave(0)?;
        assert_eq!(world.disk().free()?, 0);
        worker.print(&item, kept.len(), b"more")?.has_no_room()?;
        let lease = item["lease"].as_str().context("no lease")?;
        let renew = || -> Result<String> {
            let path = format!("/work/+lease?lease={lease}");
            let answer = worker.get("controller", &path)?.is(200)?;
            Ok(answer["lease_expires"].as_str().context("no time")?.into())
        };
        let before = renew()?;
        eventually("the lease to be renewed", || {
            Ok((renew()? > before).then_some(()))
        })?;
        reads_go_on(&world)?;
        ensure!(world.log(&first)?.as_bytes() == kept);
        // What ends work, and what makes room, has a reserve.
        world.run(&["cancel-build", &second])?.exits(0)?;
        worker.report(&cancelled)?.is(200)?;
        world.build_with_status(&second, "cancelled")?;
        world.run(&["delete-build", &second])?.exits(0)?;

        world.kill("controller")?;
        world.start()?;
        assert_eq!(world.build(&first)?["status"], "building");
        ensure!(world.log(&first)?.as_bytes() == kept);
        worker.print(&item, kept.len(), b"more")?.has_no_room()?;
        reads_go_on_after_restart(&world)?;

        world.disk().make_room()?;
        worker.print(&item, kept.len(), b"more")?.is(200)?;
        worker.report(&item)?.is(200)?;
        world.build_with_status(&first, "done")?;
        ensure!(world.log(&first)?.as_bytes() == [&kept[..], b"more"].concat());
        assert_eq!(world.trigger("gated")?, "gated/3");
        Ok(())
    })
}

fn reads_go_on_after_restart(world: &World) -> Result<()> {
    reads_go_on(world)?;
    world.refused(&["build", "gated"])?;
    Ok(())
}

#[test]
fn a_worker_keeps_the_log_until_the_controller_has_room() -> Result<()> {
    with_small_disks(|| {
        let world = World::new("controller", 32)?;
        let gate = world.gated("seq 300000")?;
        let running = world.trigger("gated")?;
        world.log_with(&running, "started")?;
        world.disk().leave(0)?;
        std::fs::write(gate, "")?;
        eventually("the worker to say that it waits", || {
            Ok(world
                .said("worker-1")?
                .contains("the log waits here")
                .then_some(()))
        })?;
        assert_eq!(world.build(&running)?["status"], "building");
        world.disk().make_room()?;
        world.build_with_status(&running, "done")?;
        let numbers: String = (1..=300_000).map(|n| format!("{n}\n")).collect();
        ensure!(world.log(&running)? == format!("started\n{numbers}went through\n"));
        let said = world.said("worker-1")?;
        assert_eq!(said.matches("the log waits here").count(), 1, "{said}");
        Ok(())
    })
}

#[test]
fn without_room_to_begin_it_says_so_and_begins_when_there_is() -> Result<()> {
    with_small_disks(|| {
        let folder = tempfile::tempdir()?;
        let disk = ick_tests::Disk::mount(folder.path().join("state"), 16)?;
        disk.leave(0)?;
        let begin = || -> Result<std::process::Command> {
            let mut command = std::process::Command::new(ick_tests::program("ick-controller")?);
            command
                .args(["serve", "--listen", "127.0.0.1:0", "--state"])
                .arg(disk.path())
                .stdin(std::process::Stdio::null());
            Ok(command)
        };
        let refused = ick_tests::Outcome::of(&mut begin()?)?.exits(75)?;
        refused.says("no room")?.says("0 bytes free")?;
        disk.make_room()?;
        let mut child = begin()?.stderr(std::process::Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().context("no stderr")?;
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stderr));
        let serves = lines.any(|line| line.is_ok_and(|line| line.starts_with("listening on")));
        child.kill()?;
        child.wait()?;
        ensure!(serves);
        Ok(())
    })
}
