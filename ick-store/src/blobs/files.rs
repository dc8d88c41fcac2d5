//! Contents as files: `sha256/ab/abcdef…`, each written in `tmp`, synced, and renamed into its place.
//!
//! A path is made of a digest's digits and of counters, and of nothing that a client sent.
//!
//! Between the rename and the moment when the index names the content, a mark in `tmp` says that it
//! may belong to nobody; a process that finds marks at its start looks each of them up. So a crash
//! leaves neither half a file nor a whole one without a name, and no start reads the whole folder.

use super::interface::{Arrived, Blobs, Content, Expected, Incoming, Placed};
use bytes::Bytes;
use ick_core::digest::Digest;
use ick_state::{Error, Room, atomic};
use rustix::fs::{Advice, fadvise};
use rustix::io::ReadWriteFlags;
use sha2::{Digest as _, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut, Write};
use std::num::NonZeroU64;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The version of the folder's layout.
const VERSION: &[u8] = b"1\n";
/// How names of marks begin in `tmp`; a content's digits follow, `-` and a number.
const MARK: &str = "placed-";
/// The disk is told to begin writing whenever so many bytes have come, so that the sync at the end
/// finds little left to do.
const WRITE_BACK: u64 = 8 << 20;

/// Contents as files in a folder. One process at a time.
#[derive(Debug)]
pub struct Files {
    contents: PathBuf,
    tmp: PathBuf,
    room: Room,
    next: AtomicU64,
}

impl Files {
    /// Opens the folder and creates it where there is none. What an earlier process was receiving
    /// when it ended is removed. What is received leaves the room that `room` is to keep.
    ///
    /// # Errors
    /// Those of the file system; a layout of a newer program.
    pub fn open(root: &Path, room: Room) -> Result<Self, Error> {
        let files = Self {
            contents: root.join("sha256"),
            tmp: root.join("tmp"),
            room,
            next: AtomicU64::new(0),
        };
        let version = root.join("version");
        match fs::read(&version) {
            Ok(found) if found == VERSION => {}
            Ok(_) => {
                return Err(Error::Other(format!(
                    "{} was written by a newer program: use that program",
                    root.display()
                )));
            }
            Err(_) => {
                create_folder(root)?;
                create_folder(&files.tmp)?;
                create_folder(&files.contents)?;
                for n in 0..=255_u8 {
                    create_folder(&files.contents.join(format!("{n:02x}")))?;
                }
                atomic::sync_folder(&files.contents)?;
                // Last: with it the layout is complete.
                atomic::write(&version, VERSION, 0o600)?;
            }
        }
        for path in files.in_tmp()? {
            if mark(&path).is_none() {
                atomic::remove(&path)?;
            }
        }
        Ok(files)
    }

    /// Where a content is, in a folder of contents that need not be open: for checks.
    pub fn path_in(root: &Path, digest: &Digest) -> PathBuf {
        path(&root.join("sha256"), digest)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        path(&self.contents, digest)
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn in_tmp(&self) -> Result<Vec<PathBuf>, Error> {
        fs::read_dir(&self.tmp)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
            .map_err(|e| Error::io("read the folder", &self.tmp, &e))
    }
}

fn path(contents: &Path, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    contents.join(&hex[..2]).join(hex)
}

fn create_folder(path: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| Error::io("create the folder", path, &e))
}

fn create_file(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| Error::io("create", path, &e))
}

/// The content that a path in `tmp` is a mark of.
fn mark(path: &Path) -> Option<Digest> {
    let rest = path.file_name()?.to_str()?.strip_prefix(MARK)?;
    Digest::from_hex(rest.split_once('-')?.0).ok()
}

impl Blobs for Files {
    fn receive(&self, expected: Expected) -> Result<Box<dyn Incoming>, Error> {
        // What cannot fit is refused before it is sent.
        self.room.expect(expected.size.unwrap_or(0))?;
        let number = self.number();
        let path = self.tmp.join(format!("upload-{number}"));
        let file = create_file(&path)?;
        Ok(Box::new(Upload {
            temporary: Temporary(path),
            contents: self.contents.clone(),
            room: self.room.clone(),
            number,
            file,
            hasher: Sha256::new(),
            size: 0,
            // What the disk has begun to write it must also free again, which is slow: not for a
            // content that is thrown away at the end.
            write_back_at: if expected.known { u64::MAX } else { WRITE_BACK },
            written_back: 0,
        }))
    }

