//! The system trees that the worker keeps unpacked, each under the digest of the artifact that it came
//! from: `trees/HEX/root` in the worker's state, with `tree.json` beside it. A run that uses one names it
//! in its own folder, and what a run names is not removed. The lock of a digest is held while a tree is
//! made, named or removed.

use crate::kept::{self, Item, Kept};
use crate::workspace;
use ick_core::digest::Digest;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The version of `tree.json`.
const VERSION: u32 = 1;

/// The file in a run's folder that names its tree.
const USED: &str = "systree";

/// What is kept of a tree beside itself.
const ABOUT: &str = "tree.json";

/// What is known about a kept tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// [`VERSION`].
    v: u32,
    /// The host id of the tree's root, under a root worker; otherwise it is the worker's own.
    pub first_id: Option<u32>,
    /// Bytes of its files.
    pub bytes: u64,
    /// Files, folders and links.
    pub entries: u64,
}

impl About {
    /// A tree with these owners and sizes.
    pub fn new(first_id: Option<u32>, bytes: u64, entries: u64) -> Self {
        Self {
            v: VERSION,
            first_id,
            bytes,
            entries,
        }
    }

    /// About how many bytes it takes on disk: each file as much as it is long, and half a block more.
    fn on_disk(&self) -> u64 {
        self.bytes.saturating_add(self.entries.saturating_mul(2048))
    }
}

/// All trees of a worker.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Trees {
    /// The worker's state folder.
    pub state: PathBuf,
    /// The worker's program: see [`words`](crate::words).
    pub program: PathBuf,
}

/// The tree that the run whose folder this is has populated, if it has.
///
/// # Errors
/// Those of the file system, and when what names it does not.
pub fn used_by(run: &Path) -> io::Result<Option<Digest>> {
    match fs::read_to_string(run.join(USED)) {
        Ok(text) => Digest::from_hex(text.trim())
            .map(Some)
            .map_err(io::Error::other),
        Err(why) if is_gone(&why) => Ok(None),
        Err(why) => Err(why),
    }
}

fn is_gone(why: &io::Error) -> bool {
    matches!(
        why.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// The right to make, name or remove a tree, for as long as this value lives.
#[derive(Debug)]
pub struct Tree<'a> {
    trees: &'a Trees,
    digest: Digest,
    _lock: File,
}

impl Trees {
    /// The folder with all trees.
    pub fn folder(&self) -> PathBuf {
        self.state.join("trees")
    }

    /// Where the root of a tree is, if it is kept.
    pub fn root(&self, digest: &Digest) -> PathBuf {
        self.place(digest).join("root")
    }

    fn place(&self, digest: &Digest) -> PathBuf {
        self.folder().join(digest.hex())
    }

    fn unfinished(&self, digest: &Digest) -> PathBuf {
        self.folder().join(format!(".{}", digest.hex()))
    }

    /// Waits until nobody else makes, names or removes the tree of this digest.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn lock(&self, digest: Digest) -> io::Result<Tree<'_>> {
        loop {
            let (file, path) = self.lock_file(&digest)?;
            file.lock()?;
            if is_at(&file, &path) {
                return Ok(Tree {
                    trees: self,
                    digest,
                    _lock: file,
                });
            }
        }
    }

    /// The same, or none when another has it now.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn try_lock(&self, digest: Digest) -> io::Result<Option<Tree<'_>>> {
        let (file, path) = self.lock_file(&digest)?;
        match file.try_lock() {
            Ok(()) if is_at(&file, &path) => Ok(Some(Tree {
                trees: self,
                digest,
                _lock: file,
            })),
            Ok(()) | Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(why)) => Err(why),
        }
    }

    /// The trees that are kept.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn all(&self) -> io::Result<Vec<OneKept>> {
        let mut trees = Vec::new();
        for entry in entries(&self.folder())? {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            let Ok(digest) = Digest::from_hex(&name) else {
                continue;
            };
            let file = entry.join(ABOUT);
            let (Ok(text), Ok(metadata)) = (fs::read(&file), fs::metadata(&file)) else {
                continue;
            };
            if let Ok(about) = serde_json::from_slice(&text) {
                let used = metadata.modified()?;
                trees.push(OneKept {
                    digest,
                    about,
                    used,
                });
            }
        }
        Ok(trees)
    }

    /// Removes what is left of trees that were being made or removed when that was cut off.
    ///
    /// # Errors
    /// The first that the file system has; the rest is removed all the same.
    pub fn clean(&self) -> io::Result<()> {
        let mut first = Ok(());
        for entry in entries(&self.folder())? {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            let Some(digest) = name
                .strip_prefix('.')
                .and_then(|hex| Digest::from_hex(hex).ok())
            else {
                continue;
            };
            let removed = self.try_lock(digest).and_then(|tree| match tree {
                Some(tree) => tree.remove_at(&self.unfinished(&digest)),
                None => Ok(()),
            });
            // One that stays is no reason to leave the others.
            first = first.and(removed);
        }
        first
    }

    /// Removes those that were not used for longest, until all take no more than so many bytes.
    pub fn hold_to(&self, most: u64) {
        let size = kept::size(&[self]);
        kept::evict(&[self], |freed| size.saturating_sub(freed) <= most);
    }

    fn lock_path(&self, digest: &Digest) -> PathBuf {
        self.folder().join(format!("{}.lock", digest.hex()))
    }

    fn lock_file(&self, digest: &Digest) -> io::Result<(File, PathBuf)> {
        private(&self.folder())?;
        let path = self.lock_path(digest);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)?;
        Ok((file, path))
    }
}

