//! Processes that are known by more than a number: a process id alone may have been given to another
//! process since.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long the threads of a process that was killed may take to end.
const ENDING: Duration = Duration::from_secs(5);

/// A process, and when it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// When it was started, in clock ticks since the machine was (proc(5), `stat`, field 22).
    pub started: u64,
}

impl Process {
    /// The process that has this id now. One that is just ending is waited for: its first thread may be
    /// gone while others still hold its port and its lock.
    pub fn of(pid: i32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything, parentheses too.
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        let state = fields.next()?;
        let threads: u32 = fields.nth(16)?.parse().ok()?;
        let started = fields.nth(1)?.parse().ok()?;
        let process = Self { pid, started };
        if !matches!(state, "Z" | "X") {
            return Some(process);
        }
        if threads > 1
            && let Ok(handle) = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty())
        {
            Handle(handle).wait(ENDING);
        }
        None
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        Self::of(self.pid) == Some(*self)
    }

    /// A handle that stays this process's, whatever becomes of the number; none when it has ended.
    pub fn handle(&self) -> Option<Handle> {
        let handle = pidfd_open(Pid::from_raw(self.pid)?, PidfdFlags::empty()).ok()?;
        self.is_alive().then_some(Handle(handle))
    }
}

/// A process that cannot be mistaken for another.
#[derive(Debug)]
pub struct Handle(OwnedFd);

impl Handle {
    /// Sends it a signal. That it has ended meanwhile is no error.
    pub fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.0, signal);
    }

    /// Waits for its end; whether it came in time.
    pub fn wait(&self, limit: Duration) -> bool {
        let limit = Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        };
        let mut handles = [PollFd::new(&self.0, PollFlags::IN)];
        matches!(poll(&mut handles, Some(&limit)), Ok(ready) if ready > 0)
    }
}

/// What tells this run of the machine from every other: process times count from its beginning.
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

/// The variable that says what goes into the daemons' logs.
const LOG_FILTER: &str = "ICK_LOG";

/// Where a daemon's program is: beside icktool, else in PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|own| Some(own.parent()?.join(program)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    beside
        .into_iter()
        .chain(std::env::split_paths(&path).map(|folder| folder.join(program)))
        .find(|path| path.is_file())
}

/// Starts a daemon in a session of its own: what is typed at this terminal does not reach it. Its
/// output goes to the end of `log`.
///
/// # Errors
/// Those of the system.
pub fn start(
    program: &Path,
    args: &[&std::ffi::OsStr],
    log: &Path,
) -> io::Result<std::process::Child> {
    let log = File::options()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(log)?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(crate::internal::OWN_SESSION)
        .arg(program)
        .args(args)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    without_own_variables(&mut command);
    command.spawn()
}

/// Takes icktool's own variables, some of which are secrets, out of the environment of a daemon's program.
pub fn without_own_variables(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let own = |name: &str| name.starts_with("ICK_") && name != LOG_FILTER;
        if name.to_str().is_some_and(own) {
            command.env_remove(name);
        }
    }
}

/// Becomes the program, in a session of its own. Returns only when that fails.
pub fn become_session(program: &Path, args: &[std::ffi::OsString]) -> io::Error {
    use std::os::unix::process::CommandExt;
    // Fails when this process leads its group already; then it has no terminal to lose.
    let _ = rustix::process::setsid();
    Command::new(program).args(args).exec()
}

/// The process that holds a daemon's state folder, when it is the daemon's program.
pub fn holder(folder: &Path, program: &str) -> Option<Process> {
    let lock = File::open(folder.join("lock")).ok()?;
    if lock.try_lock_shared().is_ok() {
        return None;
    }
    let pid = std::fs::read_to_string(folder.join("lock"))
        .ok()?
        .trim()
        .parse()
        .ok()?;
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    if name.trim() == program {
        Process::of(pid)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_and_its_end_is_seen() -> io::Result<()> {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn()?;
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        let process = Process::of(pid).ok_or(io::ErrorKind::NotFound)?;
        assert!(process.is_alive());
        let another = Process {
            started: process.started + 1,
            ..process
        };
        assert!(!another.is_alive());
        assert!(another.handle().is_none());
        let handle = process.handle().ok_or(io::ErrorKind::NotFound)?;
        assert!(!handle.wait(Duration::from_millis(1)));
        handle.signal(Signal::TERM);
        assert!(handle.wait(Duration::from_secs(20)));
        assert!(!process.is_alive());
        child.wait()?;
        assert_eq!(Process::of(pid), None);
        Ok(())
    }

    #[test]
    fn a_process_that_is_ending_is_waited_for() -> io::Result<()> {
        // Its first thread ends before the other one.
        let program = "import ctypes, threading, time\n\
                       threading.Thread(target=time.sleep, args=(0.5,)).start()\n\
                       print(flush=True)\n\
                       ctypes.CDLL(None).pthread_exit(None)\n";
        let mut child = Command::new("python3")
            .args(["-c", program])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| io::Error::other(format!("package python3: {error}")))?;
        let mut ready = [0];
        if let Some(stdout) = &mut child.stdout {
            io::Read::read_exact(stdout, &mut ready)?;
        }
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        while Process::of(pid).is_some() {
            std::thread::yield_now();
        }
        assert!(child.try_wait()?.is_some());
        Ok(())
    }

    #[test]
    fn who_holds_a_folder() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        assert_eq!(holder(folder.path(), "x"), None);
        std::fs::write(
            folder.path().join("lock"),
            format!("{}\n", std::process::id()),
        )?;
        assert_eq!(holder(folder.path(), "x"), None);
        let lock = File::open(folder.path().join("lock"))?;
        lock.lock()?;
        assert_eq!(holder(folder.path(), "another program"), None);
        let own = std::fs::read_to_string("/proc/self/comm")?;
        assert!(holder(folder.path(), own.trim()).is_some());
        Ok(())
    }
}
