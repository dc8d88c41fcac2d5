//! A machine for the packages: systemd as the first process in namespaces of its own, over a tree that it does not
//! change.
//!
//! All mounts and processes are in these namespaces, and end with its first process; the control group is removed
//! after that.

use super::built::Packages;
use anyhow::{Context, Result, ensure};
use ick_tests::{Outcome, eventually};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What is done in the new namespaces until systemd takes over: TREE PACKAGES FOLDER.
/// A chroot would not do: no user namespace can be made in one (user_namespaces(7)), and bubblewrap needs one.
const BEGIN: &str = r#"
set -eu
tree=$1 packages=$2 folder=$3
mount -t tmpfs -o mode=755 tmpfs "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root"
root=$folder/root
mount -t overlay -o "lowerdir=$tree,upperdir=$folder/upper,workdir=$folder/work" overlay "$root"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
for device in null zero full random urandom tty; do
	: > "$root/dev/$device"
	mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm" "$root/old"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,nosuid,noexec devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mkdir -p "$root/root/ick/target/debian"
mount --bind "$packages" "$root/root/ick/target/debian"
cd "$root"
pivot_root . old
umount -l /old
rmdir /old
exec env -i container=ick-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
"#;

/// Where the commands of the test run: as in a clone of the repository in which the packages were built.
const HERE: &str = "/root/ick";

/// A machine that is up.
pub(crate) struct Machine {
    child: Child,
    first: String,
    group: PathBuf,
    _folder: tempfile::TempDir,
}

impl Machine {
    /// Starts it and waits until it is up.
    pub(crate) fn boot(tree: &Path, packages: &Packages) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("ick-machine-").tempdir()?;
        let group = groups()?.join(format!("ick-machine-{}", std::process::id()));
        fs::create_dir(&group)?;
        let mut command = Command::new("sh");
        command
            .args(["-c", "echo $$ > \"$0/cgroup.procs\" && exec \"$@\""])
            .arg(&group)
            .args(["unshare", "--kill-child", "--fork", "--pid", "--mount"])
            .args([
                "--propagation",
                "private",
                "--ipc",
                "--uts",
                "--net",
                "--cgroup",
            ])
            .args(["--", "sh", "-c", BEGIN, "sh"])
            .args([tree, &packages.folder, folder.path()])
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let child = command.spawn();
        let mut machine = Self {
            child: child.inspect_err(|_| remove(&group))?,
            first: String::new(),
            group,
            _folder: folder,
        };
        machine.first = machine.first_process()?;
        eventually("the machine to be up", || {
            let state = machine.said("systemctl is-system-running || true")?;
            ensure!(
                state != "degraded",
                "{}",
                machine.said("systemctl --failed")?
            );
            Ok((state == "running").then_some(()))
        })?;
        Ok(machine)
    }

    /// The process id of its systemd as this machine has it.
    fn first_process(&mut self) -> Result<String> {
        let id = self.child.id();
        eventually("systemd to begin", || {
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!("the machine could not be made: {status}");
            }
            let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
            let Some(first) = children.split_whitespace().next() else {
                return Ok(None);
            };
            let program = fs::read_to_string(format!("/proc/{first}/comm")).unwrap_or_default();
            Ok((program == "systemd\n").then(|| first.to_owned()))
        })
    }

    /// Runs a script on it as root, to its end.
    pub(crate) fn run(&self, script: &str) -> Result<Outcome> {
        let mut command = Command::new("nsenter");
        command
            .args([
                "--target",
                &self.first,
                "--all",
                &format!("--wdns={HERE}"),
                "--",
            ])
            .args([
                "env",
                "-i",
                "HOME=/root",
                "LANG=C.UTF-8",
                "DEBIAN_FRONTEND=noninteractive",
            ])
            .args(["PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
            .args(["bash", "-e", "-o", "pipefail", "-c", script])
            .stdin(Stdio::null());
        Outcome::of(&mut command)
    }

    /// What a script that succeeds says, without the end of its last line; otherwise also what the daemons said.
    pub(crate) fn said(&self, script: &str) -> Result<String> {
        let outcome = self.run(script)?.exits(0).or_else(|error| {
            let journal = self.run("journalctl --no-pager -b -t ick-idp -t ick-controller -t ick-store -t ick-worker -t systemd -n 60")?;
            Err(error.context(journal.stdout))
        });
        Ok(outcome?.stdout.trim_end().to_owned())
    }

    /// What a script that succeeds says, once it is this.
    pub(crate) fn says(&self, script: &str, expected: &str) -> Result<()> {
        let mut last = String::new();
        let asked = eventually(&format!("{expected:?} from {script}"), || {
            last = self.said(script)?;
            Ok((last == expected).then_some(()))
        });
        asked.with_context(|| format!("at last it said {last:?}"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Its first process has the signal of its parent's end, and everything else ends with that.
        let _ = self.child.kill();
        let _ = self.child.wait();
        remove(&self.group);
    }
}

/// Where this machine has its control groups (cgroup v2).
fn groups() -> Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let groups = mounts.lines().find_map(|line| {
        let (mount, system) = line.split_once(" - ")?;
        system
            .starts_with("cgroup2 ")
            .then(|| mount.split(' ').nth(4).map(PathBuf::from))?
    });
    groups.context("there are no control groups: mount cgroup2")
}

/// Removes a control group with those in it, once their processes have ended.
fn remove(group: &Path) {
    let gone = eventually("the end of the machine", || Ok(remove_now(group).ok()));
    if let Err(why) = gone {
        eprintln!("{} is left: {why}", group.display());
    }
}

fn remove_now(group: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_now(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}
