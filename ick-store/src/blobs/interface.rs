//! What the store needs of a place for contents. Files on disk serve it ([`super::files`]); nothing
//! in it but digests and bytes, so that an object store can.

use bytes::Bytes;
use ick_core::digest::Digest;
use ick_state::Error;

/// A place for contents, each kept once, under its digest.
///
/// All of it waits for the disk: not for an async context.
pub trait Blobs: Send + Sync + 'static {
    /// Begins to receive a content.
    ///
    /// # Errors
    /// When there is no room, or those of the place.
    fn receive(&self, expected: Expected) -> Result<Box<dyn Incoming>, Error>;

    /// Opens a content for reading; none where there is none.
    ///
    /// # Errors
    /// Those of the place.
    fn open(&self, digest: &Digest) -> Result<Option<Box<dyn Content>>, Error>;

    /// Removes a content, durably. That there is none is no error. Who is reading it reads on.
    ///
    /// # Errors
    /// Those of the place.
    fn remove(&self, digest: &Digest) -> Result<(), Error>;

    /// The contents that were placed and not settled when an earlier process ended: whether something
    /// names them is for the caller to find out, who then calls [`Blobs::settle_left`].
    ///
    /// # Errors
    /// Those of the place.
    fn left(&self) -> Result<Vec<Digest>, Error>;

    /// Forgets what [`Blobs::left`] told.
    ///
    /// # Errors
    /// Those of the place.
    fn settle_left(&self) -> Result<(), Error>;
}

/// What is known of a content before it comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Its size in bytes.
    pub size: Option<u64>,
    /// Probably the same content is there already, so that nothing of it will have to be written.
    pub known: bool,
}

/// A content that is arriving. Dropped before [`Incoming::finish`], nothing of it stays.
pub trait Incoming: Send {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When there is no room, or those of the place.
    fn write(&mut self, pieces: &[Bytes]) -> Result<(), Error>;

    /// There are no more bytes.
    ///
    /// # Errors
    /// Those of the place.
    fn finish(self: Box<Self>) -> Result<Box<dyn Arrived>, Error>;
}

/// A content that has arrived and is not yet in its place. Dropped, nothing of it stays.
pub trait Arrived: Send {
    /// The digest of what arrived, computed on the way.
    fn digest(&self) -> Digest;

    /// Its size in bytes.
    fn size(&self) -> u64;

    /// Makes it durable in its place.
    ///
    /// # Errors
    /// When there is no room, or those of the place.
    fn place(self: Box<Self>) -> Result<Box<dyn Placed>, Error>;
}

/// A content that is in its place, while nothing names it yet: [`Blobs::left`] tells of it until it is
/// settled.
pub trait Placed: Send {
    /// It is named now, or was removed.
    ///
    /// # Errors
    /// Those of the place.
    fn settle(self: Box<Self>) -> Result<(), Error>;
}

/// A content that is open for reading. It stays readable when it is removed meanwhile.
pub trait Content: Send + Sync {
    /// Its size in bytes.
    fn size(&self) -> u64;

    /// Reads bytes at an offset; fewer than asked for only at the end.
    ///
    /// # Errors
    /// Those of the place.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize>;

    /// Reads what is in memory already, without waiting; 0 when nothing is.
    fn read_at_once(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let _ = (offset, buffer);
        0
    }
}
