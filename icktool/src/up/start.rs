//! Starting what is not up: each step looks at what is there, so that it can be done again after any
//! interruption. What healthy processes there are is left alone.

use super::daemon::{Daemon, program};
use super::process::{self, Process};
use super::role::{Role, WORKER};
use super::settings::{self, Addresses, file};
use super::state::{Locked, UpFile, keep_client, load_client};
use super::stop;
use crate::error::{Error, Failure, Tried};
use ick_api::controller::Version;
use ick_api::idp::{ClientSecret, NewClient};
use ick_api::scope;
use ick_client::{Controller, Credentials, Idp, Retry, Store, TokenSource};
use ick_core::name::ClientId;
use ick_core::time::Timestamp;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a daemon may take until it serves.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is asked whether it does.
const INTERVAL: Duration = Duration::from_millis(3);

/// What to start.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Where the servers listen on first use; none: on loopback.
    pub address: Option<std::net::IpAddr>,
    /// The port of the controller on first use; the other two follow. 0: free ones.
    pub port: Option<u16>,
    /// How many builds the worker executes at a time.
    pub slots: Option<u32>,
}

/// What was done.
#[derive(Debug)]
pub struct Started {
    /// What is up now.
    pub up: UpFile,
    /// The daemons that were not up before.
    pub fresh: Vec<Role>,
}

/// Starts what is not up, and returns when all of it is ready. When that fails, or `stop` is set
/// meanwhile, what this call has started is ended again.
///
/// # Errors
/// When a daemon does not start; the error holds the end of its log.
pub fn start(locked: &Locked, wanted: Wanted, stop: &AtomicBool) -> Result<Started, Failure> {
    let mut startup = Startup {
        state: &locked.path,
        stop,
        up: UpFile::default(),
        fresh: Vec::new(),
        daemons: Vec::new(),
    };
    match startup.run(wanted) {
        Ok(()) => Ok(Started {
            up: startup.up,
            fresh: startup.fresh,
        }),
        Err(failure) => {
            startup.clean_up();
            Err(failure)
        }
    }
}

struct Startup<'a> {
    state: &'a Path,
    stop: &'a AtomicBool,
    up: UpFile,
    fresh: Vec<Role>,
    daemons: Vec<Daemon>,
}

