//! Hearing of changes in an action's folder (inotify(7)).

use crate::spool;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::io;
use std::mem::MaybeUninit;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Inotify instances that nobody uses at present. Closing one takes Linux milliseconds, as it waits
/// until no one else can be looking at it; an action shall not wait for that.
pub(super) type Spare = Arc<Mutex<Vec<OwnedFd>>>;

/// The most that are kept.
const KEPT: usize = 64;

/// Hears of the changes in one action's folder.
#[derive(Debug)]
pub(super) struct Changes {
    inotify: Option<OwnedFd>,
    folder: i32,
    spool: i32,
    spare: Spare,
}

/// What has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    /// The spool has grown.
    pub(super) output: bool,
    /// A file has got its name in the folder.
    pub(super) result: bool,
}

impl Changes {
    pub(super) fn of(folder: &Path, spare: &Spare) -> io::Result<Self> {
        let kept = spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let inotify = match kept {
            Some(inotify) => inotify,
            None => inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?,
        };
        Ok(Self {
            folder: inotify::add_watch(&inotify, folder, WatchFlags::MOVED_TO)?,
            spool: inotify::add_watch(&inotify, folder.join(spool::FILE), WatchFlags::MODIFY)?,
            inotify: Some(inotify),
            spare: Arc::clone(spare),
        })
    }

    /// What becomes readable when there is something to take.
    pub(super) fn fd(&self) -> io::Result<BorrowedFd<'_>> {
        let inotify = self.inotify.as_ref();
        inotify
            .map(OwnedFd::as_fd)
            .ok_or_else(|| io::Error::other("the watch is over"))
    }

    /// What has changed since this was asked last.
    pub(super) fn take(&self) -> io::Result<Changed> {
        let mut changed = Changed::default();
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(self.fd()?, &mut buffer);
        loop {
            match events.next() {
                Ok(event) => {
                    // A lost event may have been either. Those of others are of former actions.
                    let lost = event.events().contains(ReadFlags::QUEUE_OVERFLOW);
                    changed.output |= lost || event.wd() == self.spool;
                    changed.result |= lost || event.wd() == self.folder;
                }
                Err(Errno::AGAIN) => return Ok(changed),
                Err(Errno::INTR) => {}
                Err(why) => return Err(why.into()),
            }
        }
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        let Some(inotify) = self.inotify.take() else {
            return;
        };
        // The folder may be gone, and its watches with it.
        let _ = inotify::remove_watch(&inotify, self.folder);
        let _ = inotify::remove_watch(&inotify, self.spool);
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < KEPT {
            spare.push(inotify);
        }
    }
}
