//! The folders of a run and of its actions.

use super::order::{ORDER, OUTPUTS, PARAMETERS, SCRIPT, TMP};
use super::outcome::{RESULT, RESULT_TO_COME, cannot, cause};
use crate::caches;
use crate::trees::{self, Trees};
use crate::workspace;
use crate::{spool, supervise};
use ick_core::build::{Cause, CauseKind};
use std::fs::{self, DirBuilder};
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
    /// The folder of a lease's run, which need not exist.
    pub(super) fn of(state: &Path, slot: u32, lease: &str) -> Result<Self, Cause> {
        if !names_a_folder(lease) {
            return Err(cause(
                CauseKind::Internal,
                format!("the lease {lease:?} cannot be the name of a folder"),
            ));
        }
        let slots = state.join("runs").join(slot.to_string());
        let path = slots.join(lease);
        Ok(Self { slot, path })
    }

    /// The folder at this path, for a run that is to come.
    pub(super) fn at(slot: u32, path: PathBuf) -> Self {
        Self { slot, path }
    }

    /// Makes it, or what it lacks.
    pub(super) fn make(&self) -> io::Result<()> {
        private_folders(&self.path)?;
        private_folders(&self.path.join("actions"))?;
        workspace::create(&self.workspace())?;
        workspace::create_home(&self.home())
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

    /// Whether something of it is kept for other builds: a cache, or a system tree.
    pub fn keeps_something(&self) -> bool {
        caches::is_used(&self.path) || !matches!(trees::used_by(&self.path), Ok(None))
    }

    /// Takes note that the workspace may have entries of all ids of a system tree from now on.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn has_tree_owners(&self) -> io::Result<()> {
        note_tree_owners(&self.path)
    }

    /// The system tree that was populated for this run.
    pub(super) fn systree(&self, trees: &Trees) -> io::Result<Option<PathBuf>> {
        let used = trees::used_by(&self.path)?;
        Ok(used.map(|digest| trees.root(&digest)))
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
        let spare = self.path.join("actions").join(SPARE);
        if !folder.exists() && fs::rename(spare, &folder).is_ok() {
            return Ok(folder);
        }
        private_folders(&folder).map_err(|why| cannot("make the action's folder", &why))?;
        Ok(folder)
    }

    /// Makes all of it as new; only the folder of one action is kept, for another.
    pub(super) fn renew(&self) -> io::Result<()> {
        let actions = self.path.join("actions");
        let own = [actions.clone(), self.workspace(), self.home()];
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if !own.contains(&path) {
                remove_any(&path)?;
            }
        }
        workspace::reset(&self.path, workspace::PRIVATE)?;
        workspace::reset(&actions, workspace::PRIVATE)?;
        workspace::renew_workspace(&self.workspace())?;
        workspace::renew_home(&self.home())?;
        let spare = actions.join(SPARE);
        for action in fs::read_dir(&actions)? {
            let action = action?.path();
            if action == spare || (!spare.exists() && fs::rename(&action, &spare).is_ok()) {
                continue;
            }
            remove_any(&action)?;
        }
        match spare.exists() {
            true => renew_action(&spare),
            false => Ok(()),
        }
    }

    /// Removes what is left of a start that was cut off before the action began. What has a result, or is
    /// supervised, has begun, and stays.
    ///
    /// # Errors
    /// `internal`.
    pub fn discard_action(&self, action_id: &str) -> Result<(), Cause> {
        let folder = self.action(action_id)?;
        let begun = folder.join(RESULT).exists() || supervise::is_alive(&folder);
        if begun || !folder.exists() {
            return Ok(());
        }
        workspace::remove(&folder).map_err(|why| cannot("remove what an action left", &why))
    }

    pub(super) fn remove(self, program: &Path) -> io::Result<()> {
        workspace::remove_tree(program, &self.path)
    }

    /// Whether all in it is the worker's user's, or the worker is root, so that it can be used again.
    pub(super) fn is_own(&self) -> bool {
        rustix::process::geteuid().is_root() || !may_have_tree_owners(&self.path)
    }
}

/// The file in a run's folder that says that entries of its workspace may have all owners of a tree.
const TREE_OWNERS: &str = "tree-owners";

/// Takes note of it for the run whose folder this is.
pub(crate) fn note_tree_owners(run: &Path) -> io::Result<()> {
    fs::write(run.join(TREE_OWNERS), "")
}

/// Whether entries of the workspace of the run whose folder this is may have all owners of a tree.
pub(crate) fn may_have_tree_owners(run: &Path) -> bool {
    run.join(TREE_OWNERS).exists()
}

/// The folder of an action to come. No action has such an id.
const SPARE: &str = ".spare";

/// What every action's folder has, and which is kept when it is used again.
const KEPT: [&str; 6] = [
    ORDER,
    PARAMETERS,
    OUTPUTS,
    SCRIPT,
    spool::FILE,
    RESULT_TO_COME,
];

fn renew_action(folder: &Path) -> io::Result<()> {
    workspace::reset(folder, workspace::PRIVATE)?;
    let _ = fs::rename(folder.join(RESULT), folder.join(RESULT_TO_COME));
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        if name == TMP {
            workspace::renew(&path, workspace::PRIVATE)?;
        } else if !KEPT.iter().any(|kept| name == *kept) || !workspace::renew_file(&path) {
            remove_any(&path)?;
        }
    }
    Ok(())
}

fn remove_any(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path)?.is_dir() {
        true => workspace::remove(path),
        false => fs::remove_file(path),
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

pub(super) fn private_folders(path: &Path) -> io::Result<()> {
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
