//! The entries, one after the other.

use super::about::About;
use super::reader::{Archive, Entry};
use super::words::Words;
use super::writers::{Work, Writers, anew, create};
use super::{Room, Rules, Unpacked, paths};
use crate::beneath;
use crate::engine::cannot;
use crate::workspace::DEEPEST;
use ick_core::build::Cause;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tar::EntryType;

/// How many of the entries that are left out are named.
const NAMED: u64 = 20;

/// Files of more bytes are written as they are read. Where so many bytes of such a file are zero, counted
/// from a part's beginning, there is a hole.
const PIECE: usize = 128 << 10;

static ZEROS: [u8; PIECE] = [0; PIECE];

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// What is being unpacked into.
pub(super) struct Tree<'a> {
    words: Words<'a>,
    root: OwnedFd,
    room: Room,
    writers: Writers,
    /// The folders on the way to `here`.
    levels: Vec<Level>,
    /// The last of the levels, else the root.
    here: Arc<OwnedFd>,
    /// How many folders were gone into.
    folders: usize,
    /// How many entries were read.
    number: u64,
    done: Unpacked,
    left_out: u64,
    /// Whether it was told that attributes are left out.
    told: bool,
}

/// A folder on the way, and what it gets when it is left: only then is nothing more made in it.
struct Level {
    path: PathBuf,
    /// The number of the folder.
    folder: usize,
    /// The mode that it had before it was changed so that something can be made in it.
    before: Option<u32>,
    about: Option<About>,
}

impl<'a> Tree<'a> {
    pub(super) fn new(
        words: Words<'a>,
        root: OwnedFd,
        room: Room,
        writers: Writers,
    ) -> Result<Self, Cause> {
        let here = root
            .try_clone()
            .map_err(|why| cannot(&format!("open {}", words.place()), &why))?;
        Ok(Self {
            words,
            root,
            room,
            writers,
            levels: Vec::new(),
            here: Arc::new(here),
            folders: 0,
            number: 0,
            done: Unpacked::default(),
            left_out: 0,
            told: false,
        })
    }

