//! The system calls of this crate that Rust cannot check: making a process out of this one, and
//! leaving a namespace, and keeping its files to itself.
//!
//! Why they are sound: [`fork`] refuses when this process has a second thread. With one thread there
//! is no lock that another could hold and no half-changed data, so the child, which has a copy of all
//! memory, may go on with ordinary code as the parent does. `clone3` is called with neither
//! `CLONE_VM` nor a stack, so it shares no memory and returns twice as `fork` does; what it leaves out
//! compared to glibc's `fork` are the handlers of `pthread_atfork` and the fresh thread id in glibc's
//! own records, which only other threads, `raise` and owner-checking mutexes look at; the child uses
//! none of these. [`leave`] does not use `CLONE_FILES`, the one flag by which another thread could
//! find its file descriptors gone. [`keep_files`] closes nothing in this process: it has the kernel
//! close at exec what others left open without that mark.
#![expect(unsafe_code, reason = "see the argument above")]

use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::process::Pid;
use rustix::thread::UnshareFlags;
use std::io;

/// Which of the two processes this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fork {
    /// The one that called.
    Parent(Pid),
    /// The new one. It has to end by itself, never by returning to the caller's caller.
    Child,
}

/// Makes a copy of this process, in a control group from its first moment if one is given.
///
/// # Errors
/// When this process has more than one thread, and those of the system call.
pub(crate) fn fork(group: Option<BorrowedFd<'_>>) -> io::Result<Fork> {
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other(
            "a process with several threads cannot be copied",
        ));
    }
    let pid = match group {
        Some(group) => clone_into(group)?,
        // SAFETY: see the module's argument.
        None => i64::from(unsafe { libc::fork() }),
    };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    let pid = i32::try_from(pid).map_err(io::Error::other)?;
    Ok(Pid::from_raw(pid).map_or(Fork::Child, Fork::Parent))
}

/// clone3(2); libc's constant of this name overflows.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

fn clone_into(group: BorrowedFd<'_>) -> io::Result<i64> {
    let arguments = libc::clone_args {
        flags: CLONE_INTO_CGROUP,
        pidfd: 0,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: libc::SIGCHLD as u64,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: u64::try_from(group.as_raw_fd()).map_err(io::Error::other)?,
    };
    // SAFETY: see the module's argument. The kernel reads `size_of` bytes of a structure that lives
    // until the call returns.
    Ok(unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw const arguments,
            size_of::<libc::clone_args>(),
        )
    })
}

/// Marks every open file but the three standard streams to be closed when another program is executed:
/// what this process inherited, whoever left it open, is not for actions.
///
/// # Errors
/// Those of the system call, close_range(2).
pub(crate) fn keep_files() -> io::Result<()> {
    let (first, last): (libc::c_uint, libc::c_uint) = (3, libc::c_uint::MAX);
    // SAFETY: see the module's argument.
    let done = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            last,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Leaves the namespaces that the flags name for new ones.
///
/// # Errors
/// Those of the system call, and when the flags have `FILES`.
pub(crate) fn leave(flags: UnshareFlags) -> io::Result<()> {
    if flags.contains(UnshareFlags::FILES) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: see the module's argument.
    Ok(unsafe { rustix::thread::unshare_unsafe(flags) }?)
}
