//! Packing: the workspace's entries, in order, as a tar archive.
//!
//! Everything is reached by its path beneath the workspace and no link is followed, so a folder that
//! is swapped for a link meanwhile leads nowhere. Each name is looked at only when it is its turn:
//! memory is that of the folders on the way down.

use super::super::failed;
use super::super::globs::{Choice, Globs};
use super::super::xattrs::{Attributes, PREFIX};
use crate::beneath;
use crate::engine::{CONTAINER_UID, cannot};
use ick_core::build::Cause;
use rustix::fd::OwnedFd;
use rustix::fs::{Dir, FileType, OFlags, SeekFrom, Stat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

/// How much of a file is read at a time.
const BUFFER: usize = 128 << 10;

static ZEROS: [u8; BUFFER] = [0; BUFFER];

/// How to pack.
#[derive(Debug)]
pub(in crate::actions) struct Packing {
    pub(in crate::actions) globs: Globs,
    /// The time of all entries, in seconds since 1970; none keeps each its own.
    pub(in crate::actions) mtime: Option<u64>,
    pub(in crate::actions) owners: Owners,
}

/// What the archive keeps of the entries besides names, contents and permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::actions) enum Owners {
    /// Nothing: everything belongs to 0:0, as is right for the files of the worker or the build user.
    Zero,
    /// Their owners by number, as they are seen from where this runs, with what is the build user's 0:0;
    /// the setuid bits; the extended attributes that [`Attributes`] keeps. This is for a system tree.
    Tree,
}

/// What was packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::actions) struct Packed {
    pub(in crate::actions) entries: u64,
    /// Bytes of the files' contents.
    pub(in crate::actions) bytes: u64,
}

/// Packs what is in a folder into a tar archive, not compressed. Entries are sorted by name within their
/// folder, a folder before what is in it; the folder itself is no entry.
pub(in crate::actions) fn pack(
    root: OwnedFd,
    packing: &mut Packing,
    to: impl Write,
) -> Result<Packed, Cause> {
    let mut builder = Builder::new(to);
    builder.sparse(false);
    let mut packer = Packer {
        root,
        builder,
        packing,
        packed: Packed::default(),
        told: false,
        buffer: vec![0; BUFFER],
    };
    packer.folders()?;
    let unmatched = packer.packing.globs.unmatched();
    if !unmatched.is_empty() {
        return Err(failed(format!(
            "nothing in the workspace matches {}",
            unmatched.join(", ")
        )));
    }
    let packed = packer.packed;
    let to = packer.builder.into_inner();
    to.map_err(|why| write_error(&why))?;
    Ok(packed)
}

/// A folder on the way down: the names that are left, the next one last.
struct Level {
    path: PathBuf,
    names: Vec<OsString>,
    whole: bool,
}

struct Packer<'a, W: Write> {
    root: OwnedFd,
    builder: Builder<W>,
    packing: &'a mut Packing,
    packed: Packed,
    /// Whether it was told that attributes are left out.
    told: bool,
    buffer: Vec<u8>,
}

