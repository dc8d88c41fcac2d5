//! Whether an action is being supervised: a lock that supervisor and reaper hold together.

use crate::engine::ORDER;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// Takes the lock, which is on the order, for this process and those that are copied from it.
///
/// # Errors
/// Those of the file system; `WouldBlock` when the action is supervised already.
pub(super) fn hold(folder: &Path) -> io::Result<File> {
    let file = File::open(folder.join(ORDER))?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// Whether the action whose folder this is is being supervised: its result is still to come, or
/// something of it may be left.
pub fn is_alive(folder: &Path) -> bool {
    let Ok(file) = File::open(folder.join(ORDER)) else {
        return false;
    };
    let free = rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared);
    free == Err(Errno::WOULDBLOCK)
}

/// Waits until nobody supervises the action any more. Returns whether it is so.
pub(crate) fn wait_until_gone(folder: &Path, patience: Duration) -> bool {
    let until = Instant::now() + patience;
    while is_alive(folder) {
        if Instant::now() > until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}
