//! What Linux itself holds an action to: limits of the reaper that all it starts inherit (getrlimit(2)),
//! and who goes first when the host has no memory left.

use crate::engine::Order;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;
use std::io;

/// How many processes a container's user may have beyond those that the action may: bubblewrap's, the
/// network helper's, and some more, so that whoever watches the action sees that it has too many.
const MORE_PROCESSES: u64 = 64;

/// The least `oom_score_adj` of an action's processes (proc(5)): Linux ends them before the worker.
const FIRST_TO_GO: i32 = 500;

/// Restricts this process and those that it will start.
///
/// # Errors
/// Those of setrlimit(2).
pub(crate) fn restrict(order: &Order) -> io::Result<()> {
    let limits = &order.limits;
    lower(Resource::Nofile, limits.open_files)?;
    lower(Resource::Fsize, limits.file_size)?;
    // Linux counts the processes of a user. Only a container of root's worker has a user of its own.
    if order.first_id.is_some() {
        lower(Resource::Nproc, limits.processes + MORE_PROCESSES)?;
    }
    let file = "/proc/self/oom_score_adj";
    let score = fs::read_to_string(file)
        .ok()
        .and_then(|text| text.trim().parse().ok());
    if score.is_none_or(|score: i32| score < FIRST_TO_GO) {
        // Nothing that the action does depends on it.
        let _ = fs::write(file, FIRST_TO_GO.to_string());
    }
    Ok(())
}

/// Lowers what a process may raise its limit to; the limit itself stays where it is lower.
fn lower(resource: Resource, most: u64) -> io::Result<()> {
    let now = getrlimit(resource);
    let most = now.maximum.map_or(most, |maximum| maximum.min(most));
    let current = now.current.map_or(most, |current| current.min(most));
    let lowered = Rlimit {
        current: Some(current),
        maximum: Some(most),
    };
    Ok(setrlimit(resource, lowered)?)
}