impl<W: Write> Packer<'_, W> {
    fn folders(&mut self) -> Result<(), Cause> {
        let mut levels = vec![self.level(PathBuf::new(), false)?];
        while let Some(level) = levels.last_mut() {
            let Some(name) = level.names.pop() else {
                levels.pop();
                continue;
            };
            let path = level.path.join(name);
            let inside = level.whole;
            let choice = if inside {
                if self.packing.globs.is_waiting() {
                    self.packing.globs.note(&path);
                }
                Choice::Whole
            } else {
                self.packing.globs.choose(&path)
            };
            if choice == Choice::No {
                continue;
            }
            if self.entry(&path, choice)? {
                levels.push(self.level(path, choice == Choice::Whole)?);
            }
        }
        Ok(())
    }

    /// The names of a folder.
    fn level(&self, path: PathBuf, whole: bool) -> Result<Level, Cause> {
        let read = || -> io::Result<Vec<OsString>> {
            let folder = beneath::open(&self.root, &path, OFlags::RDONLY | OFlags::DIRECTORY)?;
            let mut names = Vec::new();
            for entry in Dir::new(folder)? {
                let name = OsString::from_vec(entry?.file_name().to_bytes().to_vec());
                if name != "." && name != ".." {
                    names.push(name);
                }
            }
            Ok(names)
        };
        let mut names = read().map_err(|why| unreadable(&path, &why))?;
        names.sort_unstable_by(|a, b| b.cmp(a));
        Ok(Level { path, names, whole })
    }

    /// Packs an entry if it is chosen; whether it is a folder to go into.
    fn entry(&mut self, path: &Path, choice: Choice) -> Result<bool, Cause> {
        let look = beneath::open(&self.root, path, OFlags::PATH | OFlags::NOFOLLOW);
        let there = look.map_err(|why| unreadable(path, &why))?;
        let stat = rustix::fs::fstat(&there).map_err(|why| unreadable(path, &why.into()))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if choice == Choice::Beneath {
            return Ok(kind == FileType::Directory);
        }
        match kind {
            FileType::Directory => {
                if self.packing.owners == Owners::Tree {
                    let folder =
                        beneath::open(&self.root, path, OFlags::RDONLY | OFlags::DIRECTORY);
                    self.attributes(path, &folder.map_err(|why| unreadable(path, &why))?)?;
                }
                let mut header = self.header(&stat, EntryType::Directory, 0);
                let mut name = path.as_os_str().to_owned();
                name.push("/");
                self.append(&mut header, Path::new(&name), &[][..])?;
                return Ok(true);
            }
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(&there, "", Vec::new())
                    .map_err(|why| unreadable(path, &why.into()))?;
                let target = Path::new(OsStr::from_bytes(target.as_bytes()));
                let mut header = self.header(&stat, EntryType::Symlink, 0);
                header.set_mode(0o777);
                self.builder
                    .append_link(&mut header, path, target)
                    .map_err(|why| write_error(&why))?;
                self.packed.entries += 1;
            }
            FileType::RegularFile => self.file(path, &stat)?,
            other => println!("left out: {} ({})", path.display(), word(other)),
        }
        Ok(false)
    }

    fn file(&mut self, path: &Path, before: &Stat) -> Result<(), Cause> {
        // Not to wait for ever, should it have become a FIFO.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = beneath::open(&self.root, path, flags).map_err(|why| unreadable(path, &why))?;
        let stat =
            |file: &OwnedFd| rustix::fs::fstat(file).map_err(|why| unreadable(path, &why.into()));
        let opened = stat(&file)?;
        if !same(before, &opened) {
            return Err(changed(path));
        }
        let size = u64::try_from(opened.st_size).unwrap_or(0);
        if self.packing.owners == Owners::Tree {
            self.attributes(path, &file)?;
        }
        let mut header = self.header(&opened, EntryType::Regular, size);
        self.builder
            .append_data(&mut header, path, io::empty())
            .map_err(|why| write_error(&why))?;
        let file = File::from(file);
        self.content(path, &file, &opened)?;
        if !same(&opened, &stat(&file.into())?) {
            return Err(changed(path));
        }
        self.packed.entries += 1;
        self.packed.bytes += size;
        Ok(())
    }

    /// Writes as many bytes as the header has said. Holes are not read: they are zero.
    fn content(&mut self, path: &Path, file: &File, about: &Stat) -> Result<(), Cause> {
        let size = u64::try_from(about.st_size).unwrap_or(0);
        let has_holes = about.st_blocks.saturating_mul(512) < about.st_size;
        let to = self.builder.get_mut();
        let mut at = 0;
        while at < size {
            let data = if has_holes { data(file, at, size) } else { at };
            while at < data {
                let most = short(data - at).min(ZEROS.len());
                to.write_all(&ZEROS[..most])
                    .map_err(|why| write_error(&why))?;
                at += most as u64;
            }
            let most = short(size - at).min(self.buffer.len());
            match file.read_at(&mut self.buffer[..most], at) {
                Ok(0) if most > 0 => return Err(changed(path)),
                Ok(count) => {
                    to.write_all(&self.buffer[..count])
                        .map_err(|why| write_error(&why))?;
                    at += count as u64;
                }
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(unreadable(path, &why)),
            }
        }
        let filling = short(size.wrapping_neg() % 512);
        to.write_all(&ZEROS[..filling])
            .map_err(|why| write_error(&why))
    }

    /// Writes the attributes of the entry that comes next.
    fn attributes(&mut self, path: &Path, file: &OwnedFd) -> Result<(), Cause> {
        let attributes = Attributes::of(file).map_err(|why| unreadable(path, &why))?;
        if let Some(name) = attributes.left_out.filter(|_| !self.told) {
            self.told = true;
            println!("left out: attributes like {name:?} of {}", path.display());
        }
        let records = attributes.kept.iter();
        let records: Vec<_> = records
            .map(|(name, value)| (format!("{PREFIX}{name}"), value.as_slice()))
            .collect();
        self.builder
            .append_pax_extensions(records.iter().map(|(key, value)| (key.as_str(), *value)))
            .map_err(|why| write_error(&why))
    }

    fn append(&mut self, header: &mut Header, path: &Path, data: &[u8]) -> Result<(), Cause> {
        self.builder
            .append_data(header, path, data)
            .map_err(|why| write_error(&why))?;
        self.packed.entries += 1;
        Ok(())
    }

    fn header(&self, stat: &Stat, kind: EntryType, size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        let id = |id| match self.packing.owners {
            Owners::Tree if id != CONTAINER_UID => u64::from(id),
            _ => 0,
        };
        header.set_uid(id(stat.st_uid));
        header.set_gid(id(stat.st_gid));
        header.set_mode(match self.packing.owners {
            // What runs as its owner would run as root from the archive.
            Owners::Zero => stat.st_mode & 0o1777,
            Owners::Tree => stat.st_mode & 0o7777,
        });
        let own = u64::try_from(stat.st_mtime).unwrap_or(0);
        header.set_mtime(self.packing.mtime.unwrap_or(own));
        header
    }
}

