//! Following a spool.

use super::{FILE, MAGIC};
use ick_api::logframe::{HEADER_LEN, Header};
use ick_core::time::Timestamp;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The reading end of a spool, which may still be growing.
///
/// Offsets count payload bytes of this action. It can go back: what the controller asks for again is
/// still there.
#[derive(Debug)]
pub struct Reader {
    file: File,
    /// Where the present frame's header is in the file.
    frame_at: u64,
    /// Payload bytes of the present frame that were given out already.
    skip: u32,
    /// Payload bytes given out in all.
    offset: u64,
}

/// Frames out of a spool, ready to be the body of a log append.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Whole frames; empty when there is nothing new.
    pub body: Vec<u8>,
    /// The payload offset of its first byte.
    pub from: u64,
    /// The payload offset after its last byte.
    pub to: u64,
}

impl Chunk {
    /// Makes the times of all frames so many milliseconds later.
    pub fn shift_times(&mut self, ms: i64) {
        if ms == 0 {
            return;
        }
        let mut rest = self.body.as_mut_slice();
        while let Some((bytes, after)) = rest.split_first_chunk_mut::<HEADER_LEN>() {
            let Ok(mut header) = Header::decode(bytes) else {
                return;
            };
            let shifted = header.time.as_millis().saturating_add_signed(ms);
            header.time = Timestamp::from_millis(shifted);
            *bytes = header.encode();
            let length = usize::try_from(header.len).unwrap_or(usize::MAX);
            rest = after.get_mut(length..).unwrap_or_default();
        }
    }
}

impl Reader {
    /// Opens the spool of the action whose folder this is. It need not exist yet: then this is an
    /// error of kind `NotFound`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            file: File::open(folder.join(FILE))?,
            frame_at: MAGIC.len() as u64,
            skip: 0,
            offset: 0,
        })
    }

    /// The payload offset of what [`Reader::read`] gives next.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Goes to a payload offset. Returns false, and stands at the end, when the spool has fewer bytes.
    ///
    /// # Errors
    /// Those of the file system, and when the file is not a spool.
    pub fn seek(&mut self, offset: u64) -> io::Result<bool> {
        self.check()?;
        if offset < self.offset {
            self.frame_at = MAGIC.len() as u64;
            self.skip = 0;
            self.offset = 0;
        }
        while self.offset < offset {
            let Some(header) = self.header()? else {
                return Ok(false);
            };
            let left = u64::from(header.len - self.skip);
            if self.offset + left > offset {
                // Fits in u32: it is less than `left`.
                self.skip += u32::try_from(offset - self.offset).unwrap_or(u32::MAX);
                self.offset = offset;
            } else {
                self.frame_at += HEADER_LEN as u64 + u64::from(header.len);
                self.skip = 0;
                self.offset += left;
            }
        }
        Ok(true)
    }

    /// The next frames, `max` bytes at most with their headers; an empty body when there is nothing
    /// new. `max` must have room for a header and a byte.
    ///
    /// # Errors
    /// Those of the file system, and when the file is not a spool.
    pub fn read(&mut self, max: usize) -> io::Result<Chunk> {
        let from = self.offset;
        let mut body = Vec::new();
        if self.skip > 0 {
            self.rest_of_frame(&mut body, max)?;
            if self.skip > 0 {
                return Ok(self.chunk(body, from));
            }
        }
        let at = body.len();
        body.resize(max.max(at), 0);
        let count = read_at_most(&self.file, &mut body[at..], self.frame_at)?;
        body.truncate(at + count);
        let (whole, payload) = whole_frames(&body[at..])?;
        body.truncate(at + whole);
        if self.frame_at == MAGIC.len() as u64 && whole > 0 {
            self.check()?;
        }
        self.frame_at += whole as u64;
        self.offset += payload;
        if body.is_empty() {
            // Nothing new, or a frame that is longer than `max`.
            self.rest_of_frame(&mut body, max)?;
        }
        Ok(self.chunk(body, from))
    }

    fn chunk(&self, body: Vec<u8>, from: u64) -> Chunk {
        Chunk {
            body,
            from,
            to: self.offset,
        }
    }

    /// Appends what is left of the present frame, as a frame of its own, as far as it fits.
    fn rest_of_frame(&mut self, body: &mut Vec<u8>, max: usize) -> io::Result<()> {
        let Some(header) = self.header()? else {
            return Ok(());
        };
        let left = header.len - self.skip;
        let room = max.saturating_sub(body.len() + HEADER_LEN);
        let take = left.min(u32::try_from(room).unwrap_or(u32::MAX));
        if take == 0 {
            return Ok(());
        }
        body.extend_from_slice(
            &Header {
                len: take,
                ..header
            }
            .encode(),
        );
        let start = body.len();
        body.resize(start + take as usize, 0);
        let at = self.frame_at + HEADER_LEN as u64 + u64::from(self.skip);
        self.file.read_exact_at(&mut body[start..], at)?;
        self.offset += u64::from(take);
        if take == left {
            self.frame_at += HEADER_LEN as u64 + u64::from(header.len);
            self.skip = 0;
        } else {
            self.skip += take;
        }
        Ok(())
    }

    /// The header of the present frame, once all of the frame is there.
    fn header(&self) -> io::Result<Option<Header>> {
        let mut bytes = [0; HEADER_LEN];
        if read_at_most(&self.file, &mut bytes, self.frame_at)? < HEADER_LEN {
            return Ok(None);
        }
        let header = Header::decode(&bytes).map_err(invalid)?;
        let end = self.frame_at + HEADER_LEN as u64 + u64::from(header.len);
        Ok((self.file.metadata()?.len() >= end).then_some(header))
    }

    fn check(&self) -> io::Result<()> {
        let mut magic = MAGIC;
        let count = read_at_most(&self.file, &mut magic, 0)?;
        if count == magic.len() && magic != MAGIC {
            return Err(invalid(
                "the spool has a format that this worker does not know",
            ));
        }
        Ok(())
    }
}

fn invalid(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn read_at_most(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut count = 0;
    while count < bytes.len() {
        match file.read_at(&mut bytes[count..], at + count as u64) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
    Ok(count)
}

/// How many of the bytes are whole frames, and how many payload bytes those have.
fn whole_frames(bytes: &[u8]) -> io::Result<(usize, u64)> {
    let mut whole = 0;
    let mut payload = 0;
    while let Some((head, rest)) = bytes[whole..].split_first_chunk::<HEADER_LEN>() {
        let len = Header::decode(head).map_err(invalid)?.len;
        if rest.len() < len as usize {
            break;
        }
        whole += HEADER_LEN + len as usize;
        payload += u64::from(len);
    }
    Ok((whole, payload))
}
