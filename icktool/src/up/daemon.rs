//! A daemon that this process has started.

use super::process::{self, Process};
use super::role::Role;
use super::settings::file;
use super::stop;
use crate::error::Error;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Child;

/// How many lines of a log are shown, and how many bytes are looked at for them.
const LINES: usize = 20;
const BYTES: u64 = 64 * 1024;

/// A daemon that this process has started.
#[derive(Debug)]
pub struct Daemon {
    /// Which.
    pub role: Role,
    child: Child,
    log: PathBuf,
    /// How long the log was before.
    said_before: u64,
}

/// Where a daemon's program is.
///
/// # Errors
/// When it is not there.
pub fn program(role: Role) -> Result<PathBuf, Error> {
    process::find(role.program()).ok_or_else(|| Error::MissingProgram {
        program: role.program().to_owned(),
        hint: "it belongs beside icktool, or in a folder of PATH".to_owned(),
    })
}

/// Where a daemon's output goes.
pub fn log_file(state: &Path, role: Role) -> PathBuf {
    state.join(role.folder()).join("log")
}

impl Daemon {
    /// Starts it with its settings and its state folder.
    ///
    /// # Errors
    /// When its program is not there, or its log cannot be written.
    pub fn start(state: &Path, role: Role) -> Result<Self, Error> {
        let log = log_file(state, role);
        let said_before = std::fs::metadata(&log)
            .map(|found| found.len())
            .unwrap_or(0);
        let settings = file(state, role);
        let folder = state.join(role.folder());
        let args = [
            OsStr::new("serve"),
            OsStr::new("--config"),
            settings.as_os_str(),
            OsStr::new("--state"),
            folder.as_os_str(),
        ];
        let child = process::start(&program(role)?, &args, &log).map_err(|source| Error::File {
            doing: "start with log",
            path: log.clone(),
            source,
        })?;
        Ok(Self {
            role,
            child,
            log,
            said_before,
        })
    }

    /// Its process, unless it has ended.
    pub fn process(&self) -> Option<Process> {
        i32::try_from(self.child.id()).ok().and_then(Process::of)
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it.
    pub fn end(mut self) {
        if let Some(process) = self.process() {
            stop::end(self.role, process);
        }
        let _ = self.child.wait();
    }

    /// What happened to it, with what it said.
    pub fn error(&self, why: &str) -> Error {
        Error::Daemon {
            name: format!("the {}", self.role),
            why: why.to_owned(),
            log: self.said().unwrap_or_default(),
            path: self.log.clone(),
        }
    }

    fn said(&self) -> std::io::Result<String> {
        let mut file = File::open(&self.log)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(
            self.said_before.max(end.saturating_sub(BYTES)),
        ))?;
        let mut text = Vec::new();
        file.take(BYTES).read_to_end(&mut text)?;
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        Ok(lines[lines.len().saturating_sub(LINES)..].join("\n"))
    }
}
