//! The room on the disk of a state folder, and how much of it new work has to leave.

use crate::Error;
use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What new work leaves free, in bytes, unless a configuration says otherwise (`free_space`).
pub const FREE_SPACE: u64 = 64 << 20;

/// What that can be, in bytes.
pub const FREE_SPACES: RangeInclusive<u64> = 0..=1 << 50;

/// The room on the disk of a state folder. Clones are of the same one.
///
/// Below the floor nothing new is taken on, so that what was begun can be brought to its end. Looking
/// costs a system call, and no wait for the disk.
#[derive(Clone, Debug)]
pub struct Room(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    floor: u64,
    /// Whether the log says that there is none.
    told: AtomicBool,
}

/// So many bytes, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 4] = [
            ("TiB", 1 << 40),
            ("GiB", 1 << 30),
            ("MiB", 1 << 20),
            ("KiB", 1 << 10),
        ];
        match UNITS.iter().find(|(_, unit)| self.0 >= *unit) {
            None => write!(f, "{} bytes", self.0),
            Some((name, unit)) => {
                // In tenths, rounded down: nobody is promised more than there is.
                let tenths = u128::from(self.0) * 10 / u128::from(*unit);
                match tenths % 10 {
                    0 => write!(f, "{} {name}", tenths / 10),
                    tenth => write!(f, "{}.{tenth} {name}", tenths / 10),
                }
            }
        }
    }
}

impl Room {
    /// The room for a folder, of which new work has to leave `floor` bytes.
    pub fn new(folder: impl Into<PathBuf>, floor: u64) -> Self {
        Self(Arc::new(Inner {
            folder: folder.into(),
            floor,
            told: AtomicBool::new(false),
        }))
    }

    /// How many bytes are free.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn free(&self) -> Result<u64, Error> {
        free(&self.0.folder)
            .map_err(|error| Error::io("look at the disk of", &self.0.folder, &error))
    }

    /// Whether there is room for something new of `bytes` bytes, above the floor.
    ///
    /// # Errors
    /// [`Error::Full`] when there is not, which the log is told once. A disk that cannot be looked at
    /// counts as one with room: what is then written says better what is wrong.
    pub fn expect(&self, bytes: u64) -> Result<(), Error> {
        self.expect_above(self.0.floor, bytes)
    }

    /// The same for what belongs to work that was begun: it may use half of what new work leaves. The
    /// other half is for what ends work, and for what makes room.
    ///
    /// # Errors
    /// As [`Room::expect`].
    pub fn expect_for_running(&self, bytes: u64) -> Result<(), Error> {
        self.expect_above(self.0.floor / 2, bytes)
    }

    fn expect_above(&self, floor: u64, bytes: u64) -> Result<(), Error> {
        let Ok(free) = self.free() else { return Ok(()) };
        if free >= floor.saturating_add(bytes) {
            if free >= self.0.floor && self.0.told.swap(false, Ordering::Relaxed) {
                tracing::info!("there is room again: {}", self.words(free));
            }
            return Ok(());
        }
        let what = if free >= floor {
            format!(
                "{}, and {} more would leave less than {} (free_space)",
                self.words(free),
                Bytes(bytes),
                Bytes(floor)
            )
        } else {
            format!(
                "{}, and {} of it are to be left (free_space)",
                self.words(free),
                Bytes(floor)
            )
        };
        if free < floor && !self.0.told.swap(true, Ordering::Relaxed) {
            tracing::error!("nothing new is taken on: {what}");
        }
        Err(Error::Full(what))
    }

    /// The disk in words, with what it has now.
    pub fn describe(&self) -> String {
        match self.free() {
            Ok(free) => self.words(free),
            Err(error) => error.to_string(),
        }
    }

    fn words(&self, free: u64) -> String {
        words(&self.0.folder, free)
    }
}

fn words(folder: &Path, free: u64) -> String {
    format!("the disk of {} has {} free", folder.display(), Bytes(free))
}

/// A file or folder that has no room, in words.
pub(crate) fn described(path: &Path) -> String {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    match free(folder) {
        Ok(free) => words(folder, free),
        Err(_) => format!("the disk of {} does not say what is free", folder.display()),
    }
}

fn free(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    // Some file systems do not say.
    if disk.f_blocks == 0 {
        return Ok(u64::MAX);
    }
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_by_table() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (1 << 20, "1 MiB"),
            ((1 << 20) + (1 << 19), "1.5 MiB"),
            ((1 << 30) - 1, "1023.9 MiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }

    #[test]
    fn the_floor_counts_for_new_work_and_half_of_it_for_what_runs() {
        let folder = std::env::temp_dir();
        let free = Room::new(&folder, 0).free().unwrap_or_default();
        assert!(free > 0);
        let room = Room::new(&folder, u64::MAX / 2);
        assert!(matches!(room.expect(0), Err(Error::Full(text)) if text.contains("free_space")));
        assert!(room.expect_for_running(0).is_err());
        let room = Room::new(&folder, free / 4 * 5);
        assert!(room.expect(0).is_err());
        assert!(room.expect_for_running(0).is_ok());
        assert!(Room::new(&folder, 0).expect(u64::MAX).is_err());
        assert!(Room::new("/none/such", u64::MAX).expect(0).is_ok());
    }
}
