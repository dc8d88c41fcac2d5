//! `where: container`: bubblewrap, with nothing of the host but what the action is to see.

use super::keystrokes;
use super::mounts;
use super::network;
use super::root::{self, Entry};
use super::{Inside, network::Network};
use crate::engine::{CONTAINER_UID, Order, cannot, cause};
use crate::environment;
use crate::supervise::End;
use crate::workspace;
use ick_core::build::{Cause, CauseKind};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{MemfdFlags, OFlags};
use rustix::io::FdFlags;
use rustix::pipe::PipeFlags;
use rustix::process::Pid;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a container is made of: paths as bubblewrap finds them.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) workspace: PathBuf,
    pub(super) home: PathBuf,
    pub(super) script: PathBuf,
    pub(super) parameters: PathBuf,
    pub(super) outputs: PathBuf,
    pub(super) passwd: Option<PathBuf>,
    pub(super) group: Option<PathBuf>,
    pub(super) resolver: Option<PathBuf>,
    pub(super) tree: Option<PathBuf>,
}

/// What is started in a container.
#[derive(Debug)]
pub(crate) enum Started {
    /// The action, with its output.
    Action { stdout: OwnedFd, stderr: OwnedFd },
    /// A shell at the terminal of this process.
    Shell,
}

/// Starts the action in a container, or a shell where it was executed: the process, and what tells how
/// bubblewrap fared.
pub(crate) fn start(order: &Order, folder: &Path, what: Started) -> Result<(Pid, Status), Cause> {
    let host_id = order.first_id.map(|first| first + CONTAINER_UID);
    let parts = parts(order, folder)?;
    if let Some(id) = host_id {
        give(&parts, id)
            .map_err(|why| cannot("give the workspace to the container's user", &why))?;
    }
    let made = |what: &str| {
        let what = format!("make the container: {what}");
        move |why: io::Error| cannot(&what, &why)
    };
    let parts = match host_id {
        Some(_) => mounts::stage(&parts, order).map_err(made("mounts"))?,
        None => parts,
    };
    let (read, write) =
        rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(|why| made("pipe")(why.into()))?;
    let filter = match what {
        Started::Action { .. } => None,
        Started::Shell => keystrokes::filter(),
    };
    let filter = filter.map(|bytes| in_memory("seccomp", &bytes));
    let filter = filter.transpose().map_err(made("filter"))?;
    let arguments = arguments(order, &parts, filter.as_ref()).map_err(made("arguments"))?;
    let arguments = in_memory("bwrap", &ended(&arguments)).map_err(made("arguments"))?;
    let bwrap = order.tools.bwrap.as_deref().unwrap_or(Path::new("bwrap"));
    let inside = Inside::from_order(order, folder);
    let (program, words) = match what {
        Started::Action { .. } => environment::command(&order.request.program, &inside),
        Started::Shell => environment::shell(),
    };
    let mut command = Command::new(bwrap);
    command
        .arg("--args")
        .arg(arguments.as_raw_fd().to_string())
        .arg("--json-status-fd")
        .arg(write.as_raw_fd().to_string())
        .arg("--")
        .arg(program)
        .args(words)
        .env_clear()
        .current_dir("/");
    if let Started::Action { stdout, stderr } = what {
        command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr);
    }
    for kept in [&arguments, &write].into_iter().chain(&filter) {
        rustix::io::fcntl_setfd(kept, FdFlags::empty()).map_err(|why| made("pipe")(why.into()))?;
    }
    let status = Status(File::from(read));
    if let Some(attach) = &order.tools.attach {
        let pid = Network { attach, host_id }.start(command)?;
        return Ok((pid, status));
    }
    if let Some(id) = host_id {
        // Rust gives up the other groups of a root process with its user.
        command.uid(id).gid(id);
    }
    let child = command.spawn().map_err(made("bubblewrap"))?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| made("bubblewrap")(io::Error::other("no process id")))?;
    Ok((pid, status))
}

/// What bubblewrap says about the container.
pub(crate) struct Status(File);

impl Status {
    /// Tells the action's own end from bubblewrap's failure to start it.
    pub(crate) fn judge(mut self, end: End) -> Result<End, Cause> {
        let mut said = Vec::new();
        let _ = rustix::fs::fcntl_setfl(&self.0, OFlags::NONBLOCK);
        let _ = self.0.read_to_end(&mut said);
        // It says so only after the action's program was started.
        let started = String::from_utf8_lossy(&said).contains("\"exit-code\"");
        match end {
            End::Exit(_) if !started => Err(cause(
                CauseKind::Internal,
                "bubblewrap could not start the container; its own words are in the log",
            )),
            end => Ok(end),
        }
    }
}

/// Makes the files that only containers have.
fn parts(order: &Order, folder: &Path) -> Result<Parts, Cause> {
    let inside = Inside::at(
        ick_core::build::Place::Host,
        &order.workspace,
        &order.home,
        folder,
    );
    let make = || -> io::Result<Parts> {
        let own = folder.join("etc");
        DirBuilder::new().recursive(true).mode(0o700).create(&own)?;
        let tree = order.tree.as_deref().unwrap_or(Path::new("/"));
        let shown = |name: &str, made: fn(&str) -> String| -> io::Result<Option<PathBuf>> {
            // Into a tree without such a file none can be put: its /etc is read-only.
            let Ok(text) = fs::read(tree.join("etc").join(name)) else {
                return Ok(None);
            };
            let path = own.join(name);
            fs::write(&path, made(&String::from_utf8_lossy(&text)))?;
            Ok(Some(path))
        };
        let passwd = shown("passwd", root::passwd)?;
        let group = shown("group", root::group)?;
        let resolver = match &order.tools.attach {
            None => None,
            Some(attach) => {
                let path = own.join("resolv.conf");
                fs::write(&path, format!("nameserver {}\n", network::resolver(attach)))?;
                Some(path)
            }
        };
        Ok(Parts {
            workspace: inside.workspace,
            home: inside.home,
            script: inside.script,
            parameters: inside.parameters,
            outputs: inside.outputs,
            passwd,
            group,
            resolver,
            tree: order.tree.clone(),
        })
    };
    make().map_err(|why| cannot("make the container's files", &why))
}

