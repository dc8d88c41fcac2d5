//! Workspaces on disk: making them, giving them to a container's user, measuring, and removing them.
//!
//! What an action wrote may be hostile: links are never followed, and neither depth nor modes stop
//! the removal.

mod give;
mod remove;
mod remove_tree;
mod renew;
mod size;

pub(crate) use give::{DEEPEST, give, give_file, give_range};
pub(crate) use remove::remove;
pub(crate) use remove_tree::{main as remove_main, remove_tree};
pub(crate) use renew::{fill_file, renew, renew_file, reset};
pub(crate) use size::{exceeds, size};

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// The mode of a workspace.
const WORKSPACE: u32 = 0o755;

/// The mode of a folder for its owner alone.
pub(crate) const PRIVATE: u32 = 0o700;

/// What git reads in a HOME.
const GIT_CONFIG: &str = ".gitconfig";

/// Makes an empty workspace, or finds the one that is there.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    make(path, WORKSPACE).map(drop)
}

/// Makes a build's HOME, or finds the one that is there.
pub(crate) fn create_home(path: &Path) -> io::Result<()> {
    match make(path, PRIVATE)? {
        true => furnish_home(path),
        false => Ok(()),
    }
}

/// Makes a workspace that was used as new.
pub(crate) fn renew_workspace(path: &Path) -> io::Result<()> {
    renew(path, WORKSPACE)
}

/// Makes a HOME that was used as new.
pub(crate) fn renew_home(path: &Path) -> io::Result<()> {
    let (file, kept) = (path.join(GIT_CONFIG), path.with_extension("gitconfig"));
    let keeps = rustix::process::geteuid().is_root() && renew_file(&file);
    if keeps {
        fs::rename(&file, &kept)?;
    }
    renew(path, PRIVATE)?;
    if keeps {
        fs::rename(&kept, &file)?;
    }
    furnish_home(path)
}

fn furnish_home(path: &Path) -> io::Result<()> {
    if rustix::process::geteuid().is_root() {
        // After a container action the workspace belongs to the slot's user, and git refuses what
        // belongs to another. Host actions execute what is in the workspace anyway.
        fill_file(&path.join(GIT_CONFIG), b"[safe]\n\tdirectory = *\n")?;
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
