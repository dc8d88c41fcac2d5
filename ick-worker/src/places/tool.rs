//! The worker's own tools that make system trees: executed as a tree's root, in the user namespace of its
//! ids, with the host's programs, the workspace at /workspace, and nothing else of the host.

use super::bubblewrap::{Bubblewrap, List};
use super::container::{bind_root, hide};
use super::ids::Ids;
use super::tools::{in_path, missing_here};
use super::{mounts, namespace};
use crate::engine::{IDS_PER_SLOT, Order, cannot};
use crate::environment;
use crate::supervise::End;
use crate::workspace;
use ick_core::build::Cause;
use rustix::process::{Pid, WaitOptions};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;

/// Where the tool finds the workspace.
pub(crate) const WORKSPACE: &str = "/workspace";

/// The longest line of a tool's output that is kept together, in bytes.
const LONGEST: u64 = 64 << 10;

/// A tool to be executed.
#[derive(Debug)]
pub(crate) struct Tool<'a> {
    /// Its program, of the host's usual places.
    pub(crate) program: &'a str,
    /// The Debian package that has it.
    pub(crate) package: &'a str,
    pub(crate) arguments: Vec<String>,
    /// What it reads.
    pub(crate) stdin: File,
}

impl Tool<'_> {
    /// Executes it to its end; gives each line of its output as it comes. To be called before this process
    /// has made a second thread.
    ///
    /// # Errors
    /// `not_allowed`, `missing_tool`, or why it was not started.
    pub(crate) fn execute(self, order: &Order, each: impl FnMut(&str)) -> Result<End, Cause> {
        let starting = format!("start {}", self.program);
        let failed = |why: io::Error| cannot(&starting, &why);
        in_path(environment::PATH, self.program)
            .ok_or_else(|| missing_here(self.program, self.package))?;
        let bwrap = in_path(&order.worker_path, "bwrap")
            .ok_or_else(|| missing_here("bwrap", "bubblewrap"))?;
        let ids = Ids::of(order.first_id, &order.worker_path)?;
        let mut place = order.workspace.clone();
        if let Ids::Slot { first } = ids {
            workspace::give_range(&order.workspace, first..first + IDS_PER_SLOT)
                .map_err(|why| cannot("give the workspace to the tree's root", &why))?;
            place = mounts::stage(order, &[("workspace", &order.workspace)])
                .map_err(failed)?
                .join("workspace");
        }
        let arguments = arguments(order, &place).map_err(failed)?;
        let (mut bubblewrap, status) = Bubblewrap::of(&bwrap, &arguments, None).map_err(failed)?;
        let (read, write) = io::pipe().map_err(failed)?;
        bubblewrap
            .command()
            .arg(self.program)
            .args(self.arguments)
            .stdin(self.stdin)
            .stdout(write.try_clone().map_err(failed)?)
            .stderr(Stdio::from(write));
        let pid = namespace::as_tree_root(&starting, &ids, move || bubblewrap.become_it())?;
        lines(read, each).map_err(failed)?;
        status.judge(wait(pid).map_err(|why| failed(why.into()))?)
    }
}

fn arguments(order: &Order, workspace: &Path) -> io::Result<List> {
    let mut list = List::default();
    list.add(["--unshare-pid", "--unshare-ipc", "--unshare-uts"]);
    list.add(["--unshare-cgroup-try", "--die-with-parent", "--new-session"]);
    list.add(["--cap-add", "ALL"]);
    list.add(["--clearenv", "--setenv", "PATH", environment::PATH]);
    list.add(["--setenv", "HOME", "/tmp", "--setenv", "TMPDIR", "/tmp"]);
    list.add(["--setenv", "LANG", "C.UTF-8"]);
    for name in PROXIES {
        if let Some(value) = order.env.get(name) {
            list.add(["--setenv", name, value]);
        }
    }
    bind_root(&mut list, None)?;
    if order.first_id.is_none() {
        hide(&mut list, order);
    }
    list.add(["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"]);
    list.add(["--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/run"]);
    // Where the resolver's file may lead.
    if let Ok(real) = fs::canonicalize("/etc/resolv.conf")
        && real.starts_with("/run")
    {
        list.path2("--ro-bind", &real, &real);
    }
    list.path2("--bind", workspace, WORKSPACE);
    Ok(list)
}

/// The variables that say through what the network is reached, where the worker passes them on.
const PROXIES: [&str; 6] = [
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
];

fn lines(from: impl Read, mut each: impl FnMut(&str)) -> io::Result<()> {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        if from.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        each(String::from_utf8_lossy(&line).trim_end());
    }
}

/// Waits for the end of a child of this process.
///
/// # Errors
/// Those of the system call.
pub(crate) fn wait(pid: Pid) -> rustix::io::Result<End> {
    loop {
        match rustix::process::waitpid(Some(pid), WaitOptions::empty()) {
            Ok(Some((_, status))) => return Ok(status.into()),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(why) => return Err(why),
        }
    }
}
