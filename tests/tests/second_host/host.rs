//! Another host: namespaces of its own for processes, mounts and the network, with one cable to the first.
//!
//! All of it ends with its first process, a shell into which lines are pasted.

use anyhow::{Context, Result, ensure};
use ick_tests::{Outcome, eventually, is_alive, program};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// The first host's address, as the second one sees it.
pub(crate) const FIRST: &str = "192.0.2.1";

/// The second host's address.
pub(crate) const SECOND: &str = "192.0.2.2";

pub(crate) struct Host {
    unshare: Child,
    shell: ChildStdin,
    first_process: Pid,
    log: PathBuf,
}

impl Host {
    /// A host that is up, with its files in a folder. Only inside `with_own_network`.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let home = folder.join("second-home");
        fs::create_dir(&home)?;
        let log = folder.join("second-log");
        let said = File::create(&log)?;
        let programs = program("ick-worker")?;
        let programs = programs.parent().context("no folder")?.display();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut unshare = Command::new("unshare")
            .args(["--net", "--mount", "--propagation", "private"])
            .args(["--pid", "--mount-proc", "--fork", "--kill-child", "sh"])
            .env_clear()
            .env("PATH", format!("{programs}:{path}"))
            .env("HOME", &home)
            .current_dir(&home)
            .stdin(Stdio::piped())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()?;
        let shell = unshare.stdin.take().context("no stdin")?;
        let id = unshare.id();
        let first_process = eventually("the second host's shell", || {
            Ok(children(id)?.first().copied().filter(|pid| is(*pid, "sh")))
        })?;
        let mut host = Self {
            unshare,
            shell,
            first_process,
            log,
        };
        ip(&["link", "set", "lo", "up"])?;
        let second = host.id().to_string();
        ip(&[
            "link", "add", "first", "type", "veth", "peer", "name", "second", "netns", &second,
        ])?;
        ip(&["address", "add", &format!("{FIRST}/24"), "dev", "first"])?;
        ip(&["link", "set", "first", "up"])?;
        host.paste(&format!(
            "ip link set lo up\n\
             ip address add {SECOND}/24 dev second\n\
             ip link set second up\n"
        ))?;
        Ok(host)
    }

    fn id(&self) -> i32 {
        self.first_process.as_raw_nonzero().get()
    }

    /// Pastes lines into its shell.
    pub(crate) fn paste(&mut self, lines: &str) -> Result<()> {
        Ok(self.shell.write_all(lines.as_bytes())?)
    }

    /// What was said on its terminal.
    pub(crate) fn said(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.log)?)
    }

    /// Its worker, once it runs.
    pub(crate) fn worker(&self) -> Result<Pid> {
        let shell = u32::try_from(self.id())?;
        eventually("the second host's worker", || {
            let children = children(shell)?;
            Ok(children.into_iter().find(|pid| is(*pid, "ick-worker")))
        })
    }

    /// Its connections and listening sockets, IPv4 and IPv6: the state, the local port, and the other
    /// side's.
    pub(crate) fn sockets(&self) -> Result<Vec<(String, u16, u16)>> {
        let mut sockets = Vec::new();
        for table in ["tcp", "tcp6"] {
            let text = fs::read_to_string(format!("/proc/{}/net/{table}", self.id()))?;
            for line in text.lines().skip(1) {
                let mut fields = line.split_whitespace().skip(1);
                let mut next = || fields.next().context("no field").map(str::to_owned);
                let (local, other, state) = (next()?, next()?, next()?);
                sockets.push((state, port(&local)?, port(&other)?));
            }
        }
        Ok(sockets)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the second host said:\n{}", self.said().unwrap_or_default());
        }
        // With it everything in its pid namespace ends, before it is gone itself.
        let _ = kill_process(self.first_process, Signal::KILL);
        let _ = self.unshare.wait();
    }
}

fn port(address: &str) -> Result<u16> {
    let (_, port) = address.rsplit_once(':').context("no port")?;
    Ok(u16::from_str_radix(port, 16)?)
}

fn ip(arguments: &[&str]) -> Result<()> {
    let done = Outcome::of(Command::new("ip").args(arguments))?;
    ensure!(
        done.code == Some(0),
        "this test needs veth pairs (the kernel's module veth), and the right to make them: {done:?}"
    );
    Ok(())
}

fn children(id: u32) -> Result<Vec<Pid>> {
    let text = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
    Ok(text
        .split_whitespace()
        .filter_map(|id| Pid::from_raw(id.parse().ok()?))
        .collect())
}

fn is(pid: Pid, name: &str) -> bool {
    let comm = fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero()));
    is_alive(pid) && comm.is_ok_and(|comm| comm.trim_end() == name)
}
