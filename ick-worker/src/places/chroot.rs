//! `where: chroot`: the workspace is the root directory, for making system trees. The action is root there,
//! of a user namespace with the slot's ids, and nobody on the host.

use super::bubblewrap::{self, Bubblewrap, List, Started, Status};
use super::container::Parts;
use super::ids::Ids;
use super::{Inside, namespace, root};
use crate::beneath;
use crate::engine::{IDS_PER_SLOT, Order, cannot, cause};
use crate::workspace;
use ick_core::build::{Cause, CauseKind, Place};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use rustix::process::Pid;
use std::io;
use std::path::Path;

/// What is mounted in the tree meanwhile: a folder before what is in it.
const PLACES: [&str; 5] = ["proc", "dev", "tmp", "run", "run/ick"];

/// What the root of a tree needs for making it: owners, modes, users, file capabilities, and programs that
/// change their root.
const CAPABILITIES: [&str; 9] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SYS_CHROOT",
];

/// Starts the action with the workspace as its root, or a shell where it was executed.
pub(crate) fn start(order: &Order, folder: &Path, what: Started) -> Result<(Pid, Status), Cause> {
    let ids = Ids::of(order.first_id, &order.worker_path)?;
    let made = |what: &str| {
        let what = format!("make the workspace the root: {what}");
        move |why: io::Error| cannot(&what, &why)
    };
    let inside = Inside::at(Place::Host, &order.workspace, &order.home, folder);
    let mut parts = Parts::of(inside);
    if let Ids::Slot { first } = ids {
        let give = || -> io::Result<()> {
            let range = first..first + IDS_PER_SLOT;
            workspace::give_range(&parts.workspace, range.clone())?;
            workspace::give_range(&parts.home, range)?;
            for file in [&parts.script, &parts.parameters, &parts.outputs] {
                workspace::give_file(file, first)?;
            }
            Ok(())
        };
        give().map_err(|why| cannot("give the workspace to the tree's root", &why))?;
    }
    if order.first_id.is_some() {
        parts = parts.staged(order).map_err(made("mounts"))?;
    }
    let filter = bubblewrap::filter(&what).map_err(made("filter"))?;
    let arguments = arguments(order, &parts, filter.as_ref());
    let bubblewrap = Bubblewrap::new(order, folder, what, &arguments, filter);
    let (bubblewrap, status) = bubblewrap.map_err(made("bubblewrap"))?;
    let pid = namespace::as_tree_root("make a namespace for the tree's ids", &ids, move || {
        let _ = rustix::process::setpgid(None, None);
        bubblewrap.become_it()
    })?;
    Ok((pid, status))
}

fn arguments(order: &Order, parts: &Parts, filter: Option<&OwnedFd>) -> List {
    let mut list = List::default();
    list.add(["--unshare-pid", "--unshare-ipc", "--unshare-uts"]);
    list.add(["--unshare-cgroup-try", "--hostname", "ick"]);
    list.add(["--die-with-parent"]);
    match filter {
        Some(filter) => list.add(["--seccomp", &filter.as_raw_fd().to_string()]),
        None => list.add(["--new-session"]),
    }
    list.add(["--cap-drop", "ALL"]);
    for capability in CAPABILITIES {
        list.add(["--cap-add", capability]);
    }
    list.add(["--clearenv"]);
    for (name, value) in &order.env {
        list.add(["--setenv", name, value]);
    }
    list.path2("--bind", &parts.workspace, "/");
    list.add(["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"]);
    let (tmp, shm) = (order.limits.tmp.to_string(), order.limits.shm.to_string());
    list.add(["--dev", "/dev", "--perms", "1777", "--size", &shm]);
    list.add(["--tmpfs", "/dev/shm", "--remount-ro", "/dev"]);
    list.add(["--perms", "1777", "--size", &tmp, "--tmpfs", "/tmp"]);
    list.add(["--size", "1048576", "--tmpfs", "/run/ick"]);
    list.path2("--ro-bind", &parts.script, "/run/ick/script");
    list.path2("--ro-bind", &parts.parameters, "/run/ick/params.json");
    list.path2("--bind", &parts.outputs, "/run/ick/outputs");
    list.path2("--bind", &parts.home, "/run/ick/home");
    list.add(["--remount-ro", "/run/ick"]);
    // The network is the host's, and so are the names; where the tree has no such file, none is made.
    let resolver = Path::new("/etc/resolv.conf");
    let has_one = beneath::root(&order.workspace)
        .is_ok_and(|root| root::is_plain_file(&root, Path::new("etc/resolv.conf")));
    if has_one && resolver.exists() {
        list.path2("--ro-bind", resolver, resolver);
    }
    list.add(["--chdir", "/"]);
    list
}

