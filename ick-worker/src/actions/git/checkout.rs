//! The checkout: made beside the workspace, then moved into it in one step.

use super::super::bad;
use super::command::{Git, arguments};
use crate::actions::failed;
use crate::beneath;
use crate::caches;
use crate::engine::{Order, cannot};
use ick_core::build::Cause;
use rustix::fd::OwnedFd;
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The folder in the workspace for a checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dir(PathBuf);

impl Dir {
    /// Reads `git_dir`: a relative path whose parts are all names; `.` for the workspace itself.
    pub(super) fn parse(text: &str) -> Result<Self, Cause> {
        let path: PathBuf = Path::new(text)
            .components()
            .filter(|part| *part != Component::CurDir)
            .collect();
        for part in path.components() {
            match part {
                Component::Normal(name)
                    if !name.eq_ignore_ascii_case(".git")
                        && !name.as_encoded_bytes().starts_with(b"-") => {}
                _ => {
                    return Err(bad(format!(
                        "git_dir is a folder in the workspace, like src, not {text:?}"
                    )));
                }
            }
        }
        Ok(Self(path))
    }

    /// The path; empty for the workspace itself.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// As it is recorded.
    pub(super) fn shown(&self) -> String {
        if self.0.as_os_str().is_empty() {
            ".".to_owned()
        } else {
            self.0.to_string_lossy().into_owned()
        }
    }
}

/// A place beside the workspace, on the same file system, where nobody but the worker writes.
#[derive(Debug)]
pub(super) struct Beside {
    run: PathBuf,
    name: String,
}

impl Beside {
    /// An empty place for one action.
    pub(super) fn new(run: &Path, action_id: &str) -> Result<Self, Cause> {
        let beside = Self {
            run: run.to_owned(),
            name: format!("checkout-{action_id}"),
        };
        for path in [beside.path(), beside.old()] {
            crate::workspace::remove(&path)
                .map_err(|why| cannot("remove an unfinished checkout", &why))?;
        }
        fs::create_dir(beside.old()).map_err(|why| cannot("make the checkout", &why))?;
        Ok(beside)
    }

    /// Where the checkout is made.
    pub(super) fn path(&self) -> PathBuf {
        self.run.join(&self.name)
    }

    /// Where what was in its place goes.
    fn old(&self) -> PathBuf {
        self.run.join(format!("{}-old", self.name))
    }

    /// Moves the checkout to its place in the workspace, and removes what was there, but for the folders
    /// that are kept between builds.
    pub(super) fn place(self, order: &Order, dir: &Dir) -> Result<(), Cause> {
        let moved = caches::carry(order, dir.path(), &self.path())
            .and_then(|()| self.moved(&order.workspace, dir));
        crate::workspace::remove(&self.old())
            .map_err(|why| cannot("remove what was in the checkout's place", &why))?;
        moved.map_err(
            |why| match why.raw_os_error().map(Errno::from_raw_os_error) {
                Some(Errno::LOOP | Errno::NOTDIR | Errno::XDEV) => failed(format!(
                    "git_dir {}: a part of it is no folder in the workspace, or a link",
                    dir.shown()
                )),
                _ => cannot("move the checkout into the workspace", &why),
            },
        )
    }

    fn moved(&self, workspace: &Path, dir: &Dir) -> std::io::Result<()> {
        let root = beneath::root(workspace)?;
        let old = beneath::root(&self.old())?;
        match (dir.0.parent(), dir.0.file_name()) {
            (Some(parent), Some(name)) => {
                let parent = beneath::make_folders(&root, parent)?;
                let from = beneath::root(&self.run)?;
                exchange(&from, Path::new(&self.name), &parent, Path::new(name), &old)
            }
            _ => {
                let from = beneath::root(&self.path())?;
                for entry in fs::read_dir(self.path())? {
                    let name = entry?.file_name();
                    exchange(&from, Path::new(&name), &root, Path::new(&name), &old)?;
                }
                fs::remove_dir(self.path())
            }
        }
    }
}

