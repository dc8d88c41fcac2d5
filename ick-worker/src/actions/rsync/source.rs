//! What is published.

use super::super::{bad, failed, globs};
use crate::beneath;
use ick_core::build::Cause;
use rustix::fd::OwnedFd;
use rustix::fs::{FileType, OFlags};
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

/// What rsync sends.
#[derive(Debug)]
pub(super) struct Source {
    /// Where it is started.
    pub(super) at: OwnedFd,
    /// What it sends from there; none could be taken for an option.
    pub(super) names: Vec<OsString>,
    /// The folder whose contents are published, where it is one; the workspace itself is empty.
    pub(super) folder: Option<PathBuf>,
    /// Whether it is what a glob matches.
    pub(super) by_glob: bool,
}

impl Source {
    /// Looks for it beneath the workspace.
    pub(super) fn find(root: &OwnedFd, from: &str) -> Result<Self, Cause> {
        if globs::is_glob(from) {
            return Self::by_glob(root, from);
        }
        let path: PathBuf = Path::new(from)
            .components()
            .filter(|part| *part != Component::CurDir)
            .collect();
        let wrong = |why: io::Error| match why.kind() {
            io::ErrorKind::NotFound => failed(format!(
                "there is no {from} in the workspace to publish; which action makes it?"
            )),
            _ => failed(format!(
                "cannot publish {from}: {why}; rsync_src is a file or folder in the workspace, with no \
                 link on the way to it"
            )),
        };
        match beneath::kind(root, &path).map_err(wrong)? {
            FileType::Directory => Ok(Self {
                at: beneath::open(root, &path, OFlags::PATH).map_err(wrong)?,
                names: vec!["./".into()],
                folder: Some(path),
                by_glob: false,
            }),
            FileType::RegularFile => {
                let folder = path.parent().unwrap_or(Path::new(""));
                let name = path.file_name().unwrap_or_default();
                Ok(Self {
                    at: beneath::open(root, folder, OFlags::PATH).map_err(wrong)?,
                    names: vec![named(name)],
                    folder: None,
                    by_glob: false,
                })
            }
            _ => Err(failed(format!(
                "cannot publish {from}: rsync_src is a file or folder in the workspace, and this is neither"
            ))),
        }
    }

    fn by_glob(root: &OwnedFd, from: &str) -> Result<Self, Cause> {
        let found = globs::find(root, "rsync_src", from)?;
        if found.is_empty() {
            return Err(failed(format!(
                "nothing in the workspace matches {from}; which action makes it?"
            )));
        }
        let mut names = HashMap::new();
        for path in &found {
            if let Some(other) = names.insert(path.file_name(), path) {
                return Err(bad(format!(
                    "{} and {} would have the same name at the target",
                    other.display(),
                    path.display()
                )));
            }
        }
        let at = beneath::open(root, Path::new(""), OFlags::PATH);
        Ok(Self {
            at: at.map_err(|why| failed(format!("cannot open the workspace: {why}")))?,
            names: found.iter().map(named).collect(),
            folder: None,
            by_glob: true,
        })
    }
}

fn named(path: impl AsRef<std::ffi::OsStr>) -> OsString {
    let mut name = OsString::from("./");
    name.push(path);
    name
}