    fn open(&self, digest: &Digest) -> Result<Option<Box<dyn Content>>, Error> {
        let path = self.path(digest);
        let failed = |e: &io::Error| Error::io("open", &path, e);
        match File::open(&path) {
            Ok(file) => {
                let size = file.metadata().map_err(|e| failed(&e))?.len();
                let _ = fadvise(&file, 0, None, Advice::Sequential);
                Ok(Some(Box::new(Stored { file, size })))
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(failed(&e)),
        }
    }

    fn remove(&self, digest: &Digest) -> Result<(), Error> {
        atomic::remove(&self.path(digest))
    }

    fn left(&self) -> Result<Vec<Digest>, Error> {
        Ok(self.in_tmp()?.iter().filter_map(|p| mark(p)).collect())
    }

    fn settle_left(&self) -> Result<(), Error> {
        for path in self.in_tmp()? {
            if mark(&path).is_some() {
                atomic::remove(&path)?;
            }
        }
        Ok(())
    }
}

/// A file in `tmp`, removed when it is dropped.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove a temporary file");
        }
    }
}

struct Upload {
    temporary: Temporary,
    contents: PathBuf,
    room: Room,
    number: u64,
    file: File,
    hasher: Sha256,
    size: u64,
    write_back_at: u64,
    written_back: u64,
}

impl Incoming for Upload {
    fn write(&mut self, pieces: &[Bytes]) -> Result<(), Error> {
        for piece in pieces {
            self.hasher.update(piece);
            self.size += piece.len() as u64;
        }
        // Others write, too, and of what comes in chunks nobody knew how much it is.
        self.room.expect(0)?;
        write_all(&mut self.file, pieces).map_err(|e| Error::io("write", &self.temporary.0, &e))?;
        if self.size >= self.write_back_at {
            // Dropping dirty pages from memory is not possible; what the advice does to them is to
            // start writing them to disk, and it does not wait for that.
            let len = NonZeroU64::new(self.size - self.written_back);
            let _ = fadvise(&self.file, self.written_back, len, Advice::DontNeed);
            self.written_back = self.size;
            self.write_back_at = self.size + WRITE_BACK;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn Arrived>, Error> {
        let digest = Digest::from_bytes(self.hasher.finalize().into());
        Ok(Box::new(Received {
            target: path(&self.contents, &digest),
            temporary: self.temporary,
            number: self.number,
            file: self.file,
            digest,
            size: self.size,
        }))
    }
}

fn write_all(file: &mut File, pieces: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut rest = slices.as_mut_slice();
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match file.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => IoSlice::advance_slices(&mut rest, n),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

struct Received {
    target: PathBuf,
    temporary: Temporary,
    number: u64,
    file: File,
    digest: Digest,
    size: u64,
}

impl Arrived for Received {
    fn digest(&self) -> Digest {
        self.digest
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn place(self: Box<Self>) -> Result<Box<dyn Placed>, Error> {
        let failed = |e: &io::Error| Error::io("write", &self.temporary.0, e);
        let name = format!("{MARK}{}-{}", self.digest.hex(), self.number);
        let mark = Temporary(self.temporary.0.with_file_name(name));
        create_file(&mark.0)?;
        // What is in its place was synced before it came there: the same content is not written twice.
        let there = fs::metadata(&self.target).is_ok_and(|found| found.len() == self.size);
        if !there {
            self.file.sync_data().map_err(|e| failed(&e))?;
            fs::rename(&self.temporary.0, &self.target).map_err(|e| failed(&e))?;
        }
        if let Some(folder) = self.target.parent() {
            atomic::sync_folder(folder)?;
        }
        Ok(Box::new(Mark {
            mark,
            spare: self.temporary,
        }))
    }
}

struct Mark {
    mark: Temporary,
    /// What was received, if it was there already. It is removed last, as that may take long and
    /// nobody has to wait for it to be on disk.
    spare: Temporary,
}

impl Placed for Mark {
    fn settle(self: Box<Self>) -> Result<(), Error> {
        // The drops remove them. A mark that stays costs a look at the next start, and nothing else.
        drop(self.mark);
        drop(self.spare);
        Ok(())
    }
}

struct Stored {
    file: File,
    size: u64,
}

impl Content for Stored {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match self.file.read_at(&mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(done)
    }

    fn read_at_once(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let mut buffers = [IoSliceMut::new(buffer)];
        rustix::io::preadv2(&self.file, &mut buffers, offset, ReadWriteFlags::NOWAIT).unwrap_or(0)
    }
}
