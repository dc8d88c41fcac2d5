//! Work on a system tree, done by a copy of this process that is the tree's root in the user namespace of
//! its ids (DESIGN.md, section 6). Bytes go to or from it through a socket, its verdict comes by a pipe.

use crate::engine::{cannot, cause};
use crate::places::ids::Ids;
use crate::places::namespace;
use crate::places::tool::wait;
use ick_core::build::{Cause, CauseKind};
use rustix::process::{Pid, Signal};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::io::{self, PipeReader, Read, Write};
use std::marker::PhantomData;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long threads that have done their work may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// The copy, while it works.
#[derive(Debug)]
pub(super) struct Hand<T> {
    pid: Pid,
    what: &'static str,
    /// What it reads or writes.
    pub(super) stream: UnixStream,
    verdict: PipeReader,
    kind: PhantomData<T>,
    ended: bool,
}

impl<T: Serialize + DeserializeOwned> Hand<T> {
    /// Starts it; `what` is what it does, to complete "cannot". Its end of the stream is given to `work`. No
    /// other thread of this process may be at work.
    pub(super) fn start(
        what: &'static str,
        ids: &Ids,
        work: impl FnOnce(UnixStream) -> Result<T, Cause>,
    ) -> Result<Self, Cause> {
        let failed = |why: io::Error| cannot(what, &why);
        let (stream, its_end) = UnixStream::pair().map_err(failed)?;
        let (verdict, mut tell) = io::pipe().map_err(failed)?;
        alone().map_err(failed)?;
        let pid = namespace::as_tree_root(what, ids, move || {
            let done = work(its_end);
            let told = serde_json::to_vec(&done)
                .map_err(io::Error::from)
                .and_then(|words| tell.write_all(&words));
            i32::from(told.is_err())
        })?;
        Ok(Self {
            pid,
            what,
            stream,
            verdict,
            kind: PhantomData,
            ended: false,
        })
    }

    /// Says that no more bytes come, waits for its end, and gives what it has done.
    pub(super) fn finish(mut self) -> Result<T, Cause> {
        // It has the other end of this one too, so closing it would not tell.
        let _ = self.stream.shutdown(Shutdown::Write);
        let mut words = Vec::new();
        let read = self.verdict.read_to_end(&mut words);
        self.ended = true;
        let ended = wait(self.pid);
        let done = read.map(|_| serde_json::from_slice::<Result<T, Cause>>(&words));
        match done {
            Ok(Ok(done)) => done,
            _ => Err(cause(
                CauseKind::Internal,
                format!("cannot {}: it ended without a word ({ended:?})", self.what),
            )),
        }
    }
}

impl<T> Drop for Hand<T> {
    fn drop(&mut self) {
        if !self.ended {
            let _ = rustix::process::kill_process(self.pid, Signal::KILL);
            let _ = wait(self.pid);
        }
    }
}

/// Waits until this process has one thread: those that have looked up a name or compressed go of themselves.
fn alone() -> io::Result<()> {
    let until = Instant::now() + PATIENCE;
    while fs::read_dir("/proc/self/task")?.count() > 1 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
