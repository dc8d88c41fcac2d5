//! Bubblewrap, which makes containers and changes roots (bwrap(1)).

use super::{Inside, keystrokes};
use crate::engine::{Order, cause};
use crate::environment;
use crate::supervise::End;
use ick_core::build::{Cause, CauseKind};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{MemfdFlags, OFlags};
use rustix::io::FdFlags;
use rustix::pipe::PipeFlags;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What is started in a container.
#[derive(Debug)]
pub(crate) enum Started {
    /// The action, with its output.
    Action { stdout: OwnedFd, stderr: OwnedFd },
    /// A shell at the terminal of this process.
    Shell,
}

/// Bubblewrap, ready to be executed.
#[derive(Debug)]
pub(super) struct Bubblewrap {
    command: Command,
    /// What it reads and writes, which no other program that this process starts is to have.
    files: Vec<OwnedFd>,
}

/// What keeps a shell's processes from typing at its terminal; none for what has no terminal, and where
/// none can be made.
pub(super) fn filter(what: &Started) -> io::Result<Option<OwnedFd>> {
    let filter = match what {
        Started::Action { .. } => None,
        Started::Shell => keystrokes::filter(),
    };
    filter.map(|bytes| in_memory("seccomp", &bytes)).transpose()
}

impl Bubblewrap {
    /// Bubblewrap that executes the order's program with these arguments.
    pub(super) fn new(
        order: &Order,
        folder: &Path,
        what: Started,
        arguments: &List,
        filter: Option<OwnedFd>,
    ) -> io::Result<(Self, Status)> {
        let inside = Inside::from_order(order, folder);
        let (program, words) = match what {
            Started::Action { .. } => environment::command(&order.request.program, &inside),
            Started::Shell => environment::shell(),
        };
        let bwrap = order.tools.bwrap.as_deref().unwrap_or(Path::new("bwrap"));
        let (mut bubblewrap, status) = Self::of(bwrap, arguments, filter)?;
        bubblewrap.command.arg(program).args(words);
        if let Started::Action { stdout, stderr } = what {
            bubblewrap
                .command
                .process_group(0)
                .stdin(Stdio::null())
                .stdout(stdout)
                .stderr(stderr);
        }
        Ok((bubblewrap, status))
    }

    /// Bubblewrap with these arguments; the program and its own arguments are to be added.
    pub(super) fn of(
        bwrap: &Path,
        arguments: &List,
        filter: Option<OwnedFd>,
    ) -> io::Result<(Self, Status)> {
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        let arguments = in_memory("bwrap", &arguments.ended())?;
        let mut command = Command::new(bwrap);
        command
            .arg("--args")
            .arg(arguments.as_raw_fd().to_string())
            .arg("--json-status-fd")
            .arg(write.as_raw_fd().to_string())
            .arg("--")
            .env_clear()
            .current_dir("/");
        let files: Vec<_> = [arguments, write].into_iter().chain(filter).collect();
        let bubblewrap = Self { command, files };
        Ok((bubblewrap, Status(File::from(read))))
    }

    /// The command, to add to.
    pub(super) fn command(&mut self) -> &mut Command {
        &mut self.command
    }

    /// Starts it as a process of its own.
    pub(super) fn spawn(mut self) -> io::Result<Child> {
        self.share()?;
        self.command.spawn()
    }

    /// Makes this process it. Gives an exit code if that cannot be done.
    pub(super) fn become_it(mut self) -> i32 {
        let why = match self.share() {
            Ok(()) => self.command.exec(),
            Err(why) => why,
        };
        eprintln!("cannot start bubblewrap: {why}");
        1
    }

    fn share(&self) -> io::Result<()> {
        for file in &self.files {
            rustix::io::fcntl_setfd(file, FdFlags::empty())?;
        }
        Ok(())
    }
}

/// What bubblewrap says about the container.
#[derive(Debug)]
pub(crate) struct Status(File);

impl Status {
    /// Tells the action's own end from bubblewrap's failure to start it.
    pub(crate) fn judge(mut self, end: End) -> Result<End, Cause> {
        let mut said = Vec::new();
        let _ = rustix::fs::fcntl_setfl(&self.0, OFlags::NONBLOCK);
        let _ = self.0.read_to_end(&mut said);
        // It says so only after the action's program was started.
        let started = String::from_utf8_lossy(&said).contains("\"exit-code\"");
        match end {
            End::Exit(_) if !started => Err(cause(
                CauseKind::Internal,
                "bubblewrap could not start the container; its own words are in the log",
            )),
            end => Ok(end),
        }
    }
}

/// bubblewrap's arguments, in their order. They are not on its command line, which others on the host can
/// read.
#[derive(Debug, Default)]
pub(super) struct List(Vec<OsString>);

impl List {
    /// Adds words.
    pub(super) fn add<const N: usize>(&mut self, words: [&str; N]) {
        self.0.extend(words.map(OsString::from));
    }

    /// Adds an option with a path.
    pub(super) fn path(&mut self, option: &str, path: impl AsRef<OsStr>) {
        self.0
            .extend([OsStr::new(option), path.as_ref()].map(OsString::from));
    }

    /// Adds an option with two paths.
    pub(super) fn path2(&mut self, option: &str, from: impl AsRef<OsStr>, to: impl AsRef<OsStr>) {
        let words = [OsStr::new(option), from.as_ref(), to.as_ref()];
        self.0.extend(words.map(OsString::from));
    }

    /// The words, each ended by a zero.
    fn ended(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in &self.0 {
            bytes.extend_from_slice(word.as_bytes());
            bytes.push(0);
        }
        bytes
    }
}

/// A file without a place, with this content.
fn in_memory(name: &str, bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}
