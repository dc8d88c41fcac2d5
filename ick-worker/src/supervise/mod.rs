//! The supervisor of one action: a small process of its own, which the worker's end does not touch.
//!
//! It consists of two processes. The supervisor itself reads the action's output into the spool, keeps
//! its time-out, hears when it is to be ended, and writes the result. Its child, the reaper
//! ([`reaper`]), starts the action and takes in whatever the action leaves behind, as both are
//! subreapers (prctl(2), `PR_SET_CHILD_SUBREAPER`). Each ends everything when the other is gone, so no
//! process of an action survives whichever of them is killed; where control groups can be made, the
//! reaper and all below it are in one of their own, which ends at once.

mod alive;
pub(crate) mod cgroup;
mod children;
mod ending;
mod find;
pub(crate) mod fork;
mod last_words;
mod outputs;
mod reaper;
mod restrict;
mod result;
mod signal_name;
mod terminate;
mod too_big;
mod usage;
mod watch;

pub use alive::is_alive;
pub(crate) use alive::wait_until_gone;
pub(crate) use find::supervisor;
pub(crate) use reaper::End;
pub(crate) use restrict::restrict;

use crate::engine::Order;
use ick_core::time::Timestamp;
use rustix::fs::Mode;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// The exit code of a supervisor that found no room for its files.
pub(crate) const NO_ROOM: u8 = 3;

/// Supervises the action whose folder this is, to its end: what the hidden command `supervise DIR`
/// does. It begins when a byte comes on stdin; when stdin ends without one, there is nothing to do. To
/// be called before the program has made a second thread.
pub fn main(folder: &Path) -> ExitCode {
    match supervise(folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // The file for this may be on the full disk.
            let _ = writeln!(io::stderr(), "cannot supervise {}: {why}", folder.display());
            match why.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    ExitCode::from(NO_ROOM)
                }
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn supervise(folder: &Path) -> io::Result<()> {
    // Away from the worker's terminal and its signals. It fails only for who is alone already.
    let _ = rustix::process::setsid();
    fork::keep_files()?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    if io::stdin().read(&mut [0])? == 0 {
        return Ok(());
    }
    let started = now();
    let _alive = alive::hold(folder)?;
    let order = Order::read(folder)?;
    let reserved = result::Reserved::new(folder)?;
    let result = watch::to_the_end(&order, folder, started);
    let written = reserved.write(&result);
    if let Some(group) = &order.cgroup {
        cgroup::remove(group);
    }
    written
}

/// Ends every child of this process, which is a subreaper, and all below.
pub(crate) fn end_children() {
    children::end_all(|_, _| {});
}

/// The present time.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
