//! Control groups (cgroup v2), where they can be made: ending every process of one takes one write.
//!
//! No controller is needed for that; only a mount that is writable, such as root has, or a user's own
//! part of the tree under systemd.

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::Pid;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a process may take to end that was killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where this process can make control groups: beneath its own, on a writable mount.
pub(crate) fn parent() -> Option<PathBuf> {
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