/// The folders of the workspace that were made so that something can be mounted there.
#[derive(Debug)]
pub(crate) struct MountPoints {
    root: OwnedFd,
    made: Vec<&'static str>,
}

impl MountPoints {
    /// Makes what the order's place needs; none for another than this.
    ///
    /// # Errors
    /// When something of the kind is there that is no folder, and those of the file system. Nothing is left
    /// then.
    pub(crate) fn of(order: &Order) -> Result<Option<Self>, Cause> {
        match order.request.place {
            Place::Chroot => Self::make(&order.workspace, order.first_id).map(Some),
            _ => Ok(None),
        }
    }

    fn make(workspace: &Path, owner: Option<u32>) -> Result<Self, Cause> {
        let failed = |why: io::Error| cannot("make the folders to mount on", &why);
        let mut points = Self {
            root: beneath::root(workspace).map_err(failed)?,
            made: Vec::new(),
        };
        for place in PLACES {
            match points.make_one(place, owner) {
                Ok(true) => points.made.push(place),
                Ok(false) => {}
                Err(why) if is_link(&why) => {
                    points.remove();
                    return Err(cause(
                        CauseKind::ActionFailed,
                        format!(
                            "/{place} in the workspace is no folder of its own, and something is to be \
                             mounted there: make it a folder, not a link or a file"
                        ),
                    ));
                }
                Err(why) => {
                    points.remove();
                    return Err(failed(why));
                }
            }
        }
        Ok(points)
    }

    /// Whether it was made.
    fn make_one(&self, place: &str, owner: Option<u32>) -> io::Result<bool> {
        let (folder, name) = self.parent(place)?;
        let made = match rustix::fs::mkdirat(&folder, name, Mode::from_raw_mode(0o755)) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(why) => return Err(why.into()),
        };
        let there = beneath::open(&folder, Path::new(name), OFlags::PATH | OFlags::DIRECTORY)?;
        drop(there);
        if let (true, Some(id)) = (made, owner) {
            let (uid, gid) = (Uid::from_raw(id), Gid::from_raw(id));
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            rustix::fs::chownat(&folder, name, Some(uid), Some(gid), flags)?;
        }
        Ok(made)
    }

    fn parent<'p>(&self, place: &'p str) -> io::Result<(OwnedFd, &'p str)> {
        let (folder, name) = place.rsplit_once('/').unwrap_or((".", place));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        Ok((beneath::open(&self.root, Path::new(folder), flags)?, name))
    }

    /// Removes those that are still empty. What the action made of them meanwhile stays.
    pub(crate) fn remove(&self) {
        for place in self.made.iter().rev() {
            if let Ok((folder, name)) = self.parent(place) {
                let _ = rustix::fs::unlinkat(&folder, name, AtFlags::REMOVEDIR);
            }
        }
    }
}

fn is_link(why: &io::Error) -> bool {
    matches!(
        why.raw_os_error().map(Errno::from_raw_os_error),
        Some(Errno::LOOP | Errno::NOTDIR | Errno::XDEV)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    type Tested = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn what_was_made_goes_and_nothing_else() -> Tested {
        let place = tempfile::tempdir()?;
        fs::create_dir_all(place.path().join("run/lock"))?;
        fs::create_dir(place.path().join("tmp"))?;
        let points = MountPoints::make(place.path(), None).map_err(|why| why.detail)?;
        assert_eq!(points.made, ["proc", "dev", "run/ick"]);
        fs::write(place.path().join("dev/kept"), "")?;
        points.remove();
        let mut left: Vec<_> = fs::read_dir(place.path())?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<_>>()?;
        left.sort();
        assert_eq!(left, ["dev", "run", "tmp"]);
        assert!(!place.path().join("run/ick").exists());
        Ok(())
    }

    #[test]
    fn nothing_is_made_through_a_link() -> Tested {
        let place = tempfile::tempdir()?;
        let outside = tempfile::tempdir()?;
        symlink(outside.path(), place.path().join("run"))?;
        let why = MountPoints::make(place.path(), None).err();
        assert!(why.is_some_and(|why| why.detail.starts_with("/run in the workspace")));
        assert_eq!(fs::read_dir(outside.path())?.count(), 0);
        assert_eq!(fs::read_dir(place.path())?.count(), 1);
        Ok(())
    }
}
