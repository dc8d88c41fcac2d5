//! A supervisor's process, from its start to the time when it is waited for.

use crate::supervise::cgroup;
use rustix::fd::OwnedFd;
use rustix::fs::MemfdFlags;
use rustix::process::{Pid, PidfdFlags};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

/// How much of what a supervisor says about its own failure is read, in bytes.
const SAID: u64 = 1000;

/// A supervisor that was started.
#[derive(Debug)]
pub(super) struct Supervisor {
    child: Child,
    /// It begins when a byte comes; when this is closed without one, it goes.
    begin: Option<ChildStdin>,
    /// What it says when it cannot do its work.
    errors: File,
}

impl Supervisor {
    /// Starts one. It waits until it is told to begin, as does all that is in the action's folder.
    pub(super) fn spawn(command: &[OsString], folder: &Path) -> io::Result<Self> {
        let (program, arguments) = command
            .split_first()
            .ok_or_else(|| io::Error::other("the engine was not told how"))?;
        let errors = rustix::fs::memfd_create(c"supervise", MemfdFlags::CLOEXEC)?;
        let errors = File::from(errors);
        let mut child = Command::new(program)
            .args(arguments)
            .arg(folder)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(errors.try_clone()?)
            .spawn()?;
        let begin = child.stdin.take();
        Ok(Self {
            child,
            begin,
            errors,
        })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What becomes readable when it has ended.
    pub(super) fn watch(&self) -> io::Result<OwnedFd> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the supervisor has no process id"))?;
        Ok(rustix::process::pidfd_open(pid, PidfdFlags::empty())?)
    }

    /// Tells it to begin. One that is gone already is noticed by its end.
    pub(super) fn begin(&mut self) {
        if let Some(begin) = self.begin.take() {
            let _ = rustix::io::write(&begin, b"!");
        }
    }

    /// Waits for its end.
    pub(super) fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.begin.take());
        self.child.wait()
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// What it said about its own failure.
    pub(super) fn said(&mut self) -> String {
        let mut said = String::new();
        let _ = self
            .errors
            .rewind()
            .and_then(|()| (&self.errors).take(SAID).read_to_string(&mut said));
        said.trim().to_owned()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if self.begin.is_some() {
            // It was never told to begin, so it goes at once.
            let _ = self.wait();
        }
    }
}

/// Supervisors that have written their results and are about to exit, with their control groups. No
/// build waits until Linux has taken down a process.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaving {
    all: Arc<Mutex<Vec<LeavingOne>>>,
}

#[derive(Debug)]
struct LeavingOne {
    supervisor: Supervisor,
    group: Option<PathBuf>,
}

impl LeavingOne {
    fn remove_group(&self) {
        if let Some(group) = &self.group {
            cgroup::remove(group);
        }
    }
}

impl Leaving {
    /// Adds one, and forgets those that are gone.
    pub(super) fn add(&self, supervisor: Supervisor, group: Option<PathBuf>) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain_mut(|one| {
            let ended = one.supervisor.has_ended();
            if ended {
                one.remove_group();
            }
            !ended
        });
        all.push(LeavingOne { supervisor, group });
    }

    /// Waits until all of them are gone, and holds up nobody who adds one meanwhile.
    pub(super) fn wait(&self) {
        let leaving = std::mem::take(&mut *self.all.lock().unwrap_or_else(PoisonError::into_inner));
        for mut one in leaving {
            let _ = one.supervisor.wait();
            one.remove_group();
        }
    }
}
