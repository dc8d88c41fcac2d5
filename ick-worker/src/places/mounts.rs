//! A root worker's private mounts: what a container is made of, in a place that its user can reach.
//!
//! The worker's state folder is closed to everyone else, and stays so. In a mount namespace of the
//! reaper alone, a small tmpfs covers a folder that exists everywhere, and what the container gets is
//! mounted there. It all goes with the namespace.

use crate::engine::Order;
use crate::supervise::fork::leave;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount, mount_bind,
    mount_change, move_mount, open_tree,
};
use rustix::thread::UnshareFlags;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Folders that every system has and that no container sees, unless the configuration says so.
const PLACES: [&str; 4] = ["/mnt", "/media", "/srv", "/tmp"];

/// Makes a private mount namespace of this process and mounts the parts in a folder there, each under its
/// name. Gives the folder.
pub(super) fn stage(order: &Order, parts: &[(&str, &Path)]) -> io::Result<PathBuf> {
    leave(UnshareFlags::NEWNS)?;
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    let place = place(&order.visible)?;
    // Opened first: they may be below the place.
    let mut opened = Vec::new();
    for (name, path) in parts {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        let whole = match *name {
            TREE => OpenTreeFlags::AT_RECURSIVE,
            _ => OpenTreeFlags::empty(),
        };
        let flags = flags | whole | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
        opened.push((*name, path.is_dir(), open_tree(CWD, *path, flags)?));
    }
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount("tmpfs", &place, "tmpfs", flags, c"mode=755,size=64k")?;
    let folder = rustix::fs::open(
        &place,
        OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    for (name, is_folder, tree) in opened {
        put(&folder, name, is_folder, &tree)?;
    }
    if order.request.network && !for_everyone(Path::new(TUN)) {
        open_tun(&folder, &place)?;
    }
    Ok(place)
}

/// The name of the system tree among the parts, which is mounted with what is mounted in it.
pub(super) const TREE: &str = "tree";

/// The device with which a network is made (Linux: Documentation/networking/tuntap.rst).
const TUN: &str = "/dev/net/tun";

fn for_everyone(device: &Path) -> bool {
    device
        .metadata()
        .is_ok_and(|about| about.permissions().mode() & 0o006 == 0o006)
}

/// Shows the device to the slot's user, in this mount namespace alone. udev opens it for everyone, as
/// it gives power over nothing but the user's own namespaces; not every system has udev.
fn open_tun(folder: &OwnedFd, place: &Path) -> io::Result<()> {
    let everyone = Mode::from_raw_mode(0o666);
    let number = rustix::fs::makedev(10, 200);
    rustix::fs::mknodat(folder, "tun", FileType::CharacterDevice, everyone, number)?;
    rustix::fs::chmodat(folder, "tun", everyone, AtFlags::empty())?;
    Ok(mount_bind(place.join("tun"), TUN)?)
}

fn put(folder: &OwnedFd, name: &str, is_folder: bool, tree: &OwnedFd) -> io::Result<()> {
    if is_folder {
        rustix::fs::mkdirat(folder, name, Mode::from_raw_mode(0o755))?;
    } else {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(0o644))?;
    }
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    Ok(move_mount(tree.as_fd(), c"", folder.as_fd(), name, flags)?)
}

/// A folder that may be covered.
fn place(visible: &[PathBuf]) -> io::Result<PathBuf> {
    PLACES
        .iter()
        .map(Path::new)
        .find(|place| {
            let real = place.symlink_metadata().is_ok_and(|about| about.is_dir());
            real && !visible.iter().any(|path| path.starts_with(place))
        })
        .map(Path::to_owned)
        .ok_or_else(|| io::Error::other(format!("none of {PLACES:?} can be mounted over")))
}
