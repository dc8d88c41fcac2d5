//! Making logs durable: at once for a report, otherwise soon, by one thread that takes together what
//! has come together.

use super::{Error, Log, Synced, lock};
use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long appends are collected before they are synced.
const COLLECT: Duration = Duration::from_millis(300);

/// Syncs what workers have appended to a log. Whoever appends meanwhile does not wait.
pub(super) fn sync(log: &Log) -> Result<(), Error> {
    let (file, wanted, entry) = {
        let state = lock(&log.state);
        // Closed, or deleted: it is opened again before anything is said about its bytes.
        let Some(open) = &state.open else {
            return sync_closed(log, &state.synced, state.deleted);
        };
        if state.synced.failed {
            return Err(failed());
        }
        if open.tail.of_workers <= state.synced.end {
            return Ok(());
        }
        let tail = &open.tail;
        let lease = tail.mark.as_ref().and_then(|(_, mark)| mark.lease.clone());
        let wanted = Synced {
            end: tail.of_workers,
            lease: lease.map(|lease| (lease, tail.counts.lease)),
            entry: true,
            failed: false,
        };
        (Arc::clone(&open.file), wanted, !state.synced.entry)
    };
    let result = sync_file(log, &file, entry);
    let mut state = lock(&log.state);
    match result {
        Ok(()) => {
            if wanted.end > state.synced.end {
                state.synced = wanted;
            }
            Ok(())
        }
        Err(error) => {
            tracing::error!(log = %log.path.display(), "cannot sync a log: {error}");
            state.synced.failed = true;
            Err(error.into())
        }
    }
}

fn sync_closed(log: &Log, synced: &Synced, deleted: bool) -> Result<(), Error> {
    if deleted {
        return Ok(());
    }
    if synced.failed {
        return Err(failed());
    }
    match File::open(&log.path) {
        Ok(file) => Ok(sync_file(log, &file, !synced.entry)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn failed() -> Error {
    Error::Io(std::io::Error::other(
        "its disk failed to keep what was written before; restart the controller when it is well again",
    ))
}

fn sync_file(log: &Log, file: &File, entry: bool) -> std::io::Result<()> {
    file.sync_data()?;
    if entry && let Some(folder) = log.path.parent() {
        File::open(folder)?.sync_all()?;
        log.folders.sync_entry_of(folder)?;
    }
    Ok(())
}

/// The folders whose own entries, in the folders above, are known to survive power loss.
#[derive(Debug, Default)]
pub(super) struct Folders(Mutex<HashSet<PathBuf>>);

impl Folders {
    /// Syncs the entry of a folder of logs, and that of its project's folder.
    fn sync_entry_of(&self, folder: &Path) -> std::io::Result<()> {
        let mut known = lock(&self.0);
        if known.contains(folder) {
            return Ok(());
        }
        for above in folder.ancestors().skip(1).take(2) {
            File::open(above)?.sync_all()?;
        }
        known.insert(folder.to_owned());
        Ok(())
    }

    /// Makes a folder, and a file in it before somebody finds the folder empty and removes it.
    pub(super) fn make_and<T>(
        &self,
        folder: Option<&Path>,
        file: impl FnOnce() -> std::io::Result<T>,
    ) -> std::io::Result<T> {
        let _known = lock(&self.0);
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder)?;
        }
        file()
    }

    /// Removes a folder that has no logs any more.
    pub(super) fn remove_if_empty(&self, folder: &Path) {
        let mut known = lock(&self.0);
        if std::fs::remove_dir(folder).is_ok() {
            known.remove(folder);
        }
    }
}

/// The thread, and what it is to do.
pub(super) struct Syncer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    logs: Vec<Arc<Log>>,
    ending: bool,
}

impl Syncer {
    pub(super) fn start() -> std::io::Result<Self> {
        let queue = Arc::<Queue>::default();
        let of_thread = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("sync-logs".to_owned())
            .spawn(move || of_thread.work())?;
        Ok(Self {
            queue,
            thread: Some(thread),
        })
    }

    /// Has a log synced before long.
    pub(super) fn soon(&self, log: &Arc<Log>) {
        let mut waiting = lock(&self.queue.waiting);
        // A growing log is asked for again and again, mostly as the last.
        let known = waiting.logs.iter().rev().any(|one| Arc::ptr_eq(one, log));
        if !known {
            waiting.logs.push(Arc::clone(log));
            self.queue.wake.notify_all();
        }
    }
}

impl Queue {
    fn work(&self) {
        loop {
            let waiting = lock(&self.waiting);
            let waiting = self
                .wake
                .wait_while(waiting, |w| w.logs.is_empty() && !w.ending)
                .unwrap_or_else(PoisonError::into_inner);
            let (mut waiting, _) = self
                .wake
                .wait_timeout_while(waiting, COLLECT, |w| !w.ending)
                .unwrap_or_else(PoisonError::into_inner);
            let logs = std::mem::take(&mut waiting.logs);
            let ending = waiting.ending;
            drop(waiting);
            for log in logs {
                // The error is in the log, and told to whoever asks for its bytes to be durable.
                let _ = sync(&log);
            }
            if ending {
                return;
            }
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        lock(&self.queue.waiting).ending = true;
        self.queue.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
