//! An Ick behind proxies that speak TLS, with an authority of its own.

use crate::authority::Authority;
use crate::proxy::Proxy;
use anyhow::{Context, Result};
use ick_tests::{Outcome, eventually, program};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The names of its certificates.
pub(crate) const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// The installation; all of it ends when it is dropped.
pub(crate) struct Site {
    pub(crate) ca: Authority,
    pub(crate) controller: Proxy,
    pub(crate) store: Proxy,
    pub(crate) idp: Proxy,
    daemons: Vec<(&'static str, Child)>,
    folder: tempfile::TempDir,
}

impl Site {
    /// The proxies and the CA file, `ca.pem`; nothing is behind them yet.
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("ick-tls-").tempdir()?;
        let ca = Authority::new("Ick test CA")?;
        std::fs::write(folder.path().join("ca.pem"), ca.pem())?;
        let proxy = || Proxy::new(ca.good(&NAMES)?);
        Ok(Self {
            controller: proxy()?,
            store: proxy()?,
            idp: proxy()?,
            ca,
            daemons: Vec::new(),
            folder,
        })
    }

    /// The three servers behind their proxies, and icktool logged in as `admin`, who may do everything.
    pub(crate) fn up() -> Result<Self> {
        let mut site = Self::new()?;
        let made = site.make_admin()?;
        site.start_servers()?;
        let secret = made["client_secret"].as_str().context("no secret")?;
        std::fs::write(site.path("secret"), secret)?;
        site.login(&["--ca-file", "ca.pem"])?.exits(0)?;
        Ok(site)
    }

    /// Makes the client `admin`.
    pub(crate) fn make_admin(&self) -> Result<serde_json::Value> {
        let outcome = Outcome::of(
            Command::new(program("ick-idp")?)
                .args(["create-client", "--state"])
                .arg(self.path("idp"))
                .arg("admin")
                .args(ick_api::scope::ALL.iter().flat_map(|s| ["--scope", s])),
        )?;
        outcome.exits(0)?.json()
    }

    fn start_servers(&mut self) -> Result<()> {
        let (controller, store, idp) = (self.controller.url(), self.store.url(), self.idp.url());
        let ca_file = self.path("ca.pem");
        let ca_file = ca_file.display();
        let at = self.serve("ick-idp", "idp", &format!("issuer: {idp}\n"))?;
        self.idp.lead_to(at);
        let at = self.serve(
            "ick-controller",
            "controller",
            &format!(
                "url: {controller}\nartifact_store: {store}\nauth_url: {idp}\nca_file: {ca_file}\n"
            ),
        )?;
        self.controller.lead_to(at);
        let at = self.serve(
            "ick-store",
            "store",
            &format!("auth_url: {idp}\ncontroller: {controller}\nca_file: {ca_file}\n"),
        )?;
        self.store.lead_to(at);
        Ok(())
    }

    /// A second controller, which names another issuer.
    pub(crate) fn serve_controller(&mut self, auth_url: &str) -> Result<SocketAddr> {
        let url = self.controller.url();
        self.serve(
            "ick-controller",
            "other",
            &format!("url: {url}\nauth_url: {auth_url}\n"),
        )
    }

    /// Starts a server, and says where it listens.
    fn serve(&mut self, name: &'static str, state: &str, settings: &str) -> Result<SocketAddr> {
        let settings = format!("listen: 127.0.0.1:0\n{settings}");
        self.start(name, state, &settings)?;
        eventually(&format!("{name} to listen"), || {
            let log = self.log(state)?;
            let at = log.split("listening on http://").nth(1);
            Ok(at.and_then(|at| at.split_whitespace().next()?.parse().ok()))
        })
    }

    /// Starts a daemon.
    pub(crate) fn start(&mut self, name: &'static str, state: &str, settings: &str) -> Result<()> {
        let folder = self.path(state);
        std::fs::create_dir_all(&folder)?;
        let config = folder.join("config.yaml");
        std::fs::write(&config, settings)?;
        std::fs::set_permissions(&config, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        let log = std::fs::File::create(self.path(&format!("{state}.log")))?;
        let child = Command::new(program(name)?)
            .args(["serve", "--state"])
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        self.daemons.push((name, child));
        Ok(())
    }

    /// The settings of a new worker, without CA file.
    pub(crate) fn worker(&self, name: &str) -> Result<String> {
        let made = self.icktool(&["create-worker", name, "--format", "json"])?;
        let made = made.exits(0)?.json()?;
        Ok(format!(
            "controller: {}\nclient_id: {}\nclient_secret: {}\nallow_host: true\n",
            made["controller"], made["client_id"], made["client_secret"]
        ))
    }

    /// What a daemon said so far.
    pub(crate) fn log(&self, state: &str) -> Result<String> {
        Ok(std::fs::read_to_string(self.path(&format!("{state}.log")))?)
    }

    /// A file of the test's own.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `icktool login` as `admin`.
    pub(crate) fn login(&self, more: &[&str]) -> Result<Outcome> {
        let url = self.controller.url();
        let mut args = vec!["login", "--controller", &url, "--client-id", "admin"];
        args.extend(["--client-secret-file", "secret"]);
        args.extend(more);
        self.icktool(&args)
    }

    /// Runs icktool to its end.
    pub(crate) fn icktool(&self, args: &[&str]) -> Result<Outcome> {
        Outcome::of(icktool(self.folder.path())?.args(args))
    }
}

/// icktool with a home in a folder, in which it runs.
pub(crate) fn icktool(folder: &Path) -> Result<Command> {
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
        // The worker before those whom it calls.
        for (name, child) in self.daemons.iter_mut().rev() {
            let pid = rustix::process::Pid::from_child(child);
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
            let _ = child.wait();
            if std::thread::panicking() {
                eprintln!("{name} has ended");
            }
        }
        if std::thread::panicking() {
            for state in ["idp", "controller", "store", "worker"] {
                eprintln!("--- {state}\n{}", self.log(state).unwrap_or_default());
            }
        }
    }
}
