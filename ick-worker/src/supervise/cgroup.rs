//! Control groups (cgroup v2), where they can be made: ending every process of one takes one write.
//!
//! No controller is needed for that; only a mount that is writable, such as root has, or a user's own
//! part of the tree under systemd. Where the controllers `memory` and `pids` are there as well, Linux
//! itself holds a group to its limits.

use super::usage::number;
use crate::engine::Limits;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::process::Pid;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a process may take to end that was killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// The name of the group into which a worker moves that is alone in the one it was given.
const OWN: &str = "worker";

/// Which limits Linux keeps by control groups. Others are watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// `limits.memory`.
    pub memory: bool,
    /// `limits.processes`.
    pub processes: bool,
}

/// Where this process makes control groups.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    /// The group beneath which they are.
    pub(crate) parent: PathBuf,
    /// What Linux keeps in them.
    pub(crate) kept: Kept,
}

impl Groups {
    /// Finds where they can be made, and enables the controllers there as far as Linux lets this
    /// process. A group that has controllers for those beneath it has no processes of its own: one that
    /// is alone in its group moves into another beneath if it may.
    pub(crate) fn find(may_move: bool) -> Option<Self> {
        let parent = parent()?;
        let there = controllers(&parent.join("cgroup.controllers"));
        let enabled = parent.join("cgroup.subtree_control");
        if controllers(&enabled) != there {
            if may_move && !is_root(&parent) && members(&parent) == [rustix::process::getpid()] {
                let own = parent.join(OWN);
                // Where that fails, so does what follows.
                let _ = fs::create_dir(&own);
                let _ = fs::write(own.join("cgroup.procs"), "0");
            }
            for (is_there, word) in [(there.memory, "+memory"), (there.processes, "+pids")] {
                if is_there {
                    let _ = fs::write(&enabled, word);
                }
            }
        }
        let kept = controllers(&enabled);
        Some(Self { parent, kept })
    }
}

/// Which of the controllers that matter a list has.
fn controllers(list: &Path) -> Kept {
    let list = fs::read_to_string(list).unwrap_or_default();
    let has = |name| list.split_whitespace().any(|one| one == name);
    Kept {
        memory: has("memory"),
        processes: has("pids"),
    }
}

/// The most that Linux takes as a number of processes (`PID_MAX_LIMIT`).
const MOST_PROCESSES: u64 = 4 << 20;

/// What Linux holds a control group to.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Whether it is held to `limits.memory`.
    pub(super) memory: bool,
    /// How often it was refused another process, when it is held to `limits.processes`.
    pub(super) refusals: Option<Refusals>,
}

impl Held {
    /// Has Linux hold a group to these limits, as far as its parent has the controllers.
    pub(super) fn of(group: &Path, limits: &Limits) -> Self {
        let set = |file, value: u64| fs::write(group.join(file), value.to_string()).is_ok();
        let memory = set("memory.max", limits.memory) && set("memory.oom.group", 1);
        if memory {
            // It is not there where Linux does not count what is in swap.
            let _ = set("memory.swap.max", 0);
        }
        // The reaper is in the group, too.
        let processes = limits.processes.saturating_add(1).min(MOST_PROCESSES);
        let processes = set("pids.max", processes);
        Self {
            memory,
            refusals: processes.then(|| Refusals::of(group).ok()).flatten(),
        }
    }
}

/// Becomes ready by `POLLPRI` when Linux has refused a control group another process, until it is read.
#[derive(Debug)]
pub(super) struct Refusals(fs::File);

impl Refusals {
    fn of(group: &Path) -> io::Result<Self> {
        let refusals = Self(fs::File::open(group.join("pids.events"))?);
        refusals.count();
        Ok(refusals)
    }

    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        let mut text = [0; 256];
        let count = self.0.read_at(&mut text, 0).unwrap_or(0);
        number(&String::from_utf8_lossy(&text[..count]), "max ")
    }
}

