//! An installation of daemons with settings of a test's own.

use crate::{Outcome, eventually, program};
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A project whose build has a line of log, and an artifact.
pub const HELLO: &str = "
projects:
  - project: hello
    pipelines: [greet]
pipelines:
  - pipeline: greet
    actions:
      - shell: echo hello from $BUILD_ID | tee greeting.txt
        where: host
      - action: archive
        paths: [greeting.txt]
        artifact: hello/greeting.tar.zst
";

/// A folder with the state of daemons, which are named by their state folders. Those that run end with it.
pub struct Site {
    daemons: Vec<(String, Child)>,
    folder: tempfile::TempDir,
}

impl Site {
    /// A place; nothing runs yet.
    ///
    /// # Errors
    /// When no folder can be made.
    pub fn new() -> Result<Self> {
        Ok(Self {
            daemons: Vec::new(),
            folder: tempfile::Builder::new().prefix("ick-site-").tempdir()?,
        })
    }

    /// Makes the client `admin`, who may do everything, before the identity provider is started; its secret
    /// is in the file `secret`.
    ///
    /// # Errors
    /// When there is one already.
    pub fn make_admin(&self) -> Result<()> {
        let made = Outcome::of(
            Command::new(program("ick-idp")?)
                .args(["create-client", "--state"])
                .arg(self.path("idp"))
                .arg("admin")
                .args(ick_api::scope::ALL.iter().flat_map(|s| ["--scope", s])),
        )?
        .exits(0)?
        .json()?;
        let secret = made["client_secret"].as_str().context("no secret")?;
        Ok(std::fs::write(self.path("secret"), secret)?)
    }

    /// Starts a server, and says where it listens.
    ///
    /// # Errors
    /// When it does not get so far.
    pub fn serve(&mut self, program: &str, state: &str, settings: &str) -> Result<SocketAddr> {
        self.start(program, state, settings)?;
        eventually(&format!("{state} to listen"), || {
            let log = self.log(state)?;
            let at = log.split("listening on http://").nth(1);
            Ok(at.and_then(|at| at.split_whitespace().next()?.parse().ok()))
        })
    }

    /// Starts a daemon.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&mut self, program: &str, state: &str, settings: &str) -> Result<()> {
        let folder = self.path(state);
        std::fs::create_dir_all(&folder)?;
        let config = folder.join("config.yaml");
        std::fs::write(&config, settings)?;
        std::fs::set_permissions(&config, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        let mut command = Command::new(crate::program(program)?);
        command.args(["serve", "--state"]).arg(&folder);
        self.spawn(state, &mut command)
    }

    /// Starts any program, which is called `name` from then on. What it writes is in `NAME.log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&mut self, name: &str, command: &mut Command) -> Result<()> {
        let log = std::fs::File::create(self.path(&format!("{name}.log")))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        self.daemons.push((name.to_owned(), child));
        Ok(())
    }

    /// Ends a process with a signal, and waits for its end.
    ///
    /// # Errors
    /// When it does not run.
    pub fn end(&mut self, name: &str, signal: Signal) -> Result<()> {
        let at = self.daemons.iter().position(|(known, _)| known == name);
        let (_, mut child) = self
            .daemons
            .remove(at.with_context(|| format!("{name} does not run"))?);
        kill_process(Pid::from_child(&child), signal)?;
        child.wait()?;
        Ok(())
    }

    /// The settings of a new worker.
    ///
    /// # Errors
    /// When icktool is not logged in.
    pub fn worker(&self, name: &str) -> Result<String> {
        let made = self.icktool(&["create-worker", name, "--format", "json"])?;
        let made = made.exits(0)?.json()?;
        Ok(format!(
            "controller: {}\nclient_id: {}\nclient_secret: {}\nallow_host: true\n",
            made["controller"], made["client_id"], made["client_secret"]
        ))
    }

    /// What a process said so far.
    ///
    /// # Errors
    /// When it was never started.
    pub fn log(&self, name: &str) -> Result<String> {
        Ok(std::fs::read_to_string(self.path(&format!("{name}.log")))?)
    }

    /// A file of the test's own.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `icktool login` as `admin`.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn login(&self, controller: &str, more: &[&str]) -> Result<Outcome> {
        let mut args = vec!["login", "--controller", controller, "--client-id", "admin"];
        args.extend(["--client-secret-file", "secret"]);
        args.extend(more);
        self.icktool(&args)
    }

    /// Runs icktool to its end.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn icktool(&self, args: &[&str]) -> Result<Outcome> {
        Outcome::of(icktool(self.folder.path())?.args(args))
    }
}

/// icktool with a home in a folder, in which it runs.
///
/// # Errors
/// When it was not built.
pub fn icktool(folder: &Path) -> Result<Command> {
    let mut command = Command::new(program("icktool")?);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder.join("home"))
        .current_dir(folder)
        .stdin(Stdio::null());
    Ok(command)
}

impl Drop for Site {
    fn drop(&mut self) {
        // A worker before those whom it calls.
        while let Some((name, mut child)) = self.daemons.pop() {
            let _ = kill_process(Pid::from_child(&child), Signal::INT);
            let _ = child.wait();
            if std::thread::panicking() {
                eprintln!("--- {name}\n{}", self.log(&name).unwrap_or_default());
            }
        }
    }
}
