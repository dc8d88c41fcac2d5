//! The folders of a run and of its actions.

use super::outcome::{cannot, cause};
use crate::workspace;
use ick_core::build::{Cause, CauseKind};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The folder of a run: the actions of a build that share a workspace. Nobody but the worker's user
/// can enter it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    slot: u32,
    path: PathBuf,
}

impl RunFolder {
    pub(super) fn open(state: &Path, slot: u32, lease: &str) -> Result<Self, Cause> {
        if !names_a_folder(lease) {
            return Err(cause(
                CauseKind::Internal,
                format!("the lease {lease:?} cannot be the name of a folder"),
            ));
        }
        let path = state.join("runs").join(slot.to_string()).join(lease);
        let run = Self { slot, path };
        let made = private_folders(&run.path)
            .and_then(|()| private_folders(&run.path.join("actions")))
            .and_then(|()| workspace::create(&run.workspace()))
            .and_then(|()| workspace::create_home(&run.home()));
        made.map_err(|why| cannot("make the workspace", &why))?;
        Ok(run)
    }

    /// The slot it is executed in.
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The workspace.
    pub fn workspace(&self) -> PathBuf {
        self.path.join("workspace")
    }

    /// The build's HOME.
    pub fn home(&self) -> PathBuf {
        self.path.join("home")
    }

    /// The folder of an action, which need not exist.
    ///
    /// # Errors
    /// `internal` when the action's id is no name for a folder.
    pub fn action(&self, action_id: &str) -> Result<PathBuf, Cause> {
        if !names_a_folder(action_id) {
            return Err(cause(
                CauseKind::Internal,
                format!("the action {action_id:?} cannot be the name of a folder"),
            ));
        }
        Ok(self.path.join("actions").join(action_id))
    }

    /// The folder of an action, made if it does not exist.
    ///
    /// # Errors
    /// `disk_full`, or `internal`.
    pub fn make_action(&self, action_id: &str) -> Result<PathBuf, Cause> {
        let folder = self.action(action_id)?;
        private_folders(&folder).map_err(|why| cannot("make the action's folder", &why))?;
        Ok(folder)
    }

    pub(super) fn remove(self) -> io::Result<()> {
        workspace::remove(&self.path)
    }
}

/// What comes from the controller never leads out of the folder it is joined to.
fn names_a_folder(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 200
        && !text.starts_with('.')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn private_folders(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_table() {
        for good in ["1", "a-b_c.d", "0f3e"] {
            assert!(names_a_folder(good), "{good:?}");
        }
        for bad in ["", ".", "..", ".a", "a/b", "a\0", "ä", &"a".repeat(201)] {
            assert!(!names_a_folder(bad), "{bad:?}");
        }
    }
}
