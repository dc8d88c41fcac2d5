//! The entries, one after the other.

use super::super::xattrs::{Attributes, PREFIX};
use super::super::{beneath, failed};
use super::{HIGHEST_ID, Rules, Unpacked, damaged, paths};
use crate::engine::cannot;
use crate::workspace::DEEPEST;
use ick_core::build::Cause;
use ick_core::name::BlobName;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use tar::{Entry, EntryType};

/// How many of the entries that are left out are named.
const NAMED: u64 = 20;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// What is being unpacked into.
pub(super) struct Tree<'a> {
    name: &'a BlobName,
    root: OwnedFd,
    rules: Rules,
    /// The folders on the way to `here`.
    levels: Vec<Level>,
    /// The last of the levels, else the root.
    here: OwnedFd,
    done: Unpacked,
    left_out: u64,
    /// Whether it was told that attributes are left out.
    told: bool,
}

/// A folder on the way, and what it gets when it is left: only then is nothing more made in it.
struct Level {
    path: PathBuf,
    /// The mode that it had before it was changed so that something can be made in it.
    before: Option<u32>,
    about: Option<About>,
}

/// What an entry gets besides its content.
struct About {
    owner: Option<(Uid, Gid)>,
    mode: u32,
    attributes: Attributes,
    time: u64,
}

impl About {
    /// Gives it all. A change of the owner takes setuid bits and capabilities away: that comes first.
    fn give(&self, file: &OwnedFd) -> io::Result<()> {
        if let Some((uid, gid)) = self.owner {
            rustix::fs::fchown(file, Some(uid), Some(gid))?;
        }
        self.attributes.give(file)?;
        rustix::fs::futimens(file, &times(self.time))?;
        Ok(rustix::fs::fchmod(file, Mode::from_raw_mode(self.mode))?)
    }
}

impl<'a> Tree<'a> {
    pub(super) fn new(name: &'a BlobName, root: OwnedFd, rules: Rules) -> Result<Self, Cause> {
        let here = root
            .try_clone()
            .map_err(|why| cannot(&format!("open {}", rules.place()), &why))?;
        Ok(Self {
            name,
            root,
            rules,
            levels: Vec::new(),
            here,
            done: Unpacked::default(),
            left_out: 0,
            told: false,
        })
    }

