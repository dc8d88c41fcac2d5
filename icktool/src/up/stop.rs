//! Ending what is up: the worker first, with the actions that it executes, then the servers.

use super::process::{self, Handle, Process};
use super::role::Role;
use super::state::{Locked, UpFile};
use crate::error::Error;
use rustix::process::Signal;
use std::time::Duration;

/// How long a worker may take to end its actions (they have 10 s of grace) and to report them.
const WORKER_PATIENCE: Duration = Duration::from_secs(30);

/// How long a server may take to answer what it has begun.
const SERVER_PATIENCE: Duration = Duration::from_secs(15);

/// The order in which they are ended.
const ORDER: [Role; 4] = [Role::Worker, Role::Controller, Role::Store, Role::Idp];

/// Ends what is up; the daemons that were ended.
///
/// # Errors
/// When `up.json` cannot be read or removed, or a daemon does not end.
pub fn stop(locked: &Locked) -> Result<Vec<Role>, Error> {
    let up = UpFile::load(&locked.path)?;
    let mut ended = Vec::new();
    for role in ORDER {
        let recorded = up.as_ref().and_then(|up| up.alive(role));
        let found =
            recorded.or_else(|| process::holder(&locked.path.join(role.folder()), role.program()));
        if let Some(process) = found {
            if !end(role, process) {
                return Err(Error::Other(format!(
                    "the {role} (process {}) does not end",
                    process.pid
                )));
            }
            ended.push(role);
        }
    }
    UpFile::remove(&locked.path)?;
    Ok(ended)
}

/// Ends one daemon; whether it is gone.
pub fn end(role: Role, process: Process) -> bool {
    let Some(handle) = process.handle() else {
        return true;
    };
    match role {
        Role::Worker => ends(&handle, WORKER_STOP, WORKER_PATIENCE),
        _ => ends(&handle, Signal::TERM, SERVER_PATIENCE),
    }
}

/// Tells the worker to end its actions and itself.
const WORKER_STOP: Signal = Signal::INT;

fn ends(handle: &Handle, signal: Signal, patience: Duration) -> bool {
    handle.signal(signal);
    if handle.wait(patience) {
        return true;
    }
    handle.signal(Signal::KILL);
    handle.wait(Duration::from_secs(5))
}

/// The daemons that still run.
pub fn alive(up: &UpFile) -> Vec<(Role, Process)> {
    ORDER
        .into_iter()
        .filter_map(|role| Some((role, up.alive(role)?)))
        .collect()
}
