//! Processes in a user namespace of their own: this process is copied, the copy leaves the host's
//! namespace and waits, this process gives it what only it can, and then the copy goes on.

use super::ids::Ids;
use crate::engine::cannot;
use crate::supervise::fork::{Fork, fork, leave};
use ick_core::build::Cause;
use rustix::fd::OwnedFd;
use rustix::fs::{Gid, Uid};
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Signal};
use rustix::thread::UnshareFlags;
use std::io;

/// What the copy says when it has left the host's namespaces; all else is why it could not.
const READY: &str = "1";

/// Copies this process, which has one thread. The copy does `prepare`; then this process does `attach`;
/// then the copy does `then`, and is to end with it. `what` is what it is for, to complete "cannot".
///
/// # Errors
/// `internal`, and those of `attach`. There is no copy then.
pub(super) fn start(
    what: &str,
    prepare: impl FnOnce() -> io::Result<()>,
    attach: impl FnOnce(Pid) -> Result<(), Cause>,
    then: impl FnOnce() -> i32,
) -> Result<Pid, Cause> {
    let failed = |why: io::Error| cannot(what, &why);
    let pipe = || {
        let made = rustix::pipe::pipe_with(PipeFlags::CLOEXEC);
        made.map_err(|why| failed(why.into()))
    };
    let (ready, tell_ready) = pipe()?;
    let (go, tell_go) = pipe()?;
    let pid = match fork(None).map_err(failed)? {
        Fork::Parent(pid) => pid,
        Fork::Child => {
            drop((ready, tell_go));
            std::process::exit(copy(prepare, &tell_ready, &go, then));
        }
    };
    // What only the copy needs, such as the ends of pipes, goes here.
    drop((tell_ready, go, then));
    let attached = said(&ready)
        .and_then(|said| match said.as_str() {
            READY => Ok(()),
            "" => Err(io::Error::other("it ended at once")),
            why => Err(io::Error::other(why.to_owned())),
        })
        .map_err(failed)
        .and_then(|()| attach(pid));
    if let Err(why) = attached {
        let _ = rustix::process::kill_process(pid, Signal::KILL);
        return Err(why);
    }
    rustix::io::write(&tell_go, b"!").map_err(|why| failed(why.into()))?;
    Ok(pid)
}

fn copy(
    prepare: impl FnOnce() -> io::Result<()>,
    ready: &OwnedFd,
    go: &OwnedFd,
    then: impl FnOnce() -> i32,
) -> i32 {
    let told = match prepare() {
        Ok(()) => rustix::io::write(ready, READY.as_bytes()),
        Err(why) => {
            let _ = rustix::io::write(ready, why.to_string().as_bytes());
            return 1;
        }
    };
    let mut letter = [0; 1];
    match told.and_then(|_| rustix::io::read(go, &mut letter)) {
        Ok(1) => then(),
        _ => 1,
    }
}

/// Copies this process, which has one thread; the copy is root of a user namespace with these ids, and
/// does `then`.
///
/// # Errors
/// Why there is no copy.
pub(crate) fn as_tree_root(
    what: &str,
    ids: &Ids,
    then: impl FnOnce() -> i32,
) -> Result<Pid, Cause> {
    start(
        what,
        || leave(UnshareFlags::NEWUSER),
        |pid| ids.map(pid).map_err(|why| cannot(what, &why)),
        || match become_root() {
            Ok(()) => then(),
            Err(why) => {
                eprintln!("cannot become the tree's root: {why}");
                1
            }
        },
    )
}

fn become_root() -> io::Result<()> {
    let (uid, gid) = (Uid::ROOT, Gid::ROOT);
    rustix::thread::set_thread_groups(&[])?;
    rustix::thread::set_thread_res_gid(gid, gid, gid)?;
    Ok(rustix::thread::set_thread_res_uid(uid, uid, uid)?)
}

/// The first words from a pipe.
pub(super) fn said(pipe: &OwnedFd) -> io::Result<String> {
    let mut bytes = [0; 512];
    let count = rustix::io::read(pipe, &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes[..count]).into_owned())
}
