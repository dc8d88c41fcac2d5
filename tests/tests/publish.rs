//! What a build publishes: with rsync and dput, by a worker and by `icktool run`.

use anyhow::{Context, Result, ensure};
use ick_tests::{Disk, Ick, Outcome, need, with_small_disks};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

const PROJECT: &str = r#"
projects:
  - project: publish
    parameters: {made: none, www: none}
    pipelines: [make, publish]
pipelines:
  - pipeline: make
    parameters: [made]
    actions:
      - shell: |
          cp "$ICK_PARAM_made"/* .
          mkdir site
          echo hello > site/index.html
        where: host
  - pipeline: publish
    parameters: [www]
    actions:
      - action: rsync
        rsync_src: site
        rsync_target: ${www}
      - action: dput
        dput_host: incoming
"#;

/// An installation whose user has a key and an archive of packages, and a signed package.
struct Publisher {
    ick: Ick,
}

impl Publisher {
    fn new() -> Result<Self> {
        for (tool, package) in [
            ("rsync", "rsync"),
            ("dput", "dput"),
            ("gpg", "gnupg"),
            ("gpgconf", "gpgconf"),
        ] {
            need(tool, package)?;
        }
        let publisher = Self { ick: Ick::new()? };
        fs::create_dir(publisher.home(".gnupg"))?;
        fs::set_permissions(publisher.home(".gnupg"), Permissions::from_mode(0o700))?;
        publisher.gpg(&[
            "--passphrase",
            "",
            "--quick-gen-key",
            "me",
            "ed25519",
            "sign",
            "never",
        ])?;
        let incoming = publisher.path("incoming");
        fs::create_dir(&incoming)?;
        let config = format!(
            "[incoming]\nmethod = local\nincoming = {}\n",
            incoming.display()
        );
        fs::write(publisher.home(".dput.cf"), config)?;
        fs::write(publisher.path("project.yaml"), PROJECT)?;
        publisher.package()?;
        Ok(publisher)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.ick.folder().join(name)
    }

    fn home(&self, name: &str) -> PathBuf {
        self.path("home").join(name)
    }

    fn gpg(&self, arguments: &[&str]) -> Result<()> {
        let mut gpg = Command::new("gpg");
        gpg.args(["--batch", "--yes", "--quiet", "--homedir"])
            .arg(self.home(".gnupg"))
            .args(arguments);
        Outcome::of(&mut gpg)?.exits(0)?;
        Ok(())
    }

    fn package(&self) -> Result<()> {
        let made = self.path("made");
        fs::create_dir(&made)?;
        fs::write(made.join("hello_1.0_all.deb"), "hello")?;
        let list = "Format: 1.8\nSource: hello\nArchitecture: all\nVersion: 1.0\nDistribution: unstable\n\
                    Files:\n 5d41402abc4b2a76b9719d911017c592 5 misc optional hello_1.0_all.deb\n";
        fs::write(self.path("list"), list)?;
        let (from, to) = (self.path("list"), made.join("hello_1.0_all.changes"));
        let (from, to) = (from.to_string_lossy(), to.to_string_lossy());
        self.gpg(&["--output", &to, "--clearsign", &from])
    }

    /// A command of icktool, with the project's parameters.
    fn icktool(&self, words: &[&str]) -> Result<Command> {
        let made = format!("made={}", self.path("made").display());
        let www = format!("www={}", self.path("www").display());
        self.ick
            .command(&[words, &["-p", &made, "-p", &www]].concat())
    }

    /// What is there now, which is removed.
    fn published(&self) -> Result<()> {
        let page = self.path("www/index.html");
        ensure!(fs::read(&page).context("no page")? == b"hello\n");
        fs::remove_file(page)?;
        for name in ["hello_1.0_all.changes", "hello_1.0_all.deb"] {
            let came = self.path("incoming").join(name);
            ensure!(
                fs::read(&came).context("no package")? == fs::read(self.path("made").join(name))?
            );
            fs::remove_file(came)?;
        }
        Ok(())
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf")
            .arg("--homedir")
            .arg(self.home(".gnupg"))
            .args(["--kill", "all"])
            .output();
    }
}

#[test]
fn a_worker_and_icktool_run_publish_the_same() -> Result<()> {
    let publisher = Publisher::new()?;
    let file = publisher.path("project.yaml").display().to_string();
    publisher.ick.start()?;
    publisher.ick.run(&["make-it-so", &file])?.exits(0)?;
    Outcome::of(&mut publisher.icktool(&["build", "publish", "--wait"])?)?.exits(0)?;
    publisher.published()?;
    let build = publisher.ick.build("publish/1")?;
    let log = publisher
        .ick
        .run(&["show-log", "publish/1", "--timestamps"])?
        .exits(0)?;
    for told in [
        "published site to ",
        "uploaded hello_1.0_all.changes to incoming",
    ] {
        ensure!(log.stderr.contains(told), "{told:?} in {log:?}");
    }
    ensure!(log.stdout.is_empty(), "{log:?} {build}");
    Outcome::of(&mut publisher.icktool(&["run", &file])?)?.exits(0)?;
    publisher.published()
}

#[test]
fn a_missing_tool_is_named_with_its_package() -> Result<()> {
    let publisher = Publisher::new()?;
    let bin = publisher.path("bin");
    fs::create_dir(&bin)?;
    for tool in [
        "bash", "cp", "mkdir", "python3", "gpg", "gpgconf", "install",
    ] {
        symlink(need(tool, tool)?, bin.join(tool))?;
    }
    let file = publisher.path("project.yaml").display().to_string();
    let run = || -> Result<Outcome> {
        let mut command = publisher.icktool(&["run", &file])?;
        Outcome::of(command.env("PATH", &bin))?.exits(1)
    };
    run()?.says("rsync is not on this worker: install the Debian package rsync")?;
    symlink(need("rsync", "rsync")?, bin.join("rsync"))?;
    run()?.says("dput is not on this worker: install the Debian package dput")?;
    symlink(need("dput", "dput")?, bin.join("dput"))?;
    let config = "[incoming]\nmethod = scp\nfqdn = ick.invalid\nincoming = /srv\n";
    fs::write(publisher.home(".dput.cf"), config)?;
    run()?.says("ssh is not on this worker: install the Debian package openssh-client")?;
    Ok(())
}

#[test]
fn a_full_disk_at_the_target_is_the_cause() -> Result<()> {
    with_small_disks(|| {
        let publisher = Publisher::new()?;
        let file = publisher.path("project.yaml").display().to_string();
        let run = || Outcome::of(&mut publisher.icktool(&["run", &file])?);
        {
            let disk = Disk::mount(publisher.path("www"), 1)?;
            disk.leave(0)?;
            run()?
                .exits(1)?
                .says("no space is left there; make room for it")?;
        }
        let disk = Disk::mount(publisher.path("incoming"), 1)?;
        disk.leave(0)?;
        let full = run()?
            .exits(1)?
            .says("cannot upload hello_1.0_all.changes to incoming")?;
        full.says("no space is left; make room for it")?;
        Ok(())
    })
}