/// Where there is data in a file, from a place on: at its end, if there is none.
fn data(file: &File, at: u64, size: u64) -> u64 {
    match rustix::fs::seek(file, SeekFrom::Data(at)) {
        Ok(data) => data.clamp(at, size),
        Err(Errno::NXIO) => size,
        // A file system that does not tell.
        Err(_) => at,
    }
}

fn short(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Whether it is the same file with the same content, as far as its numbers say.
fn same(a: &Stat, b: &Stat) -> bool {
    a.st_dev == b.st_dev
        && a.st_ino == b.st_ino
        && a.st_mode == b.st_mode
        && a.st_size == b.st_size
        && a.st_mtime == b.st_mtime
        && a.st_mtime_nsec == b.st_mtime_nsec
}

fn changed(path: &Path) -> Cause {
    failed(format!("{} changed while it was packed", path.display()))
}

fn unreadable(path: &Path, why: &io::Error) -> Cause {
    match why.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => changed(path),
        Some(Errno::NAMETOOLONG) => failed(format!(
            "cannot pack a path of more than 4095 bytes, which begins {}",
            path.display()
                .to_string()
                .chars()
                .take(60)
                .collect::<String>()
        )),
        _ => failed(format!("cannot read {}: {why}", path.display())),
    }
}

fn write_error(why: &io::Error) -> Cause {
    cannot("write the archive", why)
}

fn word(kind: FileType) -> &'static str {
    match kind {
        FileType::Socket => "a socket",
        FileType::Fifo => "a FIFO",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "neither file, folder nor link",
    }
}
