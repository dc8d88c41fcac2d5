//! The reaper: starts an action, and leaves nothing of it behind.
//!
//! It listens to the supervisor on a pipe: a letter is an order, and the pipe's end is the
//! supervisor's. What it has to say it writes as lines of JSON to another.

use super::children::{self, Reaped};
use super::{restrict, terminate};
use crate::engine::{Order, cannot};
use crate::places::{self, chroot, container, host};
use ick_core::build::{Cause, Place};
use rustix::event::{PollFd, PollFlags};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, WaitStatus};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;

/// Sends SIGTERM to the action.
pub(super) const TERMINATE: u8 = b't';

/// Ends everything.
pub(super) const KILL: u8 = b'k';

/// What the reaper says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    /// The action could not be started.
    Failed(Cause),
    /// The action's first process has ended. What it left behind is ended next.
    Ended(End),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    /// By itself, with this code.
    Exit(i32),
    /// By this signal.
    Signal(i32),
}

impl From<WaitStatus> for End {
    fn from(status: WaitStatus) -> Self {
        match status.terminating_signal() {
            Some(signal) => Self::Signal(signal),
            None => Self::Exit(status.exit_status().unwrap_or(-1)),
        }
    }
}

/// The reaper's ends of the pipes.
pub(super) struct Pipes {
    pub(super) orders: OwnedFd,
    pub(super) words: OwnedFd,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

/// An action that was started.
struct Started {
    main: Pid,
    /// What bubblewrap says about the container.
    contained: Option<places::Status>,
}

/// What the reaper process does, to its end.
pub(super) fn main(order: &Order, folder: &Path, pipes: Pipes) -> i32 {
    let Pipes {
        orders,
        words,
        stdout,
        stderr,
    } = pipes;
    let mut words = File::from(words);
    let word = match ended_children().map_err(|why| cannot("hear of ended processes", &why)) {
        Err(why) => Some(Word::Failed(why)),
        Ok(ended) => match start(order, folder, stdout, stderr) {
            Err(why) => Some(Word::Failed(why)),
            Ok(started) => attend(&started, &orders, &ended).map(|end| match started.contained {
                Some(status) => status.judge(end).map_or_else(Word::Failed, Word::Ended),
                None => Word::Ended(end),
            }),
        },
    };
    if let Some(word) = word {
        say(&mut words, &word);
    }
    i32::from(!children::end_all(|_, _| {}))
}

fn say(words: &mut File, word: &Word) {
    if let Ok(mut line) = serde_json::to_vec(word) {
        line.push(b'\n');
        // Nobody hears it when the supervisor is gone.
        let _ = words.write_all(&line);
    }
}

/// Something that becomes readable when a child has ended.
fn ended_children() -> io::Result<UnixStream> {
    let own = rustix::process::getpid();
    rustix::process::set_child_subreaper(Some(own))?;
    let (read, write) = UnixStream::pair()?;
    read.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGCHLD, write)?;
    Ok(read)
}

fn start(order: &Order, folder: &Path, stdout: OwnedFd, stderr: OwnedFd) -> Result<Started, Cause> {
    restrict::restrict(order).map_err(|why| cannot("limit what the action may take", &why))?;
    let start = match order.request.place {
        Place::Host => return start_on_host(order, folder, stdout, stderr),
        Place::Container => container::start,
        Place::Chroot => chroot::start,
    };
    let (main, status) = start(order, folder, places::Started::Action { stdout, stderr })?;
    Ok(Started {
        main,
        contained: Some(status),
    })
}

fn start_on_host(
    order: &Order,
    folder: &Path,
    stdout: OwnedFd,
    stderr: OwnedFd,
) -> Result<Started, Cause> {
    let mut command = host::command(order, folder)?;
    command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr);
    let child = command
        .spawn()
        .map_err(|why| cannot("start the action", &why))?;
    let main = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let main =
        main.ok_or_else(|| cannot("start the action", &io::Error::other("no process id")))?;
    Ok(Started {
        main,
        contained: None,
    })
}

/// Waits for the end of the action's first process, and obeys meanwhile. None when it was ended.
fn attend(started: &Started, orders: &OwnedFd, ended: &UnixStream) -> Option<End> {
    loop {
        loop {
            match children::reap() {
                Reaped::One(pid, status) if pid == started.main => return Some(status.into()),
                Reaped::One(..) => {}
                Reaped::AllRun => break,
                Reaped::NoneLeft => return None,
            }
        }
        let mut fds = [
            PollFd::new(orders, PollFlags::IN),
            PollFd::new(ended, PollFlags::IN),
        ];
        match rustix::event::poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
        let [told, some_ended] = fds.map(|fd| !fd.revents().is_empty());
        if some_ended {
            let mut bytes = [0; 64];
            let _ = rustix::io::read(ended, &mut bytes);
        }
        if told {
            let mut letter = [0; 1];
            match rustix::io::read(orders, &mut letter) {
                Ok(1) if letter[0] == TERMINATE => match started.contained {
                    Some(_) => terminate::in_container(started.main),
                    None => terminate::on_host(started.main),
                },
                Err(rustix::io::Errno::INTR) => {}
                // To kill, or the supervisor is gone.
                _ => return None,
            }
        }
    }
}
