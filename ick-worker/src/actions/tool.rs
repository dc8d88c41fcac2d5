//! Calling tools of the build host: what they say is shown, and never more than a bounded part of it.

use super::failed;
use crate::engine::{cannot, cause};
use ick_core::build::{Cause, CauseKind};
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How many of the last lines a cause has.
const TAIL: usize = 10;

/// How many lines are shown.
const SHOWN: usize = 1000;

/// How many bytes of a line are shown in one line.
const LINE: u64 = 1024;

/// How long the rest of what was said is waited for when the tool has ended: a process that it left
/// behind may hold its output open.
const REST: Duration = Duration::from_secs(2);

/// Why a call of a tool did not succeed.
#[derive(Debug)]
pub(super) enum Failed {
    /// It said so itself: its last lines.
    Said(String),
    /// It could not be called.
    Cause(Cause),
}

impl Failed {
    /// The cause, when `what` was being done.
    pub(super) fn cause(self, what: &str) -> Cause {
        match self {
            Self::Said(lines) if lines.contains("No space left on device") => cause(
                CauseKind::DiskFull,
                format!("cannot {what}: no space is left; make room on the build host"),
            ),
            Self::Said(lines) => failed(format!("cannot {what}: {lines}")),
            Self::Cause(cause) => cause,
        }
    }

    /// What the tool said.
    pub(super) fn said(&self) -> &str {
        match self {
            Self::Said(lines) => lines,
            Self::Cause(_) => "",
        }
    }
}

/// The cause for a tool that the build host does not have.
pub(super) fn missing(tool: &str, package: &str) -> Cause {
    cause(
        CauseKind::MissingTool,
        format!("{tool} is not on this worker: install the Debian package {package}"),
    )
}

/// Where a tool says what went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errors {
    /// On its standard error alone.
    Stderr,
    /// On its standard output as well.
    Both,
}

/// Calls a tool, and shows what it says on both its outputs.
pub(super) fn call(
    command: &mut Command,
    name: &str,
    package: &str,
    errors: Errors,
) -> Result<(), Failed> {
    let broken = |why: io::Error| Failed::Cause(cannot(&format!("call {name}"), &why));
    let (output, input) = io::pipe().map_err(broken)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(match errors {
            Errors::Stderr => Stdio::piped(),
            Errors::Both => input.try_clone().map_err(broken)?.into(),
        })
        .stderr(input)
        .spawn()
        .map_err(|why| match why.kind() {
            io::ErrorKind::NotFound => Failed::Cause(missing(name, package)),
            _ => broken(why),
        })?;
    // The command has ends of the pipe, which would never end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let said = shown(output);
    let rest = child.stdout.take().map(shown);
    let status = child.wait().map_err(broken)?;
    let said = said.recv_timeout(REST).unwrap_or_default();
    if let Some(rest) = rest {
        let _ = rest.recv_timeout(REST);
    }
    if status.success() {
        return Ok(());
    }
    Err(Failed::Said(if said.is_empty() {
        ended(name, status)
    } else {
        said
    }))
}

/// Shows what comes, and gives the last of it when all has come.
fn shown(output: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || send.send(tail(output, false)));
    receive
}

/// That a tool ended without a word.
pub(super) fn ended(name: &str, status: ExitStatus) -> String {
    format!("{name} ended with {status}")
}

/// Shows lines, unless `quiet`, and keeps the last of them.
pub(super) fn tail(output: impl Read, quiet: bool) -> String {
    let mut last = VecDeque::new();
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    let mut count = 0;
    while matches!(reader.by_ref().take(LINE).read_until(b'\n', &mut line), Ok(size) if size > 0) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if !quiet && count < SHOWN {
            println!("{text}");
        }
        count += 1;
        if last.len() == TAIL {
            last.pop_front();
        }
        last.push_back(text);
        line.clear();
    }
    if !quiet && count > SHOWN {
        println!("({} more lines)", count - SHOWN);
    }
    Vec::from(last).join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn shell(script: &str, folder: &Path, errors: Errors) -> Result<(), String> {
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(folder);
        call(&mut command, "sh", "dash", errors).map_err(|why| why.said().to_owned())
    }

    #[test]
    fn the_last_lines_are_kept_and_a_line_without_end_is_cut() {
        let here = Path::new(".");
        assert_eq!(shell("echo fine", here, Errors::Both), Ok(()));
        let said = shell("seq 2000; exit 1", here, Errors::Both)
            .err()
            .unwrap_or_default();
        assert_eq!(said.lines().next(), Some("1991"));
        assert_eq!(said.lines().last(), Some("2000"));
        let said = shell("head -c 1000000 /dev/zero >&2; exit 1", here, Errors::Both);
        assert!(said.is_err_and(|said| (1024..11 * 1024).contains(&said.len())));
        let said = shell("echo why >&2; seq 20; exit 1", here, Errors::Stderr);
        assert_eq!(said, Err("why".to_owned()));
        assert_eq!(
            shell("exit 7", here, Errors::Both),
            Err("sh ended with exit status: 7".to_owned())
        );
    }

    #[test]
    fn who_stays_behind_with_the_output_holds_nothing_up() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let called = shell("sleep 600 & echo $! > pid", folder.path(), Errors::Both);
        let pid = std::fs::read_to_string(folder.path().join("pid"))?;
        let killed = Command::new("kill").arg(pid.trim()).status()?;
        assert_eq!(called, Ok(()));
        assert!(killed.success(), "it had ended: the tool was waited for");
        Ok(())
    }

    #[test]
    fn a_missing_tool_is_named() {
        let mut command = Command::new("/nonexistent/tool");
        let why = call(&mut command, "tool", "its-package", Errors::Both)
            .map_err(|why| why.cause("do it"));
        assert_eq!(why, Err(missing("tool", "its-package")));
    }
}
