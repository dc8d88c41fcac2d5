//! The worker's disk.

use crate::world::{FLOOR, World};
use anyhow::{Context, Result, ensure};
use ick_tests::{eventually, with_small_disks};

/// A project with one action on the host.
fn project(world: &World, name: &str, shell: &str) -> Result<()> {
    let shell = shell.replace('\n', "\n          ");
    world.apply(&format!(
        "
projects:
  - project: {name}
    pipelines: [{name}]
pipelines:
  - pipeline: {name}
    actions:
      - shell: |
          {shell}
        where: host
"
    ))?;
    Ok(())
}

#[test]
fn an_action_that_fills_the_disk_ends_with_that_cause_and_its_log() -> Result<()> {
    with_small_disks(|| {
        let world = World::new("worker-1", 32)?;
        project(
            &world,
            "files",
            "echo before\nhead -c 100M /dev/zero > file",
        )?;
        project(&world, "output", "echo before\nhead -c 100M /dev/zero")?;
        project(&world, "fine", "echo fine")?;
        let pid = world.pid("worker")?;
        for name in ["files", "output"] {
            let id = world.trigger(name)?;
            let build = world.build_with_status(&id, "failed")?;
            assert_eq!(build["cause"]["kind"], "disk_full", "{build}");
            assert_eq!(build["attempt"], 1, "{build}");
            let log = world.log(&id)?;
            ensure!(log.starts_with("before\n"), "{log:.100}");
        }
        // What they left behind is removed, and that was all there was to do.
        let id = world.trigger("fine")?;
        world.build_with_status(&id, "done")?;
        assert_eq!(world.pid("worker")?, pid);
        ensure!(ick_tests::is_alive(pid));
        Ok(())
    })
}

#[test]
fn below_its_floor_it_takes_nothing_new_says_so_and_goes_on_by_itself() -> Result<()> {
    with_small_disks(|| {
        let world = World::new("worker-1", 32)?;
        project(&world, "fine", "echo fine")?;
        world.disk().leave(FLOOR / 2)?;
        let listed = |what: &str, there: bool| {
            eventually(&format!("list-workers, {what:?}: {there}"), || {
                let list = world.run(&["list-workers"])?.exits(0)?;
                Ok((list.stdout.contains(what) == there).then_some(list.stdout))
            })
        };
        let list = listed("paused", true)?;
        let folder = world.disk().path().display().to_string();
        ensure!(list.contains(&folder) && list.contains(" free"), "{list}");
        let id = world.trigger("fine")?;
        let build = world.build(&id)?;
        assert_eq!(build["status"], "triggered", "{build}");
        let why = build["waiting"].as_str().context("no reason")?;
        ensure!(why.contains("worker-1 takes nothing new"), "{why}");

        world.kill("worker")?;
        world.start()?;
        listed("paused", true)?;
        assert_eq!(world.build(&id)?["status"], "triggered");

        world.disk().make_room()?;
        world.build_with_status(&id, "done")?;
        listed("paused", false)?;
        let said = world.said("worker-1")?;
        // Once for each of the two processes.
        assert_eq!(said.matches("nothing new is taken on").count(), 2, "{said}");
        assert_eq!(said.matches("there is room again").count(), 1, "{said}");
        Ok(())
    })
}

#[test]
fn started_on_a_full_disk_it_works_when_there_is_room() -> Result<()> {
    with_small_disks(|| {
        let world = World::new("worker-1", 32)?;
        project(&world, "fine", "echo fine")?;
        world.disk().leave(0)?;
        world.kill("worker")?;
        // As of a slot that is new.
        std::fs::remove_file(world.disk().path().join("runs/1/started"))?;
        world.disk().leave(0)?;
        world.start()?;
        let id = world.trigger("fine")?;
        assert_eq!(world.build(&id)?["status"], "triggered");
        world.disk().make_room()?;
        world.build_with_status(&id, "done")?;
        Ok(())
    })
}

#[test]
fn caches_are_removed_before_it_takes_nothing_new() -> Result<()> {
    with_small_disks(|| {
        let world = World::new("worker-1", 32)?;
        world.apply(
            "
projects:
  - {project: cached, pipelines: [fill], cache: [kept]}
pipelines:
  - pipeline: fill
    actions:
      - shell: mkdir -p kept; ls kept; head -c 10M /dev/zero > kept/zeros
        where: host
",
        )?;
        project(&world, "fine", "echo fine")?;
        for (n, expected) in [(1, ""), (2, "zeros\n")] {
            let id = world.trigger("cached")?;
            world.build_with_status(&id, "done")?;
            assert_eq!(world.log(&id)?, expected, "{n}");
        }
        world.disk().leave(FLOOR / 2)?;
        eventually("room", || Ok((world.disk().free()? > FLOOR).then_some(())))?;
        let id = world.trigger("fine")?;
        world.build_with_status(&id, "done")?;
        let said = world.said("worker-1")?;
        ensure!(
            said.contains("removed the cache of cached, which took 10 MiB"),
            "{said}"
        );
        let id = world.trigger("cached")?;
        world.build_with_status(&id, "done")?;
        assert_eq!(world.log(&id)?, "");
        Ok(())
    })
}
