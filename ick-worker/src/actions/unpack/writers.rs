//! Threads that make small files, and give folders what they get when nothing more is made in them.
//!
//! All the work in a folder is one thread's, in the order of the archive. Whoever does something else
//! with a name waits first until nothing with that name is under way any more ([`Writers::wait_for`]).

use super::about::About;
use super::words::Words;
use ick_core::build::Cause;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

/// The most threads.
const THREADS: usize = 4;

/// How many pieces of work may wait for a thread.
const WAITING: usize = 32;

/// The most names that are remembered as being under way.
const REMEMBERED: usize = 4096;

/// What is to be done.
#[derive(Debug)]
pub(super) enum Work {
    /// A new file.
    File {
        folder: Arc<OwnedFd>,
        content: Vec<u8>,
        about: About,
    },
    /// A folder that is left.
    Folder { folder: OwnedFd, about: About },
    /// A folder that is left, and only gets back the mode that it had.
    Mode { folder: OwnedFd, mode: u32 },
}

enum Order {
    Do {
        /// The number of the entry.
        entry: u64,
        path: PathBuf,
        work: Work,
    },
    /// Everything before this is done when its sender is dropped.
    Tell { _done: SyncSender<()> },
}

/// The first entry that failed, and why.
type Failed = Mutex<Option<(u64, Cause)>>;

/// The threads, seen from the one that reads the archive.
pub(super) struct Writers {
    threads: Vec<SyncSender<Order>>,
    failed: Arc<Failed>,
    under_way: HashSet<PathBuf>,
}

impl Writers {
    pub(super) fn new<'scope>(scope: &'scope Scope<'scope, '_>, words: Words<'scope>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let failed = Arc::new(Mutex::new(None));
        let threads = (0..cores.min(THREADS)).map(|_| {
            let (send, receive) = sync_channel(WAITING);
            let failed = Arc::clone(&failed);
            scope.spawn(move || write(&receive, words, &failed));
            send
        });
        Self {
            threads: threads.collect(),
            failed,
            under_way: HashSet::new(),
        }
    }

    /// Gives the work of a folder to one of the threads.
    pub(super) fn give(&mut self, folder: usize, entry: u64, path: PathBuf, work: Work) {
        if self.under_way.len() >= REMEMBERED {
            self.wait();
        }
        self.under_way.insert(path.clone());
        // A thread that broke down is told at the end.
        let _ = self.threads[folder % self.threads.len()].send(Order::Do { entry, path, work });
    }

    /// Waits until what was to be done with this name is done.
    pub(super) fn wait_for(&mut self, path: &Path) {
        if self.under_way.contains(path) {
            self.wait();
        }
    }

    /// Waits until everything is done.
    pub(super) fn wait(&mut self) {
        if self.under_way.is_empty() {
            return;
        }
        let (done, all) = sync_channel(0);
        for thread in &self.threads {
            let _ = thread.send(Order::Tell {
                _done: done.clone(),
            });
        }
        drop(done);
        // Nobody sends: this ends when all are dropped.
        let _ = all.recv();
        self.under_way.clear();
    }

    /// Why one of the entries until now failed, if one did: the first of them, once nothing is under way.
    pub(super) fn failed(&mut self, wait: bool) -> Option<Cause> {
        if wait {
            self.wait();
        }
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.as_ref().map(|(_, why)| why.clone())
    }
}

fn write(orders: &Receiver<Order>, words: Words<'_>, failed: &Failed) {
    for order in orders {
        let Order::Do { entry, path, work } = order else {
            continue;
        };
        let done = match work {
            Work::File {
                folder,
                content,
                about,
            } => create(&folder, &path, words).and_then(|mut file| {
                file.write_all(&content)
                    .and_then(|()| about.give(&file.into()))
                    .map_err(|why| words.cannot_make(&path, &why))
            }),
            Work::Folder { folder, about } => about
                .give(&folder)
                .map_err(|why| words.cannot_make(&path, &why)),
            Work::Mode { folder, mode } => rustix::fs::fchmod(&folder, Mode::from_raw_mode(mode))
                .map_err(|why| words.cannot_make(&path, &why.into())),
        };
        if let Err(why) = done {
            let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
            if failed.as_ref().is_none_or(|(first, _)| entry < *first) {
                *failed = Some((entry, why));
            }
        }
    }
}

/// Makes a new file, only its owner's.
pub(super) fn create(folder: &OwnedFd, path: &Path, words: Words<'_>) -> Result<File, Cause> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = anew(folder, path, |name| {
        rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(0o600))
    });
    match made {
        Ok(file) => Ok(File::from(file)),
        Err(why) => Err(words.cannot_make(path, &why)),
    }
}

/// Makes something of a path's last name in its folder, in the place of a file or link that is there.
pub(super) fn anew<T>(
    folder: &OwnedFd,
    path: &Path,
    make: impl Fn(&Path) -> rustix::io::Result<T>,
) -> io::Result<T> {
    let name = Path::new(path.file_name().unwrap_or_default());
    match make(name) {
        Err(Errno::EXIST) => {
            rustix::fs::unlinkat(folder, name, AtFlags::empty())?;
            Ok(make(name)?)
        }
        made => Ok(made?),
    }
}
