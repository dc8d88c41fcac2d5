//! The caches of a worker as a whole: what there is, and removing it.

use super::entry::{Entry, SETTLED};
use super::folder;
use crate::kept::{self, Item, Kept};
use crate::workspace;
use rustix::fd::OwnedFd;
use rustix::fs::{CWD, Mode, OFlags};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// How long the name of an entry is, and of the folder of a project's.
const NAME: usize = 64;

/// The caches of a worker.
#[derive(Clone, Debug)]
pub struct Caches {
    folder: PathBuf,
    program: PathBuf,
}

impl Caches {
    /// Those in this state folder. There need not be any. `program` is called by [`crate::words`].
    pub fn new(state: &Path, program: PathBuf) -> Self {
        Self {
            folder: folder(state),
            program,
        }
    }

    /// Removes what a process that was ended has not removed to the end.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn sweep(&self) -> io::Result<()> {
        for path in entries(&self.folder)? {
            match is_name(&path) {
                true => drop(fs::remove_dir(path)),
                false => self.remove(&path)?,
            }
        }
        Ok(())
    }

    /// Sees to it that what was kept lately will be whole when the host goes down, and notes how big it
    /// is.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn settle(&self) -> io::Result<()> {
        let mut unsettled = Vec::new();
        for path in self.entries()? {
            // By descriptor: its place may be another entry's when it is synced.
            if let (false, Ok(entry)) = (path.join(SETTLED).exists(), open(&path)) {
                unsettled.push((path, entry));
            }
        }
        if unsettled.is_empty() {
            return Ok(());
        }
        rustix::fs::syncfs(open(&self.folder)?)?;
        for (path, entry) in unsettled {
            let size = workspace::size(&path, u64::MAX);
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
            let file = rustix::fs::openat(&entry, SETTLED, flags, Mode::RUSR | Mode::WUSR)?;
            File::from(file).write_all(size.to_string().as_bytes())?;
        }
        Ok(())
    }

    /// Removes those that were not used for longest, until all together take no more than `most` bytes.
    pub fn hold_to(&self, most: u64) {
        let size = kept::size(&[self]);
        kept::evict(&[self], |freed| size.saturating_sub(freed) <= most);
    }

    /// Removes a folder; what actions have made as the root of a tree may be nobody's here.
    fn remove(&self, path: &Path) -> io::Result<()> {
        workspace::remove_tree(&self.program, path)
    }

    fn entries(&self) -> io::Result<Vec<PathBuf>> {
        let mut all = Vec::new();
        for project in entries(&self.folder)? {
            if is_name(&project) {
                all.extend(entries(&project)?);
            }
        }
        Ok(all)
    }
}

impl Kept for Caches {
    fn items(&self) -> Vec<Item> {
        let all = self.entries().unwrap_or_default();
        all.into_iter().filter_map(item).collect()
    }

    fn evict(&self, item: &Item) -> io::Result<bool> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // First out of its place, so that nobody takes half of it.
        let name = format!(".removed-{}-{count}", std::process::id());
        let removed = self.folder.join(name);
        if !super::moved(&item.path, &removed)? {
            return Ok(false);
        }
        self.remove(&removed)?;
        if let Some(project) = item.path.parent() {
            // Unless it has others.
            let _ = fs::remove_dir(project);
        }
        Ok(true)
    }
}

/// Notes that an entry is used now.
pub(super) fn note_use(entry: &Path) {
    let file = File::options().append(true).open(Entry::file(entry));
    // It may just have been taken.
    let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
}

fn item(path: PathBuf) -> Option<Item> {
    let used = fs::metadata(Entry::file(&path)).and_then(|about| about.modified());
    let size = fs::read_to_string(path.join(SETTLED)).ok();
    Some(Item {
        what: format!("the cache of {}", Entry::read_any(&path)?.of()),
        size: size
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| workspace::size(&path, u64::MAX)),
        used: used.ok()?,
        path,
    })
}

fn is_name(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.len() == NAME)
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
}

/// What is in a folder; nothing where there is none.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let found = match fs::read_dir(folder) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    found.map(|entry| entry.map(|entry| entry.path())).collect()
}
