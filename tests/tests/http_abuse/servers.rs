//! The three servers, each a process of its own, and what must hold for each after every case.

use crate::client::{Answer, Client};
use anyhow::{Context, Result, anyhow, ensure};
use ick_api::scope::{self, Scope};
use ick_tests::{Daemon, Holds, Outcome, eventually, program};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// No server may ever have had more than this, in bytes.
const MEMORY: u64 = 64 << 20;

/// Time limits that are not reached in any test here.
const PATIENT: &str = "limits: {head_time: 10m, body_interval: 10m, write_time: 10m}\n";

const AUTHORIZATION: &str = "Authorization: Bearer ";

/// One of the three, with a client that may do everything.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) daemon: Daemon,
    token: String,
    /// Of a client that may only read metrics.
    weak_token: String,
}

/// Connections that are kept open for as long as others are served beside them.
pub(crate) type Held = Vec<Client>;

/// Tries a case on each server, at the same time. What the case returns is held open while others are
/// served.
pub(crate) fn each(case: impl Fn(&Server) -> Result<Held> + Sync) -> Result<()> {
    each_of(None, case)
}

/// The same with so many file descriptors for each server.
pub(crate) fn each_with_descriptors(
    descriptors: u32,
    case: impl Fn(&Server) -> Result<Held> + Sync,
) -> Result<()> {
    each_of(Some(descriptors), case)
}

fn each_of(descriptors: Option<u32>, case: impl Fn(&Server) -> Result<Held> + Sync) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("ick-test-").tempdir()?;
    let servers = start(folder.path(), descriptors)?;
    let case = &case;
    std::thread::scope(|scope| {
        let tries: Vec<_> = servers
            .iter()
            .map(|server| (server.name, scope.spawn(move || try_on(server, case))))
            .collect();
        for (name, tried) in tries {
            let tried = tried.join().map_err(|_| anyhow!("it panicked"));
            tried.flatten().with_context(|| format!("on the {name}"))?;
        }
        Ok(())
    })
}

fn try_on(server: &Server, case: impl Fn(&Server) -> Result<Held>) -> Result<()> {
    server.serves_others().context("before")?;
    let before = server.daemon.at_rest()?;
    let held = case(server)?;
    server.serves_others().context("during")?;
    drop(held);
    server.serves_others().context("after")?;
    server.has_left_nothing_behind(&before)
}

impl Server {
    /// A new connection to it.
    pub(crate) fn connect(&self) -> Result<Client> {
        Client::connect(self.daemon.address())
    }

    /// The header line that says who asks.
    pub(crate) fn authorization(&self) -> String {
        format!("{AUTHORIZATION}{}\r\n", self.token)
    }

    /// The header line of someone who has a token for something else.
    pub(crate) fn weak_authorization(&self) -> String {
        format!("{AUTHORIZATION}{}\r\n", self.weak_token)
    }

    /// A request's head with these lines, without the empty one.
    pub(crate) fn head(&self, method: &str, path: &str, lines: &str) -> String {
        let who = self.authorization();
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{who}{lines}")
    }

    /// Asks on a connection of its own.
    pub(crate) fn ask(&self, request: impl AsRef<[u8]>) -> Result<Answer> {
        let mut client = self.connect()?;
        client.send(request)?;
        client.answer()
    }

    /// A call with a body, on a connection of its own.
    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> Result<Answer> {
        let lines = format!("Content-Length: {}\r\n\r\n", body.len());
        self.ask(self.head(method, path, &lines) + body)
    }

