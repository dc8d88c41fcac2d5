//! Workspaces on disk: making them, giving them to a container's user, measuring, and removing them.
//!
//! What an action wrote may be hostile: links are never followed, and neither depth nor modes stop
//! the removal.

mod give;
mod remove;
mod size;

pub(crate) use give::{give, give_file};
pub(crate) use remove::remove;
pub(crate) use size::exceeds;

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// Makes an empty workspace, or finds the one that is there.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    make(path, 0o755).map(drop)
}

/// Makes a build's HOME, or finds the one that is there.
pub(crate) fn create_home(path: &Path) -> io::Result<()> {
    if make(path, 0o700)? && rustix::process::geteuid().is_root() {
        // After a container action the workspace belongs to the slot's user, and git refuses what
        // belongs to another. Host actions execute what is in the workspace anyway.
        fs::write(path.join(".gitconfig"), "[safe]\n\tdirectory = *\n")?;
    }
    Ok(())
}

/// Whether it was made just now.
fn make(path: &Path, mode: u32) -> io::Result<bool> {
    match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => {
            // Whatever the umask is.
            fs::set_permissions(path, Permissions::from_mode(mode))?;
            Ok(true)
        }
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(why) => Err(why),
    }
}
