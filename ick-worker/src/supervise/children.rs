//! Ending the children of this process, and theirs.

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::{Duration, Instant};

/// How long is tried to end what does not end.
const PATIENCE: Duration = Duration::from_secs(30);

/// The children of a process. Reading the kernel's list takes `CONFIG_PROC_CHILDREN`, which
/// distributions have; without it all processes are looked at.
pub(super) fn of(pid: Pid) -> Vec<Pid> {
    let number = pid.as_raw_pid();
    match fs::read_to_string(format!("/proc/{number}/task/{number}/children")) {
        Ok(list) => pids(&list),
        Err(_) => by_parent(number),
    }
}

/// The children of all threads of this process.
fn own() -> Vec<Pid> {
    let own = rustix::process::getpid();
    let tasks = fs::read_dir("/proc/self/task").and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let lists: io::Result<Vec<_>> = tasks.and_then(|tasks| {
        tasks
            .iter()
            .map(|task| fs::read_to_string(task.path().join("children")))
            .collect()
    });
    match lists {
        Ok(lists) => lists.iter().flat_map(|list| pids(list)).collect(),
        Err(_) => by_parent(own.as_raw_pid()),
    }
}

/// Process ids that are written one after the other.
pub(super) fn pids(list: &str) -> Vec<Pid> {
    list.split_whitespace()
        .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
        .collect()
}

fn by_parent(parent: i32) -> Vec<Pid> {
    all()
        .into_iter()
        .filter(|(_, its_parent)| *its_parent == parent)
        .filter_map(|(pid, _)| Pid::from_raw(pid))
        .collect()
}

/// The processes below one: its children, theirs, and so on.
pub(super) fn below(pid: Pid) -> Vec<Pid> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for (pid, parent) in all() {
        children.entry(parent).or_default().push(pid);
    }
    let mut waiting = vec![pid.as_raw_pid()];
    let mut found = Vec::new();
    while let Some(parent) = waiting.pop() {
        // Taken out, as numbers may have come again meanwhile: so there is no circle.
        for child in children.remove(&parent).unwrap_or_default() {
            found.extend(Pid::from_raw(child));
            waiting.push(child);
        }
    }
    found
}

/// All processes, each with its parent.
fn all() -> Vec<(i32, i32)> {
    let Ok(all) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    all.filter_map(|entry| {
        let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, can have anything in it.
        let (_, after) = stat.rsplit_once(')')?;
        let parent: i32 = after.split_whitespace().nth(1)?.parse().ok()?;
        Some((pid, parent))
    })
    .collect()
}

/// Takes note of a child that has ended, if there is one.
pub(super) fn reap() -> Reaped {
    match rustix::process::wait(WaitOptions::NOHANG) {
        Ok(Some((pid, status))) => Reaped::One(pid, status),
        Ok(None) => Reaped::AllRun,
        Err(Errno::INTR) => reap(),
        Err(_) => Reaped::NoneLeft,
    }
}

/// What [`reap`] found.
pub(super) enum Reaped {
    /// This child has ended so.
    One(Pid, WaitStatus),
    /// None has ended that was not reaped.
    AllRun,
    /// There is no child.
    NoneLeft,
}

/// Ends every child of this process, and, as they become its children, everyone below. Returns whether
/// none is left.
///
/// Only children are sent signals: as they were not reaped, their numbers are theirs.
pub(super) fn end_all(mut each: impl FnMut(Pid, WaitStatus)) -> bool {
    let until = Instant::now() + PATIENCE;
    loop {
        for child in own() {
            let _ = rustix::process::kill_process(child, Signal::KILL);
        }
        loop {
            match reap() {
                Reaped::One(pid, status) => each(pid, status),
                Reaped::NoneLeft => return true,
                Reaped::AllRun => break,
            }
        }
        if Instant::now() > until {
            return false;
        }
        wait_for_one();
    }
}

/// Waits for the end of the reaper, which its pipe tells, then ends whatever it left. Returns whether
/// none is left.
pub(super) fn end_when_gone(words: &OwnedFd) -> bool {
    let until = Instant::now() + PATIENCE;
    let mut bytes = [0; 512];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).ok();
        let mut fds = [PollFd::new(words, PollFlags::IN)];
        match rustix::event::poll(&mut fds, left.as_ref()) {
            Err(Errno::INTR) => continue,
            // It does not end by itself.
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        match rustix::io::read(words, &mut bytes) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => break,
        }
    }
    end_all(|_, _| {})
}

/// Waits a moment for the end of a child.
fn wait_for_one() {
    let Some(child) = own().first().copied() else {
        return;
    };
    let Ok(handle) = rustix::process::pidfd_open(child, rustix::process::PidfdFlags::empty())
    else {
        return;
    };
    let mut fds = [PollFd::new(&handle, PollFlags::IN)];
    let moment = Timespec {
        tv_sec: 0,
        tv_nsec: 20_000_000,
    };
    let _ = rustix::event::poll(&mut fds, Some(&moment));
}