    /// Makes an entry, or gives it to one of the writers.
    pub(super) fn add<R: Read>(
        &mut self,
        entry: &Entry,
        archive: &mut Archive<R>,
    ) -> Result<(), Cause> {
        self.number += 1;
        if let Some(why) = self.writers.failed(false) {
            return Err(why);
        }
        let kind = entry.kind();
        let shown = Path::new(OsStr::from_bytes(&entry.path));
        let Some(path) = paths::inside(&entry.path) else {
            let why = format!(
                "is no path beneath {}; pack it with a relative name without ..",
                self.words.place()
            );
            return Err(self.words.refuse(shown, &why));
        };
        let is_folder = kind == EntryType::Directory
            || (kind == EntryType::Regular && entry.path.ends_with(b"/"));
        if path.as_os_str().is_empty() && is_folder {
            return Ok(());
        }
        if path.components().count() > DEEPEST {
            let why = format!("is more than {DEEPEST} folders deep; pack it less deep");
            return Err(self.words.refuse(shown, &why));
        }
        // It would be unpacked wrongly.
        if entry
            .records
            .iter()
            .any(|(key, _)| key.starts_with(b"GNU.sparse."))
        {
            return Err(self.words.refuse(
                shown,
                "is sparse in a way that is not known here; pack it without --sparse or with --format=gnu",
            ));
        }
        match kind {
            _ if is_folder => self.folder(&path, entry),
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                self.file(path, entry, archive)
            }
            EntryType::Symlink => self.symlink(&path, entry),
            EntryType::Link => self.hard_link(&path, entry),
            EntryType::Char | EntryType::Block => {
                self.leave_out(shown, "a device");
                Ok(())
            }
            EntryType::Fifo => {
                self.leave_out(shown, "a FIFO");
                Ok(())
            }
            other => Err(self.words.refuse(
                shown,
                &format!(
                    "is of a kind that is not known here ({:?}); leave it out of the archive",
                    char::from(other.as_byte())
                ),
            )),
        }
    }

    /// Gives the last folders what they get, if the archive was read to its end, and waits for the writers.
    pub(super) fn finish(mut self, read: Result<(), Cause>) -> Result<Unpacked, Cause> {
        let left = read.and_then(|()| {
            while let Some(level) = self.levels.pop() {
                self.leave(level)?;
            }
            Ok(())
        });
        // What a writer was given came before whatever was read last.
        if let Some(why) = self.writers.failed(true) {
            return Err(why);
        }
        left?;
        if self.left_out > NAMED {
            println!("left out: {} more", self.left_out - NAMED);
        }
        Ok(self.done)
    }

    fn folder(&mut self, path: &Path, entry: &Entry) -> Result<(), Cause> {
        self.take_room(0)?;
        self.enter(path, path)?;
        let about = self.about(path, entry, 0o1777)?;
        if let Some(level) = self.levels.last_mut() {
            level.about = Some(about);
        }
        self.done.entries += 1;
        Ok(())
    }

    fn file<R: Read>(
        &mut self,
        path: PathBuf,
        entry: &Entry,
        archive: &mut Archive<R>,
    ) -> Result<(), Cause> {
        let about = self.about(&path, entry, 0o777)?;
        self.parent(&path)?;
        let small = usize::try_from(entry.size)
            .ok()
            .filter(|size| *size <= PIECE && entry.extents == [(0, entry.size)]);
        if let Some(size) = small {
            self.take_room(entry.size)?;
            let mut content = vec![0; size];
            archive
                .read(&mut content)
                .map_err(|why| self.words.damaged(&why))?;
            let work = Work::File {
                folder: Arc::clone(&self.here),
                content,
                about,
            };
            let folder = self.levels.last().map_or(0, |level| level.folder);
            self.writers.give(folder, self.number, path, work);
        } else {
            self.large(&path, entry, archive, &about)?;
        }
        self.done.entries += 1;
        self.done.bytes += entry.size;
        Ok(())
    }

    /// Writes a file as it is read, with holes where it is zero.
    fn large<R: Read>(
        &mut self,
        path: &Path,
        entry: &Entry,
        archive: &mut Archive<R>,
        about: &About,
    ) -> Result<(), Cause> {
        self.take_room(0)?;
        self.writers.wait_for(path);
        let words = self.words;
        let cannot_make = |why: io::Error| words.cannot_make(path, &why);
        let file = create(&self.here, path, words)?;
        let mut piece = vec![0; PIECE];
        for &(offset, length) in &entry.extents {
            let (mut at, end) = (offset, offset.saturating_add(length));
            while at < end {
                let most = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
                let piece = &mut piece[..most];
                archive.read(piece).map_err(|why| words.damaged(&why))?;
                if *piece != ZEROS[..most] {
                    self.take_room(most as u64)?;
                    file.write_all_at(piece, at).map_err(cannot_make)?;
                }
                at += most as u64;
            }
        }
        file.set_len(entry.size).map_err(cannot_make)?;
        about.give(&file.into()).map_err(cannot_make)
    }

    /// What an entry gets besides its content. That attributes are left out is told once.
    fn about(&mut self, path: &Path, entry: &Entry, good: u32) -> Result<About, Cause> {
        let about = About::new(entry, path, good, self.words)?;
        if let Some(name) = about.attributes.left_out.as_ref().filter(|_| !self.told) {
            self.told = true;
            println!("left out: attributes like {name:?} of {path:?}");
        }
        Ok(about)
    }

    fn symlink(&mut self, path: &Path, entry: &Entry) -> Result<(), Cause> {
        self.take_room(0)?;
        let depth = path.components().count().saturating_sub(1);
        let target = OsStr::from_bytes(&entry.target);
        let good = match self.words.rules {
            Rules::Workspace => paths::stays(&entry.target, depth),
            Rules::Tree => !entry.target.is_empty() && !entry.target.contains(&0),
        };
        if !good {
            return Err(self.words.refuse(
                path,
                &format!(
                    "is a link to {target:?}, which could lead out of the workspace; make it relative, with .. \
                     only at its beginning, or leave it out of the archive"
                ),
            ));
        }
        let about = self.about(path, entry, 0o777)?;
        self.parent(path)?;
        self.writers.wait_for(path);
        anew(&self.here, path, |name| {
            rustix::fs::symlinkat(target, &self.here, name)?;
            about.give_link(&self.here, name)
        })
        .map_err(|why| self.words.cannot_make(path, &why))?;
        self.done.entries += 1;
        Ok(())
    }

    fn hard_link(&mut self, path: &Path, entry: &Entry) -> Result<(), Cause> {
        self.take_room(0)?;
        let shown = OsStr::from_bytes(&entry.target);
        let target = paths::inside(&entry.target).and_then(|target| {
            let name = target.file_name()?.to_owned();
            Some((target.parent()?.to_owned(), name, target))
        });
        let Some((folder, target_name, target)) = target else {
            let why = format!(
                "is a hard link to {shown:?}, which is no path beneath {}; pack a copy instead",
                self.words.place()
            );
            return Err(self.words.refuse(path, &why));
        };
        // Its folder, and those above, may be about to be shut.
        self.writers.wait();
        let is_file = beneath::open(&self.root, &folder, FOLDER).and_then(|folder| {
            let stat = rustix::fs::statat(&folder, &target_name, AtFlags::SYMLINK_NOFOLLOW)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => Ok(folder),
                _ => Err(io::ErrorKind::InvalidInput.into()),
            }
        });
        let Ok(folder) = is_file else {
            let why = format!(
                "is a hard link to {shown:?}, which is no file that was unpacked before; pack a copy instead"
            );
            return Err(self.words.refuse(path, &why));
        };
        self.parent(path)?;
        // A name of itself is there already.
        if path != target {
            anew(&self.here, path, |name| {
                rustix::fs::linkat(&folder, &target_name, &self.here, name, AtFlags::empty())
            })
            .map_err(|why| self.words.cannot_make(path, &why))?;
        }
        self.done.entries += 1;
        Ok(())
    }

    fn leave_out(&mut self, path: &Path, what: &str) {
        self.left_out += 1;
        if self.left_out <= NAMED {
            println!("left out: {path:?} ({what})");
        }
    }

    fn take_room(&mut self, bytes: u64) -> Result<(), Cause> {
        if self.room.take(bytes) {
            Ok(())
        } else {
            Err(self.words.full(self.room))
        }
    }

    /// Goes into the folder of an entry.
    fn parent(&mut self, path: &Path) -> Result<(), Cause> {
        match (path.parent(), path.file_name()) {
            (Some(folder), Some(_)) => self.enter(folder, path),
            _ => Err(self
                .words
                .refuse(path, "has no name; leave it out of the archive")),
        }
    }

    /// Goes into a folder, making what is missing of it, for an entry.
    fn enter(&mut self, folder: &Path, entry: &Path) -> Result<(), Cause> {
        let words = self.words;
        let cannot_make = |why: io::Error| words.cannot_make(entry, &why);
        let mut left = false;
        while let Some(level) = self.levels.pop_if(|level| !folder.starts_with(&level.path)) {
            self.leave(level)?;
            left = true;
        }
        let mut path = self
            .levels
            .last()
            .map(|level| level.path.clone())
            .unwrap_or_default();
        if left {
            let here = beneath::open(&self.root, &path, FOLDER).map_err(cannot_make)?;
            self.here = Arc::new(here);
        }
        for part in folder.components().skip(path.components().count()) {
            path.push(part);
            self.writers.wait_for(&path);
            let before = self.step(part.as_os_str()).map_err(cannot_make)?;
            self.folders += 1;
            self.levels.push(Level {
                path: path.clone(),
                folder: self.folders,
                before,
                about: None,
            });
        }
        Ok(())
    }

    /// Goes one folder down, making it if it is missing. Gives the mode that it must get back, when it had
    /// to be changed so that something can be made in it.
    fn step(&mut self, name: &OsStr) -> io::Result<Option<u32>> {
        match rustix::fs::mkdirat(&self.here, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(why) => return Err(why.into()),
        }
        let inner = beneath::open(&self.here, Path::new(name), FOLDER)?;
        let mode = rustix::fs::fstat(&inner)?.st_mode & 0o7777;
        let narrow = mode & 0o700 != 0o700;
        if narrow {
            rustix::fs::fchmod(&inner, Mode::from_raw_mode(mode | 0o700))?;
        }
        self.here = Arc::new(inner);
        Ok(narrow.then_some(mode))
    }

    /// Gives a folder that is left what it gets, after what is still under way in it.
    fn leave(&mut self, level: Level) -> Result<(), Cause> {
        let open = || {
            beneath::open(&self.root, &level.path, FOLDER)
                .map_err(|why| self.words.cannot_make(&level.path, &why))
        };
        let work = match (level.about, level.before) {
            (Some(about), _) => Work::Folder {
                folder: open()?,
                about,
            },
            (None, Some(mode)) => Work::Mode {
                folder: open()?,
                mode,
            },
            (None, None) => return Ok(()),
        };
        self.writers
            .give(level.folder, self.number, level.path, work);
        Ok(())
    }
}