    /// A path that a GET by anyone with a token finds, in the database.
    pub(crate) fn readable(&self) -> &'static str {
        match self.name {
            "controller" => "/builds",
            "store" => "/blobs",
            _ => "/clients",
        }
    }

    /// A call that takes a body: method and path.
    pub(crate) fn writable(&self) -> (&'static str, &'static str) {
        match self.name {
            "controller" => ("POST", "/projects"),
            "store" => ("PUT", "/blobs/abuse"),
            _ => ("POST", "/clients"),
        }
    }

    /// A head for [`Server::writable`], with these lines and without the empty one.
    pub(crate) fn writing(&self, lines: &str) -> String {
        let (method, path) = self.writable();
        self.head(method, path, lines)
    }

    /// The same from nobody.
    pub(crate) fn writing_without_a_token(&self, lines: &str) -> String {
        let (method, path) = self.writable();
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{lines}")
    }

    /// Others are answered at once: those with a token and those without.
    pub(crate) fn serves_others(&self) -> Result<()> {
        ensure!(self.daemon.is_alive(), "the server is gone");
        let healthy = self.ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")?;
        healthy.is(200)?;
        let answer = self.call("GET", self.readable(), "")?;
        answer.is(200)?;
        Ok(())
    }

    fn has_left_nothing_behind(&self, before: &Holds) -> Result<()> {
        let mut last = None;
        let left = eventually("nothing to be left behind", || {
            let now = self.daemon.at_rest()?;
            let same = now == *before;
            last = Some(now);
            Ok(same.then_some(()))
        });
        left.with_context(|| format!("{before:?} before, and {last:?} after"))?;
        let peak = self.daemon.peak_memory()?;
        println!("{}: {} KiB at most", self.name, peak >> 10);
        ensure!(peak < MEMORY, "it had {} KiB", peak >> 10);
        Ok(())
    }
}

/// Starts all three. With `descriptors`, each has so many.
fn start(folder: &Path, descriptors: Option<u32>) -> Result<Vec<Server>> {
    let serve = |name: &str, config: &str| -> Result<Daemon> {
        let state = folder.join(name);
        std::fs::create_dir_all(&state)?;
        std::fs::write(state.join("config.yaml"), format!("{config}{PATIENT}"))?;
        let program = program(&format!("ick-{name}"))?;
        let mut command = match descriptors {
            None => Command::new(program),
            Some(descriptors) => {
                let mut shell = Command::new("sh");
                shell.arg("-c");
                shell.arg(format!("ulimit -n {descriptors}; exec \"$0\" \"$@\""));
                shell.arg(program);
                shell
            }
        };
        command.args(["serve", "--listen", "127.0.0.1:0", "--state"]);
        Daemon::start(command.arg(&state), &folder.join(format!("{name}.log")))
    };
    let client = |name: &str, scopes: &str| {
        Outcome::of(
            Command::new(program("ick-idp")?)
                .args(["create-client", name, "--scope", scopes, "--state"])
                .arg(folder.join("idp")),
        )?
        .exits(0)?
        .json()
    };
    let admin = client("admin", &scope::ALL.join(" "))?;
    let weak = client("weak", scope::MetricsGet::NAME)?;
    let idp = serve("idp", "token_lifetime: 1h\n")?;
    let auth = format!("auth_url: {}\n", idp.url());
    let controller = serve("controller", &auth)?;
    let store = serve(
        "store",
        &format!("{auth}controller: {}\n", controller.url()),
    )?;
    let (token, weak_token) = (token(&idp, &admin)?, token(&idp, &weak)?);
    let servers = [("controller", controller), ("store", store), ("idp", idp)];
    Ok(servers
        .into_iter()
        .map(|(name, daemon)| Server {
            name,
            daemon,
            token: token.clone(),
            weak_token: weak_token.clone(),
        })
        .collect())
}

fn token(idp: &Daemon, made: &Value) -> Result<String> {
    let text = |value: &Value, name: &str| -> Result<String> {
        let text = value[name].as_str();
        Ok(text.with_context(|| format!("no {name}"))?.to_owned())
    };
    let mut form = "grant_type=client_credentials".to_owned();
    for name in ["client_id", "client_secret"] {
        write!(form, "&{name}={}", text(made, name)?)?;
    }
    let mut client = Client::connect(idp.address())?;
    client.send(format!(
        "POST /token HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    ))?;
    text(
        &serde_json::from_slice(&client.answer()?.is(200)?.body)?,
        "access_token",
    )
}