/// Moves something to a name; what had the name goes into the folder `old`.
fn exchange(
    from: &OwnedFd,
    what: &Path,
    to: &OwnedFd,
    name: &Path,
    old: &OwnedFd,
) -> std::io::Result<()> {
    for _ in 0..100 {
        match rustix::fs::renameat_with(from, what, to, name, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => rustix::fs::renameat(to, name, old, name)?,
            other => return Ok(other?),
        }
    }
    Err(Errno::EXIST.into())
}

/// Clones a repository on this host with all that it has, checked out at a commit. The clone shares no
/// file with the repository, so that nothing that an action does reaches back.
pub(super) fn clone(
    git: &Git,
    repository: &Path,
    into: &Path,
    commit: Option<&str>,
    origin: &str,
) -> Result<(), Cause> {
    let making = |why: super::command::Failed| why.cause("make the checkout");
    git.call(
        None,
        arguments![
            "clone",
            "--quiet",
            "--local",
            "--no-hardlinks",
            "--no-checkout",
            "--template=",
            "--origin=origin",
            "--end-of-options",
            repository,
            into,
        ],
        true,
    )
    .map_err(making)?;
    name_origin(git, into, origin).map_err(making)?;
    if let Some(commit) = commit {
        // A commit's digits: never an option.
        git.call(
            Some(into),
            arguments!["checkout", "--quiet", "--force", "--detach", commit, "--"],
            false,
        )
        .map_err(making)?;
    }
    let _ = rustix::fs::chmodat(
        CWD,
        into,
        rustix::fs::Mode::from_raw_mode(0o755),
        rustix::fs::AtFlags::empty(),
    );
    Ok(())
}

/// The files that git has checked out, and what each one is.
pub(super) fn files(git: &Git, checkout: &Path) -> Result<Vec<(String, String)>, Cause> {
    let listed = git
        .call(
            Some(checkout),
            arguments!["ls-files", "-z", "--stage"],
            false,
        )
        .map_err(|why| why.cause("list the files of the checkout"))?;
    let entries = listed.split(|byte| *byte == 0);
    let files = entries.filter_map(|entry| {
        // Mode, digits and stage, a tab, the path.
        let (what, path) = std::str::from_utf8(entry).ok()?.split_once('\t')?;
        what.starts_with("100")
            .then(|| (path.to_owned(), what.to_owned()))
    });
    Ok(files.collect())
}

/// Makes a bare copy of a repository on this host, with its branches and tags and nothing else.
pub(super) fn mirror(git: &Git, repository: &Path, into: &Path, origin: &str) -> Result<(), Cause> {
    let making = |why: super::command::Failed| why.cause("make the mirror in the workspace");
    git.call(
        None,
        arguments![
            "clone",
            "--quiet",
            "--local",
            "--no-hardlinks",
            "--mirror",
            "--template=",
            "--end-of-options",
            repository,
            into,
        ],
        true,
    )
    .map_err(making)?;
    let own = arguments!["update-ref", "-d", "refs/ick/wanted"];
    git.call(Some(into), own, false).map_err(making)?;
    name_origin(git, into, origin).map_err(making)
}

/// Says where a copy is from: not the worker's mirror.
fn name_origin(git: &Git, copy: &Path, origin: &str) -> Result<(), super::command::Failed> {
    let url = arguments!["config", "remote.origin.url", origin];
    git.call(Some(copy), url, false).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dirs_by_table() {
        for (text, shown) in [("src", "src"), ("a/b", "a/b"), (".", "."), ("./a/", "a")] {
            assert_eq!(
                Dir::parse(text).map(|d| d.shown()).ok().as_deref(),
                Some(shown)
            );
        }
        for bad in ["..", "a/../b", "/a", ".git", "a/.GIT/b", "-a", "a/-b"] {
            assert!(Dir::parse(bad).is_err(), "{bad}");
        }
    }
}