impl AsFd for Refusals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What happened in a control group for want of memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct MemoryEvents {
    /// How often it could not have what its own limit forbade.
    pub(super) beyond: u64,
    /// How many of its processes were ended, for whatever limit.
    pub(super) ended: u64,
}

impl MemoryEvents {
    pub(super) fn of(group: &Path) -> Self {
        let events = fs::read_to_string(group.join("memory.events")).unwrap_or_default();
        Self {
            beyond: number(&events, "oom "),
            ended: number(&events, "oom_kill "),
        }
    }
}

/// Where this process can make control groups: beneath its own, on a writable mount.
fn parent() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = find(&mounts, &groups)?;
    let writable = rustix::fs::access(&own, rustix::fs::Access::WRITE_OK).is_ok()
        && rustix::fs::access(own.join("cgroup.procs"), rustix::fs::Access::WRITE_OK).is_ok()
        // The root group has no `cgroup.kill`; its children do, since Linux 5.14.
        && (own.join("cgroup.kill").exists() || is_root(&own));
    writable.then_some(own)
}

fn is_root(group: &Path) -> bool {
    !group.join("cgroup.type").exists()
}

/// Reads `/proc/self/mountinfo` and `/proc/self/cgroup` (proc(5)).
fn find(mounts: &str, groups: &str) -> Option<PathBuf> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        let (mount, system) = line.split_once(" - ")?;
        if system.split(' ').next() != Some("cgroup2") {
            return None;
        }
        let mut fields = mount.split(' ').skip(3);
        let (root, at) = (fields.next()?, fields.next()?);
        let options = fields.next()?;
        if !options.split(',').any(|option| option == "rw") {
            return None;
        }
        let own = Path::new(own).strip_prefix(root).ok()?;
        Some(Path::new(at).join(own))
    })
}

/// The processes of a control group; none when there is no such group.
pub(super) fn members(group: &Path) -> Vec<Pid> {
    let list = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    super::children::pids(&list)
}

/// Ends every process of a control group at once. That there is none such is no error.
pub(crate) fn kill(group: &Path) {
    let _ = fs::write(group.join("cgroup.kill"), "1");
}

/// Ends every process of a control group and waits until they are gone.
pub(crate) fn kill_and_wait(group: &Path) {
    let Ok(events) = fs::File::open(group.join("cgroup.events")) else {
        return;
    };
    kill(group);
    let until = Instant::now() + PATIENCE;
    let populated = || {
        let mut text = [0; 256];
        let count = events.read_at(&mut text, 0).unwrap_or(0);
        text[..count].windows(11).any(|word| word == b"populated 1")
    };
    while populated() && Instant::now() < until {
        let mut fds = [PollFd::new(&events, PollFlags::PRI)];
        let moment = Timespec {
            tv_sec: 0,
            tv_nsec: 50_000_000,
        };
        let _ = rustix::event::poll(&mut fds, Some(&moment));
    }
}

/// Removes a control group whose processes have ended.
pub(crate) fn remove(group: &Path) {
    if let Err(why) = fs::remove_dir(group)
        && why.kind() == io::ErrorKind::ResourceBusy
    {
        kill_and_wait(group);
        let _ = fs::remove_dir(group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_group_by_table() {
        let unified = "31 23 0:29 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw\n\
                       41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";
        let only = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate";
        let part = "30 23 0:26 /a /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw";
        let readonly = "30 23 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup2 rw";
        let cases = [
            (
                unified,
                "4:memory:/x\n0::/\n",
                Some("/sys/fs/cgroup/unified/"),
            ),
            (
                only,
                "0::/user.slice/a b.scope\n",
                Some("/sys/fs/cgroup/user.slice/a b.scope"),
            ),
            (part, "0::/a/b\n", Some("/sys/fs/cgroup/b")),
            (part, "0::/c\n", None),
            (readonly, "0::/\n", None),
            (unified, "4:memory:/x\n", None),
            ("", "0::/\n", None),
        ];
        for (mounts, groups, expected) in cases {
            assert_eq!(
                find(mounts, groups),
                expected.map(PathBuf::from),
                "{groups}"
            );
        }
    }
}