impl Kept for Trees {
    fn items(&self) -> Vec<Item> {
        let trees = self.all().unwrap_or_default();
        let item = |tree: OneKept| Item {
            what: format!("the system tree {}", tree.digest),
            path: self.place(&tree.digest),
            size: tree.about.on_disk(),
            used: tree.used,
        };
        trees.into_iter().map(item).collect()
    }

    fn evict(&self, item: &Item) -> io::Result<bool> {
        let name = item.path.file_name().unwrap_or_default();
        let Ok(digest) = Digest::from_hex(&name.to_string_lossy()) else {
            return Ok(false);
        };
        match self.try_lock(digest)? {
            Some(tree) => tree.remove(),
            None => Ok(false),
        }
    }
}

impl Tree<'_> {
    /// What is kept of it; none when it is not kept.
    pub fn about(&self) -> Option<About> {
        let place = self.trees.place(&self.digest);
        let text = fs::read(place.join(ABOUT)).ok()?;
        let about: About = serde_json::from_slice(&text).ok()?;
        (about.v == VERSION && place.join("root").is_dir()).then_some(about)
    }

    /// An empty folder for the tree's root, in which nobody else makes something.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn begin(&self) -> io::Result<PathBuf> {
        let unfinished = self.unfinished();
        self.remove_at(&unfinished)?;
        private(&unfinished)?;
        let root = unfinished.join("root");
        DirBuilder::new().mode(0o755).create(&root)?;
        Ok(root)
    }

    /// Keeps what was made in the folder that [`Tree::begin`] gave. All of it is on the disk then.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn keep(&self, about: &About) -> io::Result<()> {
        let unfinished = self.unfinished();
        fs::write(unfinished.join(ABOUT), serde_json::to_vec(about)?)?;
        rustix::fs::syncfs(File::open(&unfinished)?)?;
        let place = self.trees.place(&self.digest);
        self.remove_at(&place)?;
        fs::rename(&unfinished, &place)?;
        File::open(self.trees.folder())?.sync_all()
    }

    /// Gives up what was made in the folder that [`Tree::begin`] gave.
    pub fn discard(&self) {
        // What is left goes when it is begun again, or with the next start of the worker.
        let _ = self.remove_at(&self.unfinished());
    }

    /// Makes it the tree of the run whose folder this is.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn use_for(&self, run: &Path) -> io::Result<()> {
        let next = run.join("systree.new");
        // Not synced: no run goes on after the power has failed.
        fs::write(&next, self.digest.hex())?;
        fs::rename(next, run.join(USED))?;
        // When it was used last, for those that are removed first.
        let about = File::options()
            .append(true)
            .open(self.trees.place(&self.digest).join(ABOUT))?;
        about.set_modified(SystemTime::now())
    }

    /// Removes it, unless a run uses it. Whether it is gone.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn remove(self) -> io::Result<bool> {
        if is_used(&self.trees.state, &self.digest)? {
            return Ok(false);
        }
        let place = self.trees.place(&self.digest);
        let unfinished = self.unfinished();
        self.remove_at(&unfinished)?;
        if place.exists() {
            // What was cut off in between is no tree.
            fs::rename(&place, &unfinished)?;
        }
        self.remove_at(&unfinished)?;
        match fs::remove_file(self.trees.lock_path(&self.digest)) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
            _ => Ok(true),
        }
    }

    fn unfinished(&self) -> PathBuf {
        self.trees.unfinished(&self.digest)
    }

    fn remove_at(&self, path: &Path) -> io::Result<()> {
        workspace::remove_tree(&self.trees.program, path)
    }
}

