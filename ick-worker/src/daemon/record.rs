//! The start record: that an action was started, on disk before it is.
//!
//! A file for each slot, `runs/SLOT/started`, with two places of a kilobyte that are written in turn.
//! A write that is interrupted damages one of them; the other has the record before it. Nothing grows
//! and no name changes, so that a start costs one write of data.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const FILE: &str = "started";
const VERSION: u32 = 1;
const PLACE: usize = 1024;
const CHECKSUM: usize = 32;

/// What was started last in a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Started {
    v: u32,
    number: u64,
    /// The lease.
    pub(super) lease: String,
    /// The action.
    pub(super) action_id: String,
    /// How many log bytes the lease had before the action.
    pub(super) log_offset: u64,
}

/// A slot's start record.
#[derive(Debug)]
pub(super) struct Record {
    file: File,
    last: Option<Started>,
}

impl Record {
    /// Opens the record of the slot whose folder this is; makes it where there is none.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let path = folder.join(FILE);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        if file.metadata()?.len() < 2 * PLACE as u64 {
            file.write_all_at(&[0; 2 * PLACE], 0)?;
            file.sync_all()?;
            File::open(folder)?.sync_all()?;
        }
        let last = newest(&file)?;
        Ok(Self { file, last })
    }

    /// What was started last.
    pub(super) fn last(&self) -> Option<&Started> {
        self.last.as_ref()
    }

    /// Writes down that an action is started now. When this returns, it is on disk.
    pub(super) fn start(
        &mut self,
        lease: &str,
        action_id: &str,
        log_offset: u64,
    ) -> io::Result<()> {
        let number = self.last.as_ref().map_or(1, |last| last.number + 1);
        let started = Started {
            v: VERSION,
            number,
            lease: lease.to_owned(),
            action_id: action_id.to_owned(),
            log_offset,
        };
        let text = serde_json::to_vec(&started)?;
        if text.len() > PLACE - CHECKSUM {
            return Err(io::Error::other("the lease's name is too long"));
        }
        let mut place = vec![b' '; PLACE];
        place[CHECKSUM..CHECKSUM + text.len()].copy_from_slice(&text);
        let sum: [u8; CHECKSUM] = Sha256::digest(&place[CHECKSUM..]).into();
        place[..CHECKSUM].copy_from_slice(&sum);
        self.file.write_all_at(&place, number % 2 * PLACE as u64)?;
        self.file.sync_data()?;
        self.last = Some(started);
        Ok(())
    }
}

fn newest(file: &File) -> io::Result<Option<Started>> {
    let mut found: Vec<Started> = Vec::new();
    for place in places(file)? {
        if let Place::Sound(started) = place {
            found.push(started);
        }
    }
    Ok(found.into_iter().max_by_key(|started| started.number))
}

enum Place {
    Empty,
    Sound(Started),
    Damaged,
}

fn places(file: &File) -> io::Result<[Place; 2]> {
    let mut bytes = vec![0; 2 * PLACE];
    file.read_exact_at(&mut bytes, 0)?;
    let read = |place: &[u8]| {
        if place.iter().all(|byte| *byte == 0) {
            return Place::Empty;
        }
        let (sum, text) = place.split_at(CHECKSUM);
        if Sha256::digest(text)[..] != *sum {
            return Place::Damaged;
        }
        match serde_json::from_slice::<Started>(text) {
            Ok(started) if started.v == VERSION => Place::Sound(started),
            _ => Place::Damaged,
        }
    };
    Ok([read(&bytes[..PLACE]), read(&bytes[PLACE..])])
}

/// Something wrong in a worker's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where.
    pub path: PathBuf,
    /// What.
    pub what: String,
}

/// Looks at a worker's state folder, and changes nothing.
///
/// # Errors
/// When it cannot be read.
pub fn check(state: &Path) -> io::Result<Vec<Damage>> {
    let mut damage = Vec::new();
    let slots = match std::fs::read_dir(state.join("runs")) {
        Err(why) if why.kind() == io::ErrorKind::NotFound && state.is_dir() => return Ok(damage),
        other => other?,
    };
    for slot in slots {
        let path = slot?.path().join(FILE);
        let mut wrong = |what: &str| {
            damage.push(Damage {
                path: path.clone(),
                what: what.to_owned(),
            });
        };
        let file = match File::open(&path) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        if file.metadata()?.len() != 2 * PLACE as u64 {
            wrong("the start record has another size than it should have");
            continue;
        }
        let [first, second] = places(&file)?;
        // One may have been interrupted; that is what the other is for.
        if matches!((first, second), (Place::Damaged, Place::Damaged)) {
            wrong("the start record is damaged");
        }
    }
    Ok(damage)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test is a panic")]
mod tests {
    use super::*;

    #[test]
    fn the_last_start_is_known_and_an_interrupted_one_is_not() {
        let place = tempfile::tempdir().unwrap();
        let slot = place.path().join("runs/1");
        let mut record = Record::open(&slot).unwrap();
        assert_eq!(record.last(), None);
        for (action, offset) in [("2", 0), ("3", 17), ("4", 40)] {
            record.start("lease", action, offset).unwrap();
        }
        let again = Record::open(&slot).unwrap();
        let last = again.last().unwrap();
        assert_eq!((&*last.action_id, last.log_offset), ("4", 40));
        assert_eq!(check(place.path()).unwrap(), []);

        // Number 3 is in the second place.
        let file = OpenOptions::new()
            .write(true)
            .open(slot.join(FILE))
            .unwrap();
        file.write_all_at(b"torn", 1500).unwrap();
        let before = Record::open(&slot).unwrap();
        assert_eq!(before.last().unwrap().action_id, "3");
        assert_eq!(check(place.path()).unwrap(), []);
        file.write_all_at(b"torn", 500).unwrap();
        assert_eq!(Record::open(&slot).unwrap().last(), None);
        assert_eq!(check(place.path()).unwrap().len(), 1);
    }

    #[test]
    fn a_state_without_runs_is_sound_and_none_is_an_error() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(check(place.path()).unwrap(), []);
        assert!(check(&place.path().join("none")).is_err());
    }
}
