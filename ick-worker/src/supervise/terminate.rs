//! Asking an action to end.

use super::children;
use rustix::process::{Pid, Signal};
use std::fs;

/// Sends SIGTERM to the process group of an action on the host.
pub(super) fn on_host(main: Pid) {
    let _ = rustix::process::kill_process_group(main, Signal::TERM);
}

/// Sends SIGTERM to the action in a container: to the processes below bubblewrap's own two. Ending
/// bubblewrap instead would end the container with no time to clean up.
pub(super) fn in_container(bubblewrap: Pid) {
    let mut waiting = vec![bubblewrap];
    while let Some(pid) = waiting.pop() {
        let name = fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_pid()));
        if name.is_ok_and(|name| name.trim_end() == "bwrap") {
            waiting.extend(children::of(pid));
        } else if rustix::process::kill_process_group(pid, Signal::TERM).is_err() {
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
    }
}
