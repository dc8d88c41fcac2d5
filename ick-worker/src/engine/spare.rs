//! Folders made ready for runs to come, so that no build waits until its own is made. Those of runs
//! that have ended are used again.

use super::RunFolder;
use super::folder::private_folders;
use crate::workspace;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The folders that are ready, by slot. What another process made ready is not among them, as nobody
/// knows whether it came to the end.
#[derive(Debug, Default)]
pub(super) struct Runs {
    ready: Mutex<HashMap<u32, PathBuf>>,
}

impl Runs {
    /// Makes one for this slot, unless it has one. Without room there is none, and the run will say so.
    pub(super) fn prepare(&self, state: &Path, slot: u32) {
        if self.ready().contains_key(&slot) {
            return;
        }
        let path = state.join("spare").join(slot.to_string());
        if path.exists() && workspace::remove(&path).is_err() {
            return;
        }
        if RunFolder::at(slot, path.clone()).make().is_ok() {
            self.ready().insert(slot, path);
        }
    }

    /// Makes the one of a run that has ended ready for the next run of its slot, unless there is one.
    ///
    /// # Errors
    /// Those of the file system, when something of the run is left.
    pub(super) fn renew(&self, state: &Path, run: RunFolder, program: &Path) -> io::Result<()> {
        let slot = run.slot();
        let spare = state.join("spare");
        let path = spare.join(slot.to_string());
        let moved = run.is_own()
            && !self.ready().contains_key(&slot)
            && private_folders(&spare).is_ok()
            && fs::rename(run.path(), &path).is_ok();
        if !moved {
            return run.remove(program);
        }
        let run = RunFolder::at(slot, path.clone());
        match run.renew() {
            Ok(()) => {
                self.ready().insert(slot, path);
                Ok(())
            }
            Err(why) => {
                tracing::debug!("a run's folder is not used again: {why}");
                run.remove(program)
            }
        }
    }

    /// Gives the one of this slot the run's path; whether there was one.
    pub(super) fn take(&self, slot: u32, to: &Path) -> bool {
        let taken = self.ready().remove(&slot);
        taken.is_some_and(|path| fs::rename(path, to).is_ok())
    }

    fn ready(&self) -> MutexGuard<'_, HashMap<u32, PathBuf>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test is a panic")]
mod tests {
    use super::*;

    #[test]
    fn what_is_ready_is_taken_once_and_is_never_from_before() {
        let state = tempfile::tempdir().unwrap();
        let at = |name: &str| state.path().join(name);
        let runs = Runs::default();
        assert!(!runs.take(1, &at("a")));
        // What a process before this one left is not taken as it is.
        fs::create_dir_all(at("spare/1/workspace/left")).unwrap();
        assert!(!runs.take(1, &at("a")));
        runs.prepare(state.path(), 1);
        runs.prepare(state.path(), 1);
        assert!(!runs.take(2, &at("a")));
        assert!(runs.take(1, &at("a")));
        assert!(!runs.take(1, &at("b")));
        assert!(at("a/home").is_dir());
        assert_eq!(fs::read_dir(at("a/workspace")).unwrap().count(), 0);
    }
}
