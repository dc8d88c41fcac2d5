//! A whole Ick for a test.

use crate::{Outcome, program};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// An installation of its own: state, configuration, home, ports.
pub struct Ick {
    folder: tempfile::TempDir,
}

impl Ick {
    /// A place for an installation; nothing runs yet.
    ///
    /// # Errors
    /// When no folder can be made.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("ick-test-").tempdir()?;
        std::fs::create_dir(folder.path().join("home"))?;
        Ok(Self { folder })
    }

    /// An installation that is up.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn up() -> Result<Self> {
        let ick = Self::new()?;
        ick.start()?;
        Ok(ick)
    }

    /// `icktool up`, also for one that was up before.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(&self) -> Result<Outcome> {
        self.run(&["up", "--detach", "--port", "0", "--slots", "2"])?
            .exits(0)
    }

    /// Adds lines to the configuration of `idp`, `controller`, `store` or `worker-1`, and starts it anew
    /// with them.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn configure(&self, daemon: &str, lines: &str) -> Result<()> {
        let path = self.state().join(daemon).join("config.yaml");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        std::fs::write(&path, text + lines)?;
        self.down()?;
        self.start()?;
        Ok(())
    }

    /// `icktool down`.
    ///
    /// # Errors
    /// When it fails.
    pub fn down(&self) -> Result<Outcome> {
        self.run(&["down"])?.exits(0)
    }

    /// A folder for the test's own files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The state folder.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// `icktool` with arguments, with this installation's environment and nothing else of ours.
    ///
    /// # Errors
    /// When icktool was not built.
    pub fn command(&self, args: &[&str]) -> Result<Command> {
        let mut command = Command::new(program("icktool")?);
        let home = self.folder.path().join("home");
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &home)
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_DATA_HOME", home.join("data"))
            .env("XDG_CACHE_HOME", home.join("cache"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .args(args)
            .arg("--state")
            .arg(self.state());
        Ok(command)
    }

    /// Runs `icktool` to its end.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn run(&self, args: &[&str]) -> Result<Outcome> {
        Outcome::of(&mut self.command(args)?)
    }

    /// Starts `icktool` and leaves it running, its output piped.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self, args: &[&str]) -> Result<Child> {
        let mut command = self.command(args)?;
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))
    }

    /// Applies a definition given as text.
    ///
    /// # Errors
    /// When it is refused.
    pub fn apply(&self, definition: &str) -> Result<Outcome> {
        let file = self.folder.path().join("applied.yaml");
        std::fs::write(&file, definition)?;
        self.run(&["make-it-so", &file.to_string_lossy()])?.exits(0)
    }

    /// Triggers a build and returns its id.
    ///
    /// # Errors
    /// When it is refused.
    pub fn trigger(&self, project: &str) -> Result<String> {
        let outcome = self.run(&["build", project])?.exits(0)?;
        Ok(outcome.stdout.trim().to_owned())
    }

    /// A build, as the API shows it.
    ///
    /// # Errors
    /// When there is none.
    pub fn build(&self, id: &str) -> Result<Value> {
        self.run(&["show-build", id, "--format", "json"])?
            .exits(0)?
            .json()
    }

    /// A build, once it has this status.
    ///
    /// # Errors
    /// When it does not get it in time.
    pub fn build_with_status(&self, id: &str, status: &str) -> Result<Value> {
        crate::eventually(&format!("build {id} to be {status}"), || {
            let build = self.build(id)?;
            Ok((build["status"] == status).then_some(build))
        })
    }

    /// A build's log, exactly its bytes.
    ///
    /// # Errors
    /// When there is none.
    pub fn log(&self, id: &str) -> Result<String> {
        Ok(self.run(&["show-log", id, "--raw"])?.exits(0)?.stdout)
    }

    /// A build's log, once there is one and it has this text.
    ///
    /// # Errors
    /// When it does not get it in time.
    pub fn log_with(&self, id: &str, text: &str) -> Result<String> {
        crate::eventually(&format!("{text:?} in the log of {id}"), || {
            let log = self.run(&["show-log", id, "--raw"])?;
            Ok((log.code == Some(0) && log.stdout.contains(text)).then_some(log.stdout))
        })
    }

    /// What `up.json` says.
    ///
    /// # Errors
    /// When there is none.
    pub fn up_file(&self) -> Result<Value> {
        let path = self.state().join("up.json");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// The process id of `idp`, `controller`, `store` or `worker`.
    ///
    /// # Errors
    /// When `up.json` has none.
    pub fn pid(&self, process: &str) -> Result<rustix::process::Pid> {
        let up = self.up_file()?;
        let pid = match process {
            "worker" => &up["workers"][0]["pid"],
            server => &up[server]["pid"],
        };
        pid.as_i64()
            .and_then(|pid| rustix::process::Pid::from_raw(i32::try_from(pid).ok()?))
            .with_context(|| format!("no pid of {process} in {up}"))
    }

    /// Ends a process at once, as a crash would.
    ///
    /// # Errors
    /// When it is not there.
    pub fn kill(&self, process: &str) -> Result<()> {
        let pid = self.pid(process)?;
        rustix::process::kill_process(pid, rustix::process::Signal::KILL)
            .with_context(|| format!("cannot kill {process}"))?;
        crate::eventually(&format!("the end of {process}"), || {
            Ok((!is_alive(pid)).then_some(()))
        })
    }
}

/// Whether a process runs: a zombie does not.
pub fn is_alive(pid: rustix::process::Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| {
        let state = stat.rsplit_once(") ").map(|(_, rest)| &rest[..1]);
        !matches!(state, Some("Z" | "X") | None)
    })
}

impl Drop for Ick {
    fn drop(&mut self) {
        if self.state().exists()
            && let Ok(outcome) = self.run(&["down"])
            && (outcome.code != Some(0) || std::thread::panicking())
        {
            eprintln!("{outcome:?}");
        }
    }
}
