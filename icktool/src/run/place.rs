//! Where builds are executed: a slot that no other `icktool run` uses at the same time, as each slot
//! has user ids of its own.

use crate::error::Error;
use ick_worker::engine::Engine;
use ick_worker::supervise;
use std::fs::File;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// How many builds can be executed at the same time.
const SLOTS: u32 = 64;

/// A slot, for as long as this value lives.
#[derive(Debug)]
pub struct Slot {
    /// Its number, from 1.
    pub number: u32,
    _lock: File,
}

/// Makes a folder that only its owner can enter.
///
/// # Errors
/// Those of the file system.
pub fn private_folder(path: &Path) -> Result<(), Error> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| Error::File {
            doing: "create",
            path: path.to_path_buf(),
            source,
        })
}

impl Slot {
    /// A free slot, without anything that an interrupted call left in it.
    ///
    /// # Errors
    /// When all are taken, or the folder cannot be written.
    pub fn take(folder: &Path, engine: &Engine) -> Result<Self, Error> {
        private_folder(&folder.join("slots"))?;
        for number in 1..=SLOTS {
            let path = folder.join("slots").join(number.to_string());
            let failed = |source| Error::File {
                doing: "write",
                path: path.clone(),
                source,
            };
            let lock = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
                .map_err(failed)?;
            if lock.try_lock().is_ok() && swept(folder, engine, number) {
                return Ok(Self {
                    number,
                    _lock: lock,
                });
            }
        }
        Err(Error::Other(format!(
            "{SLOTS} builds are being executed already"
        )))
    }
}

/// Removes what is left in a slot; false when something of it still runs.
fn swept(folder: &Path, engine: &Engine, slot: u32) -> bool {
    for run in entries(&folder.join("runs").join(slot.to_string())) {
        if entries(&run.join("actions"))
            .iter()
            .any(|action| supervise::is_alive(action))
        {
            return false;
        }
        let name = run
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if let Ok(run) = engine.open_run(slot, name) {
            // What cannot be removed now is tried again by the next call.
            let _ = engine.remove_run(run);
        }
    }
    true
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(found) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    found.flatten().map(|entry| entry.path()).collect()
}
