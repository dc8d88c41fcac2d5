//! An Ick of which one process has a small disk.

use crate::caller::Caller;
use anyhow::{Context, Result, ensure};
use ick_tests::{Disk, Ick, Outcome};
use std::io::Write;
use std::path::PathBuf;

/// How much new work has to leave free, in these tests.
pub(crate) const FLOOR: u64 = 4 << 20;

pub(crate) struct World {
    disk: Disk,
    ick: Ick,
}

impl World {
    /// An Ick that is up. The state folder `role` is on a disk of so many mebibytes, and its process
    /// has a floor of [`FLOOR`].
    pub(crate) fn new(role: &str, mebibytes: u64) -> Result<Self> {
        // Made on a disk with room for the settings that `up` begins with.
        let ick = Ick::up()?;
        ick.down()?;
        let folder = ick.state().join(role);
        let settings = folder.join("config.yaml");
        let mut file = std::fs::OpenOptions::new().append(true).open(settings)?;
        writeln!(file, "free_space: {FLOOR}")?;
        let made = ick.folder().join("made");
        std::fs::rename(&folder, &made)?;
        let disk = Disk::mount(&folder, mebibytes)?;
        let world = Self { disk, ick };
        let copied = std::process::Command::new("cp")
            .arg("--archive")
            .arg(made.join("."))
            .arg(&folder)
            .status()?;
        ensure!(copied.success());
        std::fs::remove_file(folder.join("log"))?;
        world.ick.start()?;
        Ok(world)
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// What a process has written into its log.
    pub(crate) fn said(&self, role: &str) -> Result<String> {
        Ok(std::fs::read_to_string(
            self.ick.state().join(role).join("log"),
        )?)
    }

    /// A build that says so, waits until its gate file exists, then does `more`.
    pub(crate) fn gated(&self, more: &str) -> Result<PathBuf> {
        let gate = self.ick.folder().join("gate");
        self.apply(&format!(
            "
projects:
  - project: gated
    pipelines: [gated]
pipelines:
  - pipeline: gated
    actions:
      - shell: |
          echo started
          until [ -e {gate} ]; do read -r -t 0.05 < <(:) || true; done
          {more}
          echo went through
        where: host
",
            gate = gate.display()
        ))?;
        Ok(gate)
    }

    /// Someone with every scope.
    pub(crate) fn anyone(&self) -> Result<Caller> {
        let up = self.ick.up_file()?;
        let id = up["client_id"].as_str().context("no client")?;
        let secret = up["client_secret"].as_str().context("no secret")?;
        Caller::new(&up, id, secret)
    }

    /// A worker that the test itself plays.
    pub(crate) fn worker(&self, name: &str) -> Result<Caller> {
        let made = self
            .run(&["create-worker", name, "--format", "json"])?
            .exits(0)?
            .json()?;
        let secret = made["client_secret"].as_str().context("no secret")?;
        Caller::new(&self.ick.up_file()?, name, secret)
    }

    /// `icktool`, refused by a full disk: with which words a person is told.
    pub(crate) fn refused(&self, arguments: &[&str]) -> Result<Outcome> {
        let outcome = self.run(arguments)?.exits(6)?;
        let folder = self.disk.path().display().to_string();
        outcome
            .says("nothing was kept, as there is no room")?
            .says(&format!("the disk of {folder}"))?
            .says(" free")
    }
}

impl std::ops::Deref for World {
    type Target = Ick;

    fn deref(&self) -> &Ick {
        &self.ick
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:?}", self.said("controller"));
        }
        // Before the disk goes, and with it what tells which processes there are.
        if let Ok(outcome) = self.ick.run(&["down"])
            && outcome.code != Some(0)
        {
            eprintln!("{outcome:?}");
        }
    }
}
