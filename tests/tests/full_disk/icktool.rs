//! The disk of whoever calls `icktool`.

use anyhow::{Result, ensure};
use ick_tests::{Disk, Ick, with_small_disks};

#[test]
fn an_artifact_without_room_leaves_nothing_half_written() -> Result<()> {
    with_small_disks(|| {
        let ick = Ick::up()?;
        let disk = Disk::mount(ick.folder().join("small"), 2)?;
        std::fs::write(ick.folder().join("file"), vec![7; 8 << 20])?;
        ick.run(&["put-artifact", "file", "a/file"])?.exits(0)?;
        std::fs::write(disk.path().join("there"), "as it was")?;
        for target in ["small/new", "small/there"] {
            ick.run(&["get-artifact", "a/file", "-o", target])?
                .exits(2)?
                .says(&format!("cannot write {target}"))?
                .says("No space left on device")?;
        }
        let names: Vec<_> = std::fs::read_dir(disk.path())?
            .map(|entry| Ok(entry?.file_name()))
            .collect::<Result<_>>()?;
        assert_eq!(names, ["there"]);
        assert_eq!(
            std::fs::read_to_string(disk.path().join("there"))?,
            "as it was"
        );
        Ok(())
    })
}

#[test]
fn a_full_home_keeps_no_one_from_asking() -> Result<()> {
    with_small_disks(|| {
        let ick = Ick::up()?;
        let disk = Disk::mount(ick.folder().join("home/cache"), 1)?;
        disk.leave(0)?;
        ick.run(&["list-builds"])?.exits(0)?;
        Ok(())
    })
}

#[test]
fn a_build_without_a_daemon_fails_for_want_of_room() -> Result<()> {
    with_small_disks(|| {
        let ick = Ick::new()?;
        let file = ick.folder().join("project.yaml");
        std::fs::write(
            &file,
            "
projects:
  - project: files
    pipelines: [files]
pipelines:
  - pipeline: files
    actions:
      - shell: |
          echo before
          head -c 100M /dev/zero > file
        where: host
",
        )?;
        let disk = Disk::mount(ick.folder().join("home"), 8)?;
        let mut command = ick.command(&["run", "project.yaml"])?;
        // `run` has no server, so it takes no --state.
        let arguments: Vec<_> = command.get_args().take(2).map(ToOwned::to_owned).collect();
        let mut run = std::process::Command::new(command.get_program());
        run.args(arguments).current_dir(ick.folder()).env_clear();
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                run.env(name, value);
            }
        }
        let _ = command.stdin(std::process::Stdio::null());
        let failed = ick_tests::Outcome::of(&mut run)?.exits(1)?;
        ensure!(failed.stdout.starts_with("before\n"), "{failed:?}");
        ensure!(failed.stderr.contains("disk"), "{failed:?}");
        ensure!(disk.free()? > 4 << 20, "{}", disk.free()?);
        Ok(())
    })
}
