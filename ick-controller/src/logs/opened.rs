//! Which logs are open: those used lately, and not too many of them.

use super::file::LogFile;
use super::index::Entry;
use super::walk::{View, Walk};
use super::{Error, Log, LogState, Logs, is_absent, lock};
use ick_core::name::BuildId;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

impl Logs {
    /// A build's log, of which there may be nothing yet.
    pub(super) fn log(&self, build: &BuildId) -> Arc<Log> {
        let mut logs = lock(&self.0.logs);
        if logs.len() > 4 * self.0.max_open {
            // Never waiting for a log while holding the list: whoever has a log may want the list.
            logs.retain(|_, log| {
                let idle =
                    |state: MutexGuard<'_, LogState>| state.open.is_none() && !state.synced.failed;
                Arc::strong_count(log) > 1 || !log.state.try_lock().is_ok_and(idle)
            });
        }
        if let Some(log) = logs.get(build) {
            return Arc::clone(log);
        }
        let log = Arc::new(Log {
            path: path_of(&self.0.folder, build),
            last_use: AtomicU64::new(0),
            state: Mutex::default(),
            folders: Arc::clone(&self.0.folders),
        });
        logs.insert(build.clone(), Arc::clone(&log));
        log
    }

    /// The log's open file.
    pub(super) fn opened<'a>(
        &self,
        log: &Log,
        state: &'a mut LogState,
        create: bool,
    ) -> Result<&'a mut LogFile, Error> {
        if state.deleted {
            return Err(Error::Deleted);
        }
        let now = self.0.uses.fetch_add(1, Ordering::Relaxed);
        log.last_use.store(now, Ordering::Relaxed);
        if state.open.is_none() {
            self.close_some(log);
            let file = match LogFile::open(&log.path, create) {
                Err(error) if create && error.kind() == io::ErrorKind::NotFound => log
                    .folders
                    .make_and(log.path.parent(), || LogFile::open(&log.path, true)),
                result => result,
            };
            state.open = Some(file?);
            self.0.open.fetch_add(1, Ordering::Relaxed);
        }
        state.open.as_mut().ok_or(Error::Deleted)
    }

    /// Closes the least used logs when there are too many open ones; not `except`, nor any in use.
    pub(super) fn close_some(&self, except: &Log) {
        if self.0.open.load(Ordering::Relaxed) < self.0.max_open {
            return;
        }
        let mut all: Vec<_> = lock(&self.0.logs).values().map(Arc::clone).collect();
        all.sort_by_key(|log| log.last_use.load(Ordering::Relaxed));
        let mut to_close = self.0.max_open / 4 + 1;
        for log in all {
            if to_close == 0 {
                break;
            }
            if !std::ptr::eq(&raw const *log, except)
                && let Ok(mut state) = log.state.try_lock()
                && state.open.take().is_some()
            {
                self.0.open.fetch_sub(1, Ordering::Relaxed);
                to_close -= 1;
            }
        }
    }

    /// What there is to read now; none when nothing was ever written.
    pub(super) fn view(&self, log: &Log) -> Result<Option<View>, Error> {
        let mut state = lock(&log.state);
        match self.opened(log, &mut state, false) {
            Ok(file) => Ok(Some(View {
                file: Arc::clone(&file.file),
                tail: file.tail.clone(),
            })),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn seek(
        &self,
        log: &Log,
        view: &View,
        before: impl Fn(&Entry) -> bool,
    ) -> Result<Walk, Error> {
        let mut state = lock(&log.state);
        let file = self.opened(log, &mut state, false)?;
        Ok(Walk::seek(view, &file.index, before)?)
    }
}

/// Where a build's log is. The project's name is one segment here, as a name is never a path.
pub(super) fn path_of(folder: &Path, build: &BuildId) -> PathBuf {
    let project = build.project.as_str().replace('/', ",");
    let thousand = (build.number / 1000).to_string();
    let file = format!("{}.log", build.number);
    folder.join(project).join(thousand).join(file)
}
