//! What an entry says about itself: `entry.json`, and whether it has reached the disk.

use super::FOLDERS;
use crate::engine::Request;
use crate::supervise;
use ick_api::controller::Cache;
use ick_core::name::{BuildId, ProjectName};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const FILE: &str = "entry.json";
const VERSION: u32 = 1;

/// Written once everything in an entry was synced: how many bytes it takes on disk.
pub(super) const SETTLED: &str = "settled";

/// The present boot of this host (Linux: random(4)).
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// What is kept of a build; the file, version 1.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    v: u32,
    project: ProjectName,
    #[serde(rename = "ref")]
    pub(super) git_ref: Option<String>,
    /// No other entry ever has it.
    pub(super) id: String,
    /// The build whose folders these are.
    pub(super) build: BuildId,
    /// The boot of the host in which they were kept.
    boot: String,
    /// Where in the workspace they belong, in the order of their numbers.
    pub(super) paths: Vec<String>,
}

impl Entry {
    /// That of a build which is done, without any folder yet.
    pub(super) fn new(request: &Request, cache: &Cache) -> io::Result<Self> {
        let (now, pid) = (supervise::now().as_millis(), std::process::id());
        Ok(Self {
            v: VERSION,
            project: request.project.clone(),
            git_ref: cache.git_ref.clone(),
            id: format!("{} {now} {pid}", request.build_id),
            build: request.build_id.clone(),
            boot: fs::read_to_string(BOOT)?,
            paths: Vec::new(),
        })
    }

    /// Reads that of an entry, if it is one of this project's and whole: what was not synced before the
    /// host went down may lack any part.
    pub(super) fn read(folder: &Path, project: &ProjectName) -> Option<Self> {
        let entry = Self::read_any(folder)?;
        let whole = folder.join(SETTLED).exists()
            || fs::read_to_string(BOOT).is_ok_and(|boot| boot == entry.boot);
        (whole && entry.project == *project).then_some(entry)
    }

    /// The same without a look at what it is.
    pub(super) fn read_any(folder: &Path) -> Option<Self> {
        let text = fs::read(folder.join(FILE)).ok()?;
        let entry: Self = serde_json::from_slice(&text).ok()?;
        (entry.v == VERSION).then_some(entry)
    }

    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join(FILE), serde_json::to_vec(self)?)
    }

    /// The file by whose time it is known when an entry was used.
    pub(super) fn file(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// Where the next folder goes.
    pub(super) fn next(&self, folder: &Path) -> PathBuf {
        folder.join(FOLDERS).join(self.paths.len().to_string())
    }

    /// Where the folder is that belongs there.
    pub(super) fn folder(&self, folder: &Path, path: &str) -> Option<PathBuf> {
        let number = self.paths.iter().position(|one| one == path)?;
        Some(folder.join(FOLDERS).join(number.to_string()))
    }

    /// In words: of which project and ref.
    pub(super) fn of(&self) -> String {
        match &self.git_ref {
            Some(git_ref) => format!("{}, ref {git_ref}", self.project),
            None => self.project.to_string(),
        }
    }
}
