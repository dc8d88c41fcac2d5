//! What a slot finds when the worker starts: runs of the process before it.

use crate::engine::{Order, RESULT, RunFolder, STOP, StopReason, private_file};
use crate::supervise;
use rustix::process::{PidfdFlags, Signal};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a supervisor may take to end its action, before it is ended itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a supervisor may take to go that has written its result.
const LEAVING: Duration = Duration::from_secs(2);

/// The runs in a slot's folder.
pub(super) fn runs(slot: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(slot) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut runs = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            runs.push(entry.path());
        }
    }
    Ok(runs)
}

/// Ends every action of a run that is still being supervised, and sees to it that one whose supervisor
/// is just starting never begins. Their results say `lost_worker`.
pub(super) fn end_actions(run: &Path) {
    let Ok(entries) = fs::read_dir(run.join("actions")) else {
        return;
    };
    for action in entries.flatten() {
        let folder = action.path();
        // With a result there, all that is left to do for a supervisor is to go.
        if folder.join(RESULT).exists() && supervise::wait_until_gone(&folder, LEAVING) {
            continue;
        }
        // Before the look: a supervisor that comes after it finds the word. It may be there already: the
        // first reason stands.
        let _ = private_file(&folder.join(STOP), StopReason::Shutdown.word().as_bytes());
        if supervise::is_alive(&folder) {
            tracing::info!("ending what {} still executes", folder.display());
            end(&folder);
        }
        // A supervisor that was killed has left it.
        if let Ok(order) = Order::read(&folder)
            && let Some(group) = order.cgroup
        {
            supervise::cgroup::remove(&group);
        }
    }
}

fn end(folder: &Path) {
    for (signal, patience) in [(Signal::TERM, PATIENCE), (Signal::KILL, PATIENCE)] {
        let sent = supervise::supervisor(folder).is_some_and(|pid| {
            rustix::process::pidfd_open(pid, PidfdFlags::empty()).is_ok_and(|process| {
                // Still the same one, now that its number cannot be given to another.
                supervise::supervisor(folder) == Some(pid)
                    && rustix::process::pidfd_send_signal(&process, signal).is_ok()
            })
        });
        if !sent {
            tracing::debug!("{} has no supervisor that could be told", folder.display());
        }
        if supervise::wait_until_gone(folder, patience) {
            return;
        }
    }
    tracing::error!("what {} executes cannot be ended", folder.display());
}

/// Whether this is the folder of a lease's run.
pub(super) fn is_of(run: &Path, lease: &str) -> bool {
    run.file_name().is_some_and(|name| name == lease)
}

/// Has a run removed, in the background.
pub(super) fn remove(cleaner: &std::sync::mpsc::Sender<RunFolder>, run: RunFolder) {
    // The receiver lives as long as the process.
    let _ = cleaner.send(run);
}
