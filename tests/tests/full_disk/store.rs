//! The artifact store's disk.

use crate::world::World;
use anyhow::{Context, Result, ensure};
use ick_tests::{eventually, with_small_disks};

/// What an upload that was not kept has left behind.
fn left_behind(world: &World) -> Result<usize> {
    Ok(std::fs::read_dir(world.disk().path().join("blobs/tmp"))?.count())
}

#[test]
fn what_has_no_room_is_refused_whole_and_the_rest_stays() -> Result<()> {
    with_small_disks(|| {
        let world = World::new("store", 40)?;
        let file = |name: &str, mebibytes: usize| -> Result<()> {
            let bytes = (0..mebibytes << 20).map(|n| (n / 7 % 251) as u8);
            std::fs::write(world.folder().join(name), bytes.collect::<Vec<_>>())?;
            Ok(())
        };
        file("small", 1)?;
        file("middle", 8)?;
        file("large", 60)?;
        world.run(&["put-artifact", "small", "a/small"])?.exits(0)?;
        world
            .run(&["put-artifact", "middle", "a/middle"])?
            .exits(0)?;
        world.refused(&["put-artifact", "large", "a/large"])?;
        world
            .run(&["get-artifact", "a/large", "-o", "none"])?
            .exits(4)?;

        world.disk().leave(0)?;
        world.refused(&["put-artifact", "small", "a/other"])?;
        world.refused(&["put-artifact", "small", "a/middle"])?;
        eventually("nothing to be left behind", || {
            Ok((left_behind(&world)? == 0).then_some(()))
        })?;
        world
            .run(&["get-artifact", "a/middle", "-o", "got"])?
            .exits(0)?;
        let read = |name: &str| std::fs::read(world.folder().join(name));
        ensure!(read("got")? == read("middle")?);
        let listed = world
            .run(&["list-artifacts", "--format", "json"])?
            .exits(0)?
            .json()?;
        let blobs = listed["blobs"].as_array().context("no list")?;
        let names: Vec<_> = blobs.iter().filter_map(|b| b["name"].as_str()).collect();
        assert_eq!(names, ["a/middle", "a/small"]);

        // Deleting is how room is made.
        let middle = blobs[0]["digest"].as_str().context("no digest")?;
        let path = format!("/blobs/a/middle?version={middle}");
        world
            .anyone()?
            .send("store", "DELETE", &path, &[], &[])?
            .is(200)?;
        eventually("the content to go", || {
            Ok((world.disk().free()? >= 8 << 20).then_some(()))
        })?;
        world.run(&["put-artifact", "small", "a/other"])?.exits(0)?;
        world
            .run(&["get-artifact", "a/other", "-o", "again"])?
            .exits(0)?;
        ensure!(read("again")? == read("small")?);

        world.down()?;
        let check = std::process::Command::new(ick_tests::program("ick-store")?)
            .args(["check", "--state"])
            .arg(world.disk().path())
            .output()?;
        ensure!(check.status.success(), "{check:?}");
        Ok(())
    })
}

#[test]
fn an_archive_waits_for_room_in_the_store() -> Result<()> {
    with_small_disks(|| {
        let world = World::new("store", 24)?;
        world.apply(
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
        world.disk().leave(0)?;
        let id = world.trigger("kept")?;
        let anyone = world.anyone()?;
        let records = [("accept", "application/x-ndjson")];
        let path = format!("/logs/{id}");
        eventually("the log to say that it waits", || {
            let log = anyone.send("controller", "GET", &path, &records, &[])?;
            let log = String::from_utf8_lossy(&log.body).into_owned();
            Ok(log
                .contains("waiting until there is room in the artifact store")
                .then_some(()))
        })?;
        assert_eq!(world.build(&id)?["status"], "building");
        world.disk().make_room()?;
        let build = world.build_with_status(&id, "done")?;
        assert_eq!(build["artifacts"][0]["name"], "kept/file", "{build}");
        Ok(())
    })
}