impl Startup<'_> {
    fn run(&mut self, wanted: Wanted) -> Result<(), Failure> {
        let before = UpFile::load(self.state)?;
        let addresses = settings::servers(self.state, wanted.address, wanted.port)?;
        let has_worker = settings::has_worker(self.state, wanted.slots)?;
        let alive = |role: Role| {
            let recorded = before.as_ref().and_then(|up| up.alive(role));
            recorded.or_else(|| process::holder(&self.state.join(role.folder()), role.program()))
        };
        let running: Vec<(Role, Option<Process>)> = Role::SERVERS
            .into_iter()
            .chain([Role::Worker])
            .map(|role| (role, alive(role)))
            .collect();
        for (role, process) in &running {
            if process.is_none() {
                check_port(self.state, *role, &addresses, before.is_none())?;
            }
        }
        settings::write_servers(self.state, &addresses)?;
        let credentials = self.own_client(
            running
                .iter()
                .any(|(role, p)| *role == Role::Idp && p.is_some()),
        )?;
        self.up = UpFile::new(&credentials);
        for (role, process) in &running {
            match role {
                Role::Worker => self
                    .up
                    .set_worker(&settings::worker_name(self.state)?, *process),
                server => self
                    .up
                    .set_server(*server, &addresses.url(*server), *process),
            }
        }
        let version = self.servers(&running, &addresses)?;
        self.up.issuer.clone_from(&version.auth_url);
        self.up.artifact_store.clone_from(&version.artifact_store);
        self.worker(
            &running,
            has_worker,
            wanted.slots.unwrap_or(1),
            &credentials,
            &version,
        )?;
        self.up.save(self.state)?;
        Ok(())
    }

    /// Starts the servers that are missing: first the one whose keys the others need.
    fn servers(
        &mut self,
        running: &[(Role, Option<Process>)],
        addresses: &Addresses,
    ) -> Result<Version, Failure> {
        let missing = |role: Role| {
            running
                .iter()
                .any(|(r, process)| *r == role && process.is_none())
        };
        for group in [&[Role::Idp][..], &[Role::Controller, Role::Store]] {
            for role in group.iter().copied().filter(|role| missing(*role)) {
                let process = self.spawn(role)?;
                self.up
                    .set_server(role, &addresses.url(role), Some(process));
                self.up.save(self.state)?;
            }
            for role in group {
                self.wait_healthy(*role, &addresses.url(*role))?;
            }
        }
        let controller = Controller::new(&addresses.url(Role::Controller))?;
        controller.version().tried(|| "start the controller")
    }

    /// Starts the worker if it is missing, and waits until the controller has heard of it.
    fn worker(
        &mut self,
        running: &[(Role, Option<Process>)],
        has_settings: bool,
        slots: u32,
        credentials: &Credentials,
        version: &Version,
    ) -> Result<(), Failure> {
        if running
            .iter()
            .any(|(role, process)| *role == Role::Worker && process.is_some())
        {
            return Ok(());
        }
        let idp = Idp::new(&version.auth_url)?;
        let token = TokenSource::client(idp.clone(), credentials.clone());
        if !has_settings {
            let client = worker_client(&idp.with_token(token.clone()))?;
            settings::write_worker(self.state, &self.up.controller.url, &client, slots)?;
        }
        let name = settings::worker_name(self.state)?;
        let since = now();
        let process = self.spawn(Role::Worker)?;
        self.up.set_worker(&name, Some(process));
        self.up.save(self.state)?;
        let controller = Controller::new(&self.up.controller.url)?.with_token(token);
        let worker: ClientId = crate::session::client_id(&name)?;
        self.wait(Role::Worker, || match controller.worker(&worker) {
            Ok(worker) => Ok(worker.last_seen.is_some_and(|seen| seen >= since)),
            Err(error) if error.status() == Some(404) => Ok(false),
            Err(error) => Err(error.into()),
        })
    }

    /// icktool's own client, which holds every scope; made before the identity provider runs for the
    /// first time.
    fn own_client(&self, idp_runs: bool) -> Result<Credentials, Failure> {
        if let Some(credentials) = load_client(self.state)? {
            return Ok(credentials);
        }
        if idp_runs {
            return Err(Error::Other(format!(
                "an identity provider runs in {}, but icktool's own client for it is not known; \
                 `icktool down --state {}` first",
                self.state.join(Role::Idp.folder()).display(),
                self.state.display()
            ))
            .into());
        }
        let program = program(Role::Idp)?;
        let mut name = "icktool".to_owned();
        // A name is taken when an earlier call was interrupted before it could keep the secret.
        for next in 2..=100 {
            match create_client(&program, &self.state.join(Role::Idp.folder()), &name) {
                Ok(credentials) => {
                    keep_client(self.state, &credentials)?;
                    return Ok(credentials);
                }
                Err(said) if said.contains("already") => name = format!("icktool-{next}"),
                Err(said) => {
                    return Err(Error::Other(said)).tried(|| "make icktool's own client");
                }
            }
        }
        Err(Error::Other("every name for icktool's own client is taken".to_owned()).into())
    }

    fn spawn(&mut self, role: Role) -> Result<Process, Failure> {
        let daemon = Daemon::start(self.state, role)?;
        let process = daemon
            .process()
            .ok_or_else(|| daemon.error("ended at once"));
        self.daemons.push(daemon);
        self.fresh.push(role);
        Ok(process?)
    }

    fn wait_healthy(&mut self, role: Role, url: &str) -> Result<(), Failure> {
        let url = url.to_owned();
        self.wait(role, || {
            Ok(match role {
                Role::Idp => Idp::new(&url)?.with_retry(Retry::NEVER).healthz().is_ok(),
                Role::Store => Store::new(&url)?.with_retry(Retry::NEVER).healthz().is_ok(),
                _ => Controller::new(&url)?
                    .with_retry(Retry::NEVER)
                    .healthz()
                    .is_ok(),
            })
        })
    }

    fn wait(
        &mut self,
        role: Role,
        mut ready: impl FnMut() -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let begun = Instant::now();
        loop {
            if ready()? {
                return Ok(());
            }
            if self.stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted.into());
            }
            let daemon = self.daemons.iter_mut().find(|daemon| daemon.role == role);
            if let Some(daemon) = daemon {
                if daemon.has_ended() {
                    return Err(daemon.error("ended at once").into());
                }
                if begun.elapsed() > PATIENCE {
                    return Err(daemon.error("is not ready after 30 s").into());
                }
            } else if begun.elapsed() > PATIENCE {
                let why = format!("the {role} runs, but does not answer");
                return Err(Error::Other(why).into());
            }
            std::thread::sleep(INTERVAL);
        }
    }

    /// Ends what this call has started, the worker first; what was up before stays up.
    fn clean_up(&mut self) {
        if self.daemons.is_empty() {
            return;
        }
        while let Some(daemon) = self.daemons.pop() {
            let role = daemon.role;
            daemon.end();
            match role {
                Role::Worker => self.up.workers.clear(),
                server => self.up.set_server(server, "", None),
            }
        }
        // What went wrong is told already; this only tidies up.
        let _ = if stop::alive(&self.up).is_empty() {
            UpFile::remove(self.state)
        } else {
            self.up.save(self.state)
        };
    }
}

fn check_port(state: &Path, role: Role, addresses: &Addresses, first: bool) -> Result<(), Error> {
    let Some(address) = addresses.of(role) else {
        return Ok(());
    };
    match TcpListener::bind(address) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Err(Error::PortInUse {
            port: address.port(),
            server: role.words(),
            settled: (!first).then(|| file(state, role)),
        }),
        _ => Ok(()),
    }
}

/// Makes a client with every scope in an identity provider that does not run; or what it said.
fn create_client(program: &Path, folder: &Path, name: &str) -> Result<Credentials, String> {
    let mut command = Command::new(program);
    process::without_own_variables(&mut command);
    let output = command
        .args(["create-client", "--state"])
        .arg(folder)
        .args([name, "--all-scopes"])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| {
        format!(
            "{} said something else than a client: {error}",
            program.display()
        )
    })
}

/// The worker's client: made anew, or with a new secret where an earlier call did not get to write it
/// down.
fn worker_client(idp: &Idp) -> Result<Credentials, Failure> {
    let client_id = crate::session::client_id(WORKER)?;
    let made: Result<ClientSecret, ick_client::Error> = match idp.create_client(&NewClient {
        client_id: client_id.clone(),
        scope: scope::WORKER.join(" "),
    }) {
        Err(error) if error.status() == Some(409) => idp.new_secret(&client_id),
        other => other,
    };
    let made = made.tried(|| "make the worker's client")?;
    Ok(Credentials {
        client_id: made.client_id,
        client_secret: made.client_secret,
    })
}

fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