    /// Makes an entry.
    pub(super) fn add<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> Result<(), Cause> {
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            return Ok(());
        }
        let name = entry.path_bytes().into_owned();
        let shown = Path::new(OsStr::from_bytes(&name)).to_path_buf();
        let Some(path) = paths::inside(&name) else {
            let why = format!(
                "is no path beneath {}; pack it with a relative name without ..",
                self.rules.place()
            );
            return Err(self.refuse(&shown, &why));
        };
        let is_folder =
            kind == EntryType::Directory || (kind == EntryType::Regular && name.ends_with(b"/"));
        if path.as_os_str().is_empty() && is_folder {
            return Ok(());
        }
        if path.components().count() > DEEPEST {
            let why = format!("is more than {DEEPEST} folders deep; pack it less deep");
            return Err(self.refuse(&shown, &why));
        }
        if self.is_unknown_sparse(entry)? {
            return Err(self.refuse(
                &shown,
                "is sparse in a way that is not known here; pack it without --sparse or with --format=gnu",
            ));
        }
        match kind {
            _ if is_folder => self.folder(&path, entry),
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                self.file(&path, entry)
            }
            EntryType::Symlink => self.symlink(&path, entry),
            EntryType::Link => self.hard_link(&path, entry),
            EntryType::Char | EntryType::Block => {
                self.leave_out(&shown, "a device");
                Ok(())
            }
            EntryType::Fifo => {
                self.leave_out(&shown, "a FIFO");
                Ok(())
            }
            other => Err(self.refuse(
                &shown,
                &format!(
                    "is of a kind that is not known here ({:?}); leave it out of the archive",
                    char::from(other.as_byte())
                ),
            )),
        }
    }

    /// Gives the last folders their modes and times.
    pub(super) fn finish(mut self) -> Result<Unpacked, Cause> {
        while let Some(level) = self.levels.pop() {
            self.leave(&level)?;
        }
        if self.left_out > NAMED {
            println!("left out: {} more", self.left_out - NAMED);
        }
        Ok(self.done)
    }

    fn folder<R: Read>(&mut self, path: &Path, entry: &mut Entry<'_, R>) -> Result<(), Cause> {
        self.enter(path, path)?;
        let about = self.about(path, entry, 0o1777)?;
        if let Some(level) = self.levels.last_mut() {
            level.about = Some(about);
        }
        self.done.entries += 1;
        Ok(())
    }

    fn file<R: Read>(&mut self, path: &Path, entry: &mut Entry<'_, R>) -> Result<(), Cause> {
        let about = self.about(path, entry, 0o777)?;
        let name = self.parent(path)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = self.anew(path, |here| {
            rustix::fs::openat(here, name, flags, Mode::from_raw_mode(0o600))
        })?;
        let mut file = File::from(file);
        let size = entry.size();
        let mut left = size;
        let mut buffer = vec![0; 64 << 10];
        while left > 0 {
            let most = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            match entry.read(&mut buffer[..most]) {
                Ok(0) => {
                    let why = io::Error::other(format!("it ends within {}", path.display()));
                    return Err(damaged(self.name, &why));
                }
                Ok(count) => {
                    io::Write::write_all(&mut file, &buffer[..count])
                        .map_err(|why| self.cannot_make(path, &why))?;
                    left -= count as u64;
                }
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(damaged(self.name, &why)),
            }
        }
        about
            .give(&file.into())
            .map_err(|why| self.cannot_make(path, &why))?;
        self.done.entries += 1;
        self.done.bytes += size;
        Ok(())
    }

    /// What an entry gets. In a workspace only these bits of the mode are good.
    fn about<R: Read>(
        &mut self,
        path: &Path,
        entry: &mut Entry<'_, R>,
        good: u32,
    ) -> Result<About, Cause> {
        let attributes = self.attributes(path, entry)?;
        let header = entry.header();
        let both = header.mode().and_then(|mode| Ok((mode, header.mtime()?)));
        let (mode, time) = both.map_err(|why| damaged(self.name, &why))?;
        let good = match self.rules {
            Rules::Workspace => good,
            Rules::Tree => 0o7777,
        };
        Ok(About {
            owner: self.owner(path, entry)?,
            mode: mode & good,
            attributes,
            time,
        })
    }

    /// Whom an entry is to belong to, if not to who makes it.
    fn owner<R: Read>(
        &self,
        path: &Path,
        entry: &Entry<'_, R>,
    ) -> Result<Option<(Uid, Gid)>, Cause> {
        if self.rules == Rules::Workspace {
            return Ok(None);
        }
        let id = |what, id: io::Result<u64>| {
            let id = id.map_err(|why| damaged(self.name, &why))?;
            let good = u32::try_from(id).ok().filter(|_| id <= HIGHEST_ID);
            good.ok_or_else(|| {
                let why = format!(
                    "belongs to the {what} {id}, and those of a tree go up to {HIGHEST_ID}; give it to \
                     another before it is packed"
                );
                self.refuse(path, &why)
            })
        };
        let header = entry.header();
        let (uid, gid) = (id("user", header.uid())?, id("group", header.gid())?);
        Ok(Some((Uid::from_raw(uid), Gid::from_raw(gid))))
    }

    /// The attributes that an entry gets. That others are left out is told once.
    fn attributes<R: Read>(
        &mut self,
        path: &Path,
        entry: &mut Entry<'_, R>,
    ) -> Result<Attributes, Cause> {
        let mut read = Attributes::default();
        let records = entry.pax_extensions();
        for record in records
            .map_err(|why| damaged(self.name, &why))?
            .into_iter()
            .flatten()
        {
            let record = record.map_err(|why| damaged(self.name, &why))?;
            if let Some(name) = record.key_bytes().strip_prefix(PREFIX.as_bytes()) {
                read.add(name, || Ok(record.value_bytes().to_vec()))
                    .map_err(|why| damaged(self.name, &why))?;
            }
        }
        if self.rules == Rules::Workspace {
            read.left_out = read
                .kept
                .drain(..)
                .next()
                .map(|(name, _)| name)
                .or(read.left_out);
        }
        if let Some(name) = read.left_out.take().filter(|_| !self.told) {
            self.told = true;
            println!("left out: attributes like {name:?} of {path:?}");
        }
        Ok(read)
    }

    fn symlink<R: Read>(&mut self, path: &Path, entry: &Entry<'_, R>) -> Result<(), Cause> {
        let target = entry.link_name_bytes().unwrap_or_default().into_owned();
        let depth = path.components().count().saturating_sub(1);
        let good = match self.rules {
            Rules::Workspace => paths::stays(&target, depth),
            Rules::Tree => !target.is_empty() && !target.contains(&0),
        };
        if !good {
            return Err(self.refuse(
                path,
                &format!(
                    "is a link to {:?}, which could lead out of the workspace; make it relative, with .. \
                     only at its beginning, or leave it out of the archive",
                    OsStr::from_bytes(&target)
                ),
            ));
        }
        let owner = self.owner(path, entry)?;
        let name = self.parent(path)?;
        let target = OsStr::from_bytes(&target);
        self.anew(path, |here| rustix::fs::symlinkat(target, here, name))?;
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        if let Some((uid, gid)) = owner {
            rustix::fs::chownat(&self.here, name, Some(uid), Some(gid), flags)
                .map_err(|why| self.cannot_make(path, &why.into()))?;
        }
        let time = entry.header().mtime();
        let time = time.map_err(|why| damaged(self.name, &why))?;
        rustix::fs::utimensat(&self.here, name, &times(time), flags)
            .map_err(|why| self.cannot_make(path, &why.into()))?;
        self.done.entries += 1;
        Ok(())
    }

    fn hard_link<R: Read>(&mut self, path: &Path, entry: &Entry<'_, R>) -> Result<(), Cause> {
        let bytes = entry.link_name_bytes().unwrap_or_default().into_owned();
        let shown = OsStr::from_bytes(&bytes);
        let target = paths::inside(&bytes).and_then(|target| {
            let name = target.file_name()?.to_owned();
            Some((target.parent()?.to_owned(), name, target))
        });
        let Some((folder, target_name, target)) = target else {
            let why = format!(
                "is a hard link to {shown:?}, which is no path beneath {}; pack a copy instead",
                self.rules.place()
            );
            return Err(self.refuse(path, &why));
        };
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
            return Err(self.refuse(path, &why));
        };
        let name = self.parent(path)?;
        // A name of itself is there already.
        if path != target {
            self.anew(path, |here| {
                rustix::fs::linkat(&folder, &target_name, here, name, AtFlags::empty())
            })?;
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

    /// Goes into the folder of an entry; gives the entry's own name.
    fn parent<'p>(&mut self, path: &'p Path) -> Result<&'p OsStr, Cause> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(self.refuse(path, "has no name; leave it out of the archive"));
        };
        self.enter(folder, path)?;
        Ok(name)
    }

    /// Goes into a folder, making what is missing of it, for an entry.
    fn enter(&mut self, folder: &Path, entry: &Path) -> Result<(), Cause> {
        let mut left = false;
        while let Some(level) = self.levels.pop_if(|level| !folder.starts_with(&level.path)) {
            self.leave(&level)?;
            left = true;
        }
        let mut path = self
            .levels
            .last()
            .map(|level| level.path.clone())
            .unwrap_or_default();
        if left {
            self.here = beneath::open(&self.root, &path, FOLDER)
                .map_err(|why| self.cannot_make(entry, &why))?;
        }
        for part in folder.components().skip(path.components().count()) {
            path.push(part);
            let before = self
                .step(part.as_os_str())
                .map_err(|why| self.cannot_make(entry, &why))?;
            self.levels.push(Level {
                path: path.clone(),
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
        self.here = inner;
        Ok(narrow.then_some(mode))
    }

    /// Gives a folder that is left its mode and time.
    fn leave(&self, level: &Level) -> Result<(), Cause> {
        if level.before.is_none() && level.about.is_none() {
            return Ok(());
        }
        let finish = || -> io::Result<()> {
            let folder = beneath::open(&self.root, &level.path, FOLDER)?;
            match (&level.about, level.before) {
                (Some(about), _) => about.give(&folder),
                (None, Some(mode)) => Ok(rustix::fs::fchmod(&folder, Mode::from_raw_mode(mode))?),
                (None, None) => Ok(()),
            }
        };
        finish().map_err(|why| self.cannot_make(&level.path, &why))
    }

    /// Makes something in the folder where we are, in the place of a file or link of that name.
    fn anew<T>(
        &self,
        path: &Path,
        make: impl Fn(&OwnedFd) -> rustix::io::Result<T>,
    ) -> Result<T, Cause> {
        let made = match (make(&self.here), path.file_name()) {
            (Err(Errno::EXIST), Some(name)) => {
                rustix::fs::unlinkat(&self.here, name, AtFlags::empty())
                    .and_then(|()| make(&self.here))
            }
            (made, _) => made,
        };
        made.map_err(|why| self.cannot_make(path, &why.into()))
    }

    /// Whether an entry is sparse in the form of pax, which would be unpacked wrongly.
    fn is_unknown_sparse<R: Read>(&self, entry: &mut Entry<'_, R>) -> Result<bool, Cause> {
        let extensions = entry
            .pax_extensions()
            .map_err(|why| damaged(self.name, &why))?;
        Ok(extensions.into_iter().flatten().any(|extension| {
            extension.is_ok_and(|one| one.key_bytes().starts_with(b"GNU.sparse."))
        }))
    }

    fn refuse(&self, path: &Path, why: &str) -> Cause {
        let shown: String = format!("{path:?}").chars().take(300).collect();
        failed(format!("artifact {}: the entry {shown} {why}", self.name))
    }

    fn cannot_make(&self, path: &Path, why: &io::Error) -> Cause {
        match why.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::LOOP | Errno::NOTDIR | Errno::XDEV) => self.refuse(
                path,
                "goes through a link or a file, and nothing is written through one; remove that before, or \
                 pack the folder itself",
            ),
            Some(Errno::ISDIR) => self.refuse(
                path,
                "is to be where a folder is already; remove the folder before, or pack it under another name",
            ),
            Some(Errno::NAMETOOLONG) => self.refuse(
                path,
                "has a longer name than the file system takes; pack it with a shorter one",
            ),
            Some(Errno::NOSPC | Errno::DQUOT) => {
                cannot(&format!("unpack {path:?} of artifact {}", self.name), why)
            }
            _ => self.refuse(
                path,
                &format!(
                    "cannot be made: {why}; is that place in {} the worker's to write?",
                    self.rules.place()
                ),
            ),
        }
    }
}

fn times(seconds: u64) -> Timestamps {
    let time = Timespec {
        tv_sec: i64::try_from(seconds).unwrap_or(i64::MAX),
        tv_nsec: 0,
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}
