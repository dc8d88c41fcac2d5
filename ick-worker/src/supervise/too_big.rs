//! Watching how much an action writes to the workspace and to HOME.

use super::outputs;
use crate::engine::{Order, Program};
use crate::places::ids::Ids;
use crate::places::namespace;
use crate::workspace;
use ick_core::build::Place;
use ick_core::definition::BuiltIn;
use rustix::process::Signal;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

/// What becomes readable when the action has written more than it may; none when nobody watches.
pub(super) type TooBig = Option<UnixStream>;

/// Has a process watch that is the tree's root: an ordinary user cannot enter every folder that an action with
/// all owners of a tree makes. To be called before this process has made a second thread.
///
/// # Errors
/// Those of the sockets.
pub(super) fn watched_by_a_process(order: &Order, folder: &Path) -> io::Result<TooBig> {
    if !has_tree_owners(order) || order.first_id.is_some() {
        return Ok(None);
    }
    // Without ids the action itself says so.
    let Ok(ids) = Ids::of(None, &order.worker_path) else {
        return Ok(None);
    };
    let (read, write) = UnixStream::pair()?;
    let started = namespace::as_tree_root("measure the workspace", &ids, || {
        // It outlives nobody.
        let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
        measure(order, folder, write);
        0
    });
    started.map_err(|why| io::Error::other(why.detail))?;
    Ok(Some(read))
}

/// Has a thread watch, where this user can measure all that there is.
///
/// # Errors
/// Those of the sockets, and when there can be no thread.
pub(super) fn watched_by_a_thread(order: &Order, folder: &Path) -> io::Result<TooBig> {
    let trusted = order.request.place == Place::Host && !has_tree_owners(order);
    if trusted {
        return Ok(None);
    }
    let (read, write) = UnixStream::pair()?;
    let (order, folder) = (order.clone(), folder.to_owned());
    std::thread::Builder::new()
        .name("measure".to_owned())
        .spawn(move || measure(&order, &folder, write))?;
    Ok(Some(read))
}

/// Whether the action makes a system tree of the workspace.
fn has_tree_owners(order: &Order) -> bool {
    let request = &order.request;
    let debootstrap = BuiltIn::Debootstrap.as_str();
    request.place == Place::Chroot
        || matches!(&request.program, Program::BuiltIn { name, .. } if name == debootstrap)
}

fn measure(order: &Order, folder: &Path, mut tell: UnixStream) {
    let limits = order.limits;
    let mut pause = limits.measure;
    loop {
        std::thread::sleep(pause);
        let begun = Instant::now();
        if workspace::exceeds(&order.workspace, limits.workspace)
            || workspace::exceeds(&order.home, limits.home)
            || outputs::exceed(folder)
        {
            let _ = tell.write_all(b"!");
            return;
        }
        // A big workspace is measured less often.
        pause = limits.measure.max(begun.elapsed() * 20);
    }
}
