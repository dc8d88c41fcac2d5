//! Small disks, for tests of what a full one does.
//!
//! Each is a tmpfs in a mount namespace of the test's own, so nothing of it is left on the machine,
//! however the test ends.

use crate::namespace;
use anyhow::{Context, Result, ensure};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The file that fills a disk.
const BALLAST: &str = "ballast";

/// Runs a test where it may mount small disks: this test program is started once more, for this test
/// only, in a mount namespace of its own. `test` must be a closure written in the test function, by
/// whose name it is found.
///
/// # Errors
/// Those of the test; that no such namespace can be had, and what it takes.
pub fn with_small_disks<T>(test: T) -> Result<()>
where
    T: FnOnce() -> Result<()>,
{
    namespace::with_own_mounts(test)
}

/// A disk of a few megabytes. It is unmounted with this.
#[derive(Debug)]
pub struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Mounts one at a folder, which is made. What the folder has is hidden.
    ///
    /// # Errors
    /// When that cannot be done, as outside of [`with_small_disks`].
    pub fn mount(path: impl Into<PathBuf>, mebibytes: u64) -> Result<Self> {
        let path = path.into();
        ensure!(
            namespace::is_inside(),
            "a disk is mounted inside with_small_disks only"
        );
        std::fs::create_dir_all(&path)?;
        let options = CString::new(format!("size={mebibytes}m,mode=0700"))?;
        mount(
            "tmpfs",
            &path,
            "tmpfs",
            MountFlags::NOSUID,
            Some(options.as_c_str()),
        )
        .with_context(|| format!("cannot mount a tmpfs at {}", path.display()))?;
        Ok(Self { path })
    }

    /// How many bytes are free.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn free(&self) -> Result<u64> {
        let disk = rustix::fs::statvfs(&self.path)?;
        Ok(disk.f_bavail * disk.f_frsize)
    }

    /// Fills it up to so many bytes, to the last one for 0. More is made free again where it is less.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn leave(&self, bytes: u64) -> Result<()> {
        let path = self.path.join(BALLAST);
        let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
        let piece = vec![b'x'; 64 << 10];
        loop {
            let free = self.free()?;
            if free <= bytes && (bytes > 0 || free == 0) {
                break;
            }
            let count = usize::try_from(free - bytes).map_or(piece.len(), |n| n.min(piece.len()));
            match file.write_all(&piece[..count]) {
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                other => other?,
            }
        }
        let missing = bytes.saturating_sub(self.free()?);
        let length = file.metadata()?.len();
        File::set_len(&file, length.saturating_sub(missing))?;
        Ok(())
    }

    /// Makes room again.
    ///
    /// # Errors
    /// When there was no ballast.
    pub fn make_room(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.path.join(BALLAST))?)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What still has files open there keeps it until it closes them.
        let _ = unmount(&self.path, UnmountFlags::DETACH);
    }
}
