//! `where: container`: bubblewrap, with nothing of the host but what the action is to see.

use super::bubblewrap::{self, Bubblewrap, List, Started, Status};
use super::mounts;
use super::network;
use super::root::{self, Entry};
use super::{Inside, network::Network};
use crate::engine::{CONTAINER_UID, Order, cannot};
use crate::workspace;
use ick_core::build::{Cause, Place};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::process::Pid;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

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

impl Parts {
    /// What every place needs.
    pub(super) fn of(inside: Inside) -> Self {
        Self {
            workspace: inside.workspace,
            home: inside.home,
            script: inside.script,
            parameters: inside.parameters,
            outputs: inside.outputs,
            passwd: None,
            group: None,
            resolver: None,
            tree: None,
        }
    }

    /// The same in a place that the container's user can reach: see [`mounts`].
    pub(super) fn staged(mut self, order: &Order) -> io::Result<Self> {
        let mut parts = vec![
            ("workspace", &mut self.workspace),
            ("home", &mut self.home),
            ("script", &mut self.script),
            ("params.json", &mut self.parameters),
            ("outputs", &mut self.outputs),
        ];
        let more = [
            ("passwd", &mut self.passwd),
            ("group", &mut self.group),
            ("resolv.conf", &mut self.resolver),
            (mounts::TREE, &mut self.tree),
        ];
        let more = more
            .into_iter()
            .filter_map(|(name, part)| Some((name, part.as_mut()?)));
        parts.extend(more);
        let paths: Vec<_> = parts
            .iter()
            .map(|(name, path)| (*name, path.as_path()))
            .collect();
        let place = mounts::stage(order, &paths)?;
        for (name, path) in parts {
            *path = place.join(name);
        }
        Ok(self)
    }
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
        Some(_) => parts.staged(order).map_err(made("mounts"))?,
        None => parts,
    };
    let filter = bubblewrap::filter(&what).map_err(made("filter"))?;
    let arguments = arguments(order, &parts, filter.as_ref()).map_err(made("arguments"))?;
    let bubblewrap = Bubblewrap::new(order, folder, what, &arguments, filter);
    let (mut bubblewrap, status) = bubblewrap.map_err(made("bubblewrap"))?;
    if let Some(attach) = &order.tools.attach {
        let pid = Network { attach, host_id }.start(bubblewrap)?;
        return Ok((pid, status));
    }
    if let Some(id) = host_id {
        // Rust gives up the other groups of a root process with its user.
        bubblewrap.command().uid(id).gid(id);
    }
    let child = bubblewrap.spawn().map_err(made("bubblewrap"))?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| made("bubblewrap")(io::Error::other("no process id")))?;
    Ok((pid, status))
}

/// Makes the files that only containers have.
fn parts(order: &Order, folder: &Path) -> Result<Parts, Cause> {
    let inside = Inside::at(Place::Host, &order.workspace, &order.home, folder);
    let make = || -> io::Result<Parts> {
        let own = folder.join("etc");
        DirBuilder::new().recursive(true).mode(0o700).create(&own)?;
        let tree = order.tree.as_deref().unwrap_or(Path::new("/"));
        let shown = |name: &str, made: fn(&str) -> String| -> io::Result<Option<PathBuf>> {
            // Into a tree without such a file none can be put: its /etc is read-only.
            let Some(text) = root::text(tree, &Path::new("etc").join(name)) else {
                return Ok(None);
            };
            let path = own.join(name);
            fs::write(&path, made(&text))?;
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
            passwd,
            group,
            resolver,
            tree: order.tree.clone(),
            ..Parts::of(inside)
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

/// bubblewrap's arguments. What has a filter of its keystrokes shares the terminal; everything else has no terminal at all.
fn arguments(order: &Order, parts: &Parts, filter: Option<&OwnedFd>) -> io::Result<List> {
    let mut list = List::default();
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
    bind_root(&mut list, parts.tree.as_deref())?;
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
        if let Some(place) = network::resolver_file(parts.tree.as_deref()) {
            list.path2("--ro-bind", resolver, place);
        }
    }
    list.add(["--remount-ro", "/", "--chdir", "/workspace"]);
    Ok(list)
}

/// Binds the top-level entries that are shown of a tree, or of the worker's own root.
pub(super) fn bind_root(list: &mut List, tree: Option<&Path>) -> io::Result<()> {
    for entry in root::entries(tree)? {
        match entry {
            Entry::Bound { name } => {
                let from = tree.unwrap_or(Path::new("/")).join(&name);
                list.path2("--ro-bind", &from, Path::new("/").join(name));
            }
            Entry::Link { name, target } => {
                list.path2("--symlink", target, Path::new("/").join(name));
            }
        }
    }
    Ok(())
}

/// Covers what no container may see of the worker's own root.
pub(super) fn hide(list: &mut List, order: &Order) {
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