/// A tree that is kept.
#[derive(Clone, Copy, Debug)]
pub struct OneKept {
    /// The digest of its artifact.
    pub digest: Digest,
    /// What is known about it.
    pub about: About,
    /// When it was populated last.
    pub used: SystemTime,
}

fn is_used(state: &Path, digest: &Digest) -> io::Result<bool> {
    for slot in entries(&state.join("runs"))? {
        for run in entries(&slot)? {
            if used_by(&run)?.as_ref() == Some(digest) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Err(why) if is_gone(&why) => Ok(Vec::new()),
        found => found?.map(|entry| Ok(entry?.path())).collect(),
    }
}

/// Whether the file is still the one of this name, so that no other can be locked.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => open.ino() == there.ino() && open.dev() == there.dev(),
        _ => false,
    }
}

fn private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    type Tested = Result<(), Box<dyn std::error::Error>>;

    fn some_digest(byte: u8) -> Digest {
        Digest::from_bytes([byte; 32])
    }

    #[test]
    fn a_tree_is_kept_used_and_removed() -> Tested {
        let place = tempfile::tempdir()?;
        let state = place.path();
        let trees = Trees {
            state: state.to_owned(),
            program: PathBuf::from("none"),
        };
        let digest = some_digest(1);
        let run = state.join("runs/1/lease");
        fs::create_dir_all(&run)?;
        let tree = trees.lock(digest)?;
        assert!(trees.try_lock(digest)?.is_none());
        assert_eq!(tree.about(), None);
        fs::write(tree.begin()?.join("file"), "text")?;
        let about = About::new(Some(7), 4, 1);
        tree.keep(&about)?;
        assert_eq!(tree.about(), Some(about));
        assert_eq!(used_by(&run)?, None);
        tree.use_for(&run)?;
        assert_eq!(used_by(&run)?, Some(digest));
        assert!(!tree.remove()?, "a run uses it");
        assert_eq!(trees.all()?.len(), 1);
        assert!(trees.root(&digest).join("file").exists());
        fs::remove_dir_all(&run)?;
        assert!(trees.lock(digest)?.remove()?);
        assert_eq!(trees.all()?.len(), 0);
        assert_eq!(fs::read_dir(trees.folder())?.count(), 0);
        Ok(())
    }

    #[test]
    fn the_oldest_that_is_not_in_use_goes_first() -> Tested {
        let place = tempfile::tempdir()?;
        let state = place.path();
        let trees = Trees {
            state: state.to_owned(),
            program: PathBuf::from("none"),
        };
        let run = state.join("runs/1/lease");
        fs::create_dir_all(&run)?;
        for byte in [1, 2, 3] {
            let tree = trees.lock(some_digest(byte))?;
            tree.begin()?;
            tree.keep(&About::new(None, 1000, 0))?;
            let about = File::options()
                .append(true)
                .open(trees.place(&some_digest(byte)).join(ABOUT))?;
            about.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(byte.into()))?;
        }
        fs::write(run.join(USED), some_digest(1).hex())?;
        let left = || -> io::Result<Vec<Digest>> {
            let mut all: Vec<_> = trees.all()?.iter().map(|tree| tree.digest).collect();
            all.sort();
            Ok(all)
        };
        trees.hold_to(3000);
        assert_eq!(left()?.len(), 3);
        trees.hold_to(2000);
        assert_eq!(left()?, [some_digest(1), some_digest(3)]);
        trees.hold_to(0);
        assert_eq!(left()?, [some_digest(1)]);
        Ok(())
    }

    #[test]
    fn what_a_crash_left_is_no_tree() -> Tested {
        let place = tempfile::tempdir()?;
        let state = place.path();
        let trees = Trees {
            state: state.to_owned(),
            program: PathBuf::from("none"),
        };
        let digest = some_digest(2);
        let tree = trees.lock(digest)?;
        tree.begin()?;
        drop(tree);
        assert_eq!(trees.all()?.len(), 0);
        trees.clean()?;
        let left: Vec<_> = entries(&trees.folder())?;
        assert_eq!(left, [trees.lock_path(&digest)]);
        Ok(())
    }
}