fn give(parts: &Parts, id: u32) -> io::Result<()> {
    workspace::give(&parts.workspace, id)?;
    workspace::give(&parts.home, id)?;
    let files = [&parts.script, &parts.parameters, &parts.outputs];
    let shown = [&parts.passwd, &parts.group, &parts.resolver];
    for file in files.into_iter().chain(shown.into_iter().flatten()) {
        workspace::give_file(file, id)?;
    }
    Ok(())
}

/// bubblewrap's arguments. They are not on its command line, which others on the host can read.
///
/// What has a filter of its keystrokes shares the terminal; everything else has no terminal at all.
fn arguments(order: &Order, parts: &Parts, filter: Option<&OwnedFd>) -> io::Result<Vec<OsString>> {
    let mut list = List(Vec::new());
    list.add([
        "--unshare-user",
        "--disable-userns",
        "--uid",
        "1000",
        "--gid",
        "1000",
    ]);
    list.add([
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
    ]);
    if !order.request.network {
        list.add(["--unshare-net"]);
    }
    list.add(["--hostname", "ick", "--die-with-parent"]);
    match filter {
        Some(filter) => list.add(["--seccomp", &filter.as_raw_fd().to_string()]),
        None => list.add(["--new-session"]),
    }
    list.add(["--cap-drop", "ALL", "--clearenv"]);
    for (name, value) in &order.env {
        list.add(["--setenv", name, value]);
    }
    let tree = parts.tree.as_deref().unwrap_or(Path::new("/"));
    for entry in root::entries(parts.tree.as_deref())? {
        match entry {
            Entry::Bound { name } => {
                let from = tree.join(&name);
                list.path2("--ro-bind", &from, Path::new("/").join(name));
            }
            Entry::Link { name, target } => {
                list.path2("--symlink", target, Path::new("/").join(name));
            }
        }
    }
    list.add(["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"]);
    let (tmp, shm) = (order.limits.tmp.to_string(), order.limits.shm.to_string());
    list.add(["--dev", "/dev", "--perms", "1777", "--size", &shm]);
    list.add(["--tmpfs", "/dev/shm", "--remount-ro", "/dev"]);
    list.add(["--perms", "1777", "--size", &tmp, "--tmpfs", "/tmp"]);
    if parts.tree.is_none() {
        for visible in &order.visible {
            list.path2("--ro-bind-try", visible, visible);
        }
        // What is root's alone cannot be read by a slot's user, who could not cover it either.
        if order.first_id.is_none() {
            hide(&mut list, order);
        }
    }
    list.path2("--bind", &parts.home, "/home/build");
    list.path2("--bind", &parts.workspace, "/workspace");
    list.path2("--ro-bind", &parts.script, "/run/ick/script");
    list.path2("--ro-bind", &parts.parameters, "/run/ick/params.json");
    list.path2("--bind", &parts.outputs, "/run/ick/outputs");
    if let Some(passwd) = &parts.passwd {
        list.path2("--ro-bind", passwd, "/etc/passwd");
    }
    if let Some(group) = &parts.group {
        list.path2("--ro-bind", group, "/etc/group");
    }
    if let Some(resolver) = &parts.resolver {
        // Where the tree has no place for it, there are no names.
        if let Some(place) = network::resolver_file(tree) {
            list.path2("--ro-bind", resolver, place);
        }
    }
    list.add(["--remount-ro", "/", "--chdir", "/workspace"]);
    Ok(list.0)
}

/// Covers what no container may see of the worker's own root.
fn hide(list: &mut List, order: &Order) {
    for (place, is_folder) in root::places_of(&order.hidden, &order.visible) {
        if is_folder {
            list.add(["--size", "4096"]);
            list.path("--tmpfs", &place);
            list.path("--remount-ro", &place);
        } else {
            list.path2("--ro-bind", "/dev/null", &place);
        }
    }
}

struct List(Vec<OsString>);

impl List {
    fn add<const N: usize>(&mut self, words: [&str; N]) {
        self.0.extend(words.map(OsString::from));
    }

    fn path(&mut self, option: &str, path: impl AsRef<OsStr>) {
        self.0
            .extend([OsStr::new(option), path.as_ref()].map(OsString::from));
    }

    fn path2(&mut self, option: &str, from: impl AsRef<OsStr>, to: impl AsRef<OsStr>) {
        let words = [OsStr::new(option), from.as_ref(), to.as_ref()];
        self.0.extend(words.map(OsString::from));
    }
}

/// The words, each ended by a zero.
fn ended(words: &[OsString]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in words {
        bytes.extend_from_slice(word.as_bytes());
        bytes.push(0);
    }
    bytes
}

/// A file without a place, with this content.
fn in_memory(name: &str, bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}
