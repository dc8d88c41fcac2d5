//! A worker: the real program, in a state folder of its own.

use crate::world::World;
use rustix::process::{Pid, Signal};
use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct Worker {
    place: tempfile::TempDir,
    child: Option<Child>,
    group: Option<PathBuf>,
}

/// A control group, which its worker leaves empty.
pub(crate) struct Group(PathBuf);

impl Group {
    /// One beneath the test's own, with the controllers that there are; none where none can be made.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap();
        let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let own = Path::new(mount.split(' ').nth(4)?).join(own);
        let group = own.join(format!("ick-{name}-{}", std::process::id()));
        fs::create_dir(&group).ok()?;
        for word in ["+memory", "+pids"] {
            // Linux refuses what is not there, and all where the test's own group has processes.
            let _ = fs::write(own.join("cgroup.subtree_control"), word);
        }
        Some(Self(group))
    }

    /// Limits the memory of all that is in it. It takes the controller for that.
    pub(crate) fn limit_memory(&self, bytes: u64) {
        fs::write(self.0.join("memory.max"), bytes.to_string()).unwrap();
        // Where there is swap at all.
        let _ = fs::write(self.0.join("memory.swap.max"), "0");
    }

    pub(crate) fn has(&self, controller: &str) -> bool {
        let list = fs::read_to_string(self.0.join("cgroup.controllers")).unwrap();
        list.split_whitespace().any(|one| one == controller)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // What is in it is about to end.
        wait_until("the control group can be removed", || {
            let own = self.0.join("worker");
            (!own.exists() || fs::remove_dir(own).is_ok()) && fs::remove_dir(&self.0).is_ok()
        });
    }
}

impl Worker {
    /// A worker that allows everything.
    pub(crate) fn start(world: &World) -> Self {
        Self::start_with(world, "allow_host: true\nallow_file_protocol: true\n")
    }

    pub(crate) fn start_with(world: &World, settings: &str) -> Self {
        Self::start_in(None, world, settings)
    }

    /// A worker that is alone in a control group.
    pub(crate) fn start_in(group: Option<&Group>, world: &World, settings: &str) -> Self {
        let mut worker = Self {
            place: tempfile::tempdir().unwrap(),
            child: None,
            group: group.map(|group| group.0.clone()),
        };
        let text = format!(
            "controller: {}\nclient_id: w\nclient_secret: secret\n{settings}",
            world.url
        );
        fs::create_dir(worker.state()).unwrap();
        let config = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(worker.state().join("config.yaml"));
        std::io::Write::write_all(&mut config.unwrap(), text.as_bytes()).unwrap();
        worker.start_again();
        worker
    }

    pub(crate) fn start_again(&mut self) {
        assert!(self.child.is_none());
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.path("log"));
        let program = env!("CARGO_BIN_EXE_ick-worker");
        let mut command = Command::new(program);
        if let Some(group) = &self.group {
            command = Command::new("sh");
            let script = "echo $$ > \"$0/cgroup.procs\" && exec \"$@\"";
            command.args(["-c", script]).arg(group).arg(program);
        }
        self.child = Some(
            command
                .args(["serve", "--state"])
                .arg(self.state())
                .stdin(Stdio::null())
                .stderr(log.unwrap())
                .spawn()
                .unwrap(),
        );
    }

    /// A path outside the worker's state.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// What the worker has said.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// Waits until the worker has said this.
    pub(crate) fn said(&self, text: &str) {
        wait_until(text, || self.log().contains(text));
    }

    /// The supervisors of what the worker executes: each leads a session.
    pub(crate) fn supervisors(&self) -> Vec<Pid> {
        let state = self.state().into_os_string().into_string().unwrap();
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let mut found: Vec<Pid> = ids.filter_map(Pid::from_raw).collect();
        found.retain(|pid| {
            let command = fs::read_to_string(format!("/proc/{}/cmdline", pid.as_raw_nonzero()));
            command.is_ok_and(|text| text.contains("supervise\0") && text.contains(&state))
                && rustix::process::getsid(Some(*pid)) == Ok(*pid)
        });
        found
    }

    /// The folders of runs.
    pub(crate) fn runs(&self) -> Vec<PathBuf> {
        let slot = self.state().join("runs/1");
        let Ok(entries) = fs::read_dir(slot) else {
            return Vec::new();
        };
        let paths = entries.flatten().map(|entry| entry.path());
        paths.filter(|path| path.is_dir()).collect()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.child.as_ref().unwrap().id();
        let pid = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        let process =
            rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
        let mut fds = [rustix::event::PollFd::new(
            &process,
            rustix::event::PollFlags::IN,
        )];
        let patience = rustix::event::Timespec {
            tv_sec: 30,
            tv_nsec: 0,
        };
        assert_eq!(
            rustix::event::poll(&mut fds, Some(&patience)),
            Ok(1),
            "{}",
            self.log()
        );
        child.wait().unwrap()
    }

    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.ended();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!(
                "the worker said:\n{}",
                fs::read_to_string(self.path("log")).unwrap_or_default()
            );
        }
    }
}

/// Waits until something is so on this machine.
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        std::thread::yield_now();
    }
}

/// Whether a process lives, by the file that its id was written to.
pub(crate) fn lives(file: &Path) -> bool {
    let id = fs::read_to_string(file).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/stat", id.trim()));
    status.is_ok_and(|text| !text.contains(") Z "))
}
