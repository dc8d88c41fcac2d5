//! One server by itself, and what it uses of the machine.

use crate::{eventually, is_alive};
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// How the threads are called in which a server executes requests; they end when there are none.
const CALL: &str = "http call";

/// A server that a test started; it is ended as by a crash when it is dropped.
pub struct Daemon {
    child: Child,
    address: SocketAddr,
}

/// What a process holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holds {
    /// How many threads of each name.
    pub threads: BTreeMap<String, usize>,
    /// How many connections of clients, other servers aside.
    pub clients: usize,
    /// How many descriptors of each file; those of the database, which keeps a few readers open, and of
    /// builds' logs, of which a few are kept open, are not among them.
    pub files: BTreeMap<PathBuf, usize>,
}

impl Daemon {
    /// Starts a program that says `listening on http://ADDRESS`, and waits until it does. What it
    /// writes on stderr goes into the file `log`.
    ///
    /// # Errors
    /// When it does not get so far.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let said = fs::File::create(log)?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let address = eventually("the server to listen", || {
            let said = fs::read_to_string(log)?;
            if let Some((_, rest)) = said.split_once("listening on http://")
                && let Some((address, _)) = rest.split_once('\n')
            {
                return Ok(Some(address.parse()?));
            }
            if let Some(status) = child.try_wait()? {
                bail!("it ended with {status}:\n{said}");
            }
            Ok(None)
        });
        match address {
            Ok(address) => Ok(Self { child, address }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its `http://ADDRESS`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        i32::try_from(self.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .is_some_and(is_alive)
    }

    /// The most memory that it had in use at any time so far (`VmHWM`), in bytes.
    ///
    /// # Errors
    /// When it has ended.
    pub fn peak_memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let kib: u64 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.trim().strip_suffix("kB"))
            .context("no VmHWM")?
            .trim()
            .parse()?;
        Ok(kib << 10)
    }

    /// What it holds now.
    ///
    /// # Errors
    /// When it has ended.
    pub fn holds(&self) -> Result<Holds> {
        let mut threads = BTreeMap::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.id()))? {
            // A thread may end while it is looked at.
            if let Ok(name) = fs::read_to_string(task?.path().join("comm")) {
                *threads.entry(name.trim_end().to_owned()).or_default() += 1;
            }
        }
        let connections = self.connections()?;
        let mut clients = 0;
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{}/fd", self.id()))? {
            // A descriptor may be closed while it is looked at.
            let Ok(target) = fs::read_link(entry?.path()) else {
                continue;
            };
            if connections.contains(&target) {
                clients += 1;
            }
            let text = target.to_string_lossy();
            if text.starts_with('/') && !text.contains(".sqlite") && !text.contains("/logs/") {
                *files.entry(target).or_default() += 1;
            }
        }
        Ok(Holds {
            threads,
            clients,
            files,
        })
    }

    /// The accepted connections at its port, as /proc shows their descriptors, without those of other
    /// servers, which come for keys and keep them.
    fn connections(&self) -> Result<BTreeSet<PathBuf>> {
        let listening = "0A";
        let port = format!(":{:04X}", self.address.port());
        let table = fs::read_to_string(format!("/proc/{}/net/tcp", self.id()))?;
        let sockets = || {
            table.lines().filter_map(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let socket = PathBuf::from(format!("socket:[{}]", fields.get(9)?));
                (fields[3] != listening).then(|| (fields[1], fields[2], socket))
            })
        };
        // A socket that nobody has any more is in the table with the number 0.
        let mut ours = BTreeSet::from([PathBuf::from("socket:[0]")]);
        for entry in fs::read_dir("/proc/self/fd")? {
            ours.extend(fs::read_link(entry?.path()));
        }
        let others: BTreeSet<&str> = sockets()
            .filter(|(_, to, socket)| to.ends_with(&port) && !ours.contains(socket))
            .map(|(from, _, _)| from)
            .collect();
        Ok(sockets()
            .filter(|(at, from, _)| at.ends_with(&port) && !others.contains(from))
            .map(|(_, _, socket)| socket)
            .collect())
    }

    /// What it holds once it executes no request any more and no client is connected.
    ///
    /// # Errors
    /// When it does not come to rest.
    pub fn at_rest(&self) -> Result<Holds> {
        eventually("the server to come to rest", || {
            let holds = self.holds()?;
            let rests = holds.clients == 0 && !holds.threads.contains_key(CALL);
            Ok(rests.then_some(holds))
        })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
