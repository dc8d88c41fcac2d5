//! The form of a log file, version 1. All numbers are big endian.
//!
//! A file begins with [`FILE_HEADER`]; then come chunks, each written at once, so that an append is
//! there whole or, after a crash, not at all. A chunk's header carries where the chunk stands in every
//! count, so that any chunk can be started from; its checksum covers header and contents.
//!
//! Contents are, by [`Kind`], frames as they are on the wire (`ick_api::logframe`), or a mark that says
//! which attempt, lease and action the frames after it belong to.

use super::crc::Crc;
use ick_api::logframe::{self, FrameError, Stream};
use ick_core::build::LeaseId;

/// The first bytes of every log file: a name, then the version.
pub(super) const FILE_HEADER: [u8; 16] = *b"ick log\n\0\0\0\0\0\0\0\x01";

/// The size of a chunk's header.
pub(super) const CHUNK_HEADER: usize = 44;

/// The longest contents of a chunk.
pub(super) const MAX_CONTENTS: usize = 64 << 20;

/// What a chunk contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A [`Mark`].
    Mark,
    /// Frames from a worker's append.
    Frames,
    /// Frames made of the text in a worker's report.
    Report,
    /// Frames of the controller's own words; they count for no lease.
    Control,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Mark, Self::Frames, Self::Report, Self::Control];

    const fn code(self) -> u8 {
        match self {
            Self::Mark => 1,
            Self::Frames => 2,
            Self::Report => 3,
            Self::Control => 4,
        }
    }

    /// Whether the frames count for the lease.
    pub(super) const fn of_worker(self) -> bool {
        matches!(self, Self::Frames | Self::Report)
    }
}

/// How much there is before some place in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Frames.
    pub(super) frames: u64,
    /// Bytes of stdout and stderr.
    pub(super) text: u64,
    /// Payload bytes of the present lease.
    pub(super) lease: u64,
}

/// The size of some frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) frames: u64,
    pub(super) text: u64,
    pub(super) payload: u64,
}

impl Size {
    /// Measures a body of frames, and so checks it.
    pub(super) fn of(body: &[u8]) -> Result<Self, FrameError> {
        let mut size = Self::default();
        for frame in logframe::frames(body) {
            let frame = frame?;
            let len = frame.bytes.len() as u64;
            size.frames += 1;
            size.payload += len;
            if frame.stream != Stream::Ick {
                size.text += len;
            }
        }
        Ok(size)
    }
}

/// A chunk's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) kind: Kind,
    /// Whether the report's text of the action in force is before this chunk or in it.
    pub(super) reported: bool,
    /// The length of the contents.
    pub(super) len: u32,
    /// What is before it.
    pub(super) before: Counts,
    /// Where the mark in force begins in the file; that of a mark is its own.
    pub(super) mark: u64,
}

impl Chunk {
    fn fields(&self) -> [u8; CHUNK_HEADER - 4] {
        let mut bytes = [0; CHUNK_HEADER - 4];
        bytes[0] = self.kind.code();
        bytes[1] = u8::from(self.reported);
        bytes[4..8].copy_from_slice(&self.len.to_be_bytes());
        let counts = [
            self.before.frames,
            self.before.text,
            self.before.lease,
            self.mark,
        ];
        for (place, count) in bytes[8..].chunks_exact_mut(8).zip(counts) {
            place.copy_from_slice(&count.to_be_bytes());
        }
        bytes
    }

    /// Appends the chunk, header and contents.
    pub(super) fn encode_to(&self, contents: &[u8], out: &mut Vec<u8>) {
        let fields = self.fields();
        let crc = Crc::new().and(&fields).and(contents).value();
        out.extend_from_slice(&crc.to_be_bytes());
        out.extend_from_slice(&fields);
        out.extend_from_slice(contents);
    }

    /// Reads a header; none when there cannot be such a one. Also the checksum that the chunk has to have.
    pub(super) fn decode(bytes: &[u8; CHUNK_HEADER]) -> Option<(Self, u32)> {
        let u32_at = |at: usize| Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
        let u64_at = |at: usize| Some(u64::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
        let kind = Kind::ALL.into_iter().find(|kind| kind.code() == bytes[4])?;
        if bytes[5] > 1 || bytes[6..8] != [0; 2] {
            return None;
        }
        let chunk = Self {
            kind,
            reported: bytes[5] == 1,
            len: u32_at(8)?,
            before: Counts {
                frames: u64_at(12)?,
                text: u64_at(20)?,
                lease: u64_at(28)?,
            },
            mark: u64_at(36)?,
        };
        (chunk.len as usize <= MAX_CONTENTS).then_some((chunk, u32_at(0)?))
    }

    /// Whether contents and checksum belong to this header.
    pub(super) fn is_sound(&self, contents: &[u8], crc: u32) -> bool {
        Crc::new().and(&self.fields()).and(contents).value() == crc
    }
}

/// To what the frames after it belong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) attempt: u32,
    pub(super) action_id: String,
    /// The lease whose bytes are counted; none before the first.
    pub(super) lease: Option<LeaseId>,
    /// Each attempt so far, and how much text is before it.
    pub(super) attempts: Vec<(u32, u64)>,
}

impl Mark {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        let mut text = |text: &str| {
            // Ids are made by the controller and much shorter than that.
            let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(&text.as_bytes()[..usize::from(len)]);
        };
        text(&self.action_id);
        text(self.lease.as_ref().map_or("", LeaseId::as_str));
        out.extend_from_slice(&self.attempt.to_be_bytes());
        for (attempt, start) in &self.attempts {
            out.extend_from_slice(&attempt.to_be_bytes());
            out.extend_from_slice(&start.to_be_bytes());
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut text = || {
            let (len, after) = rest.split_first_chunk::<2>()?;
            let (text, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
            rest = after;
            String::from_utf8(text.to_vec()).ok()
        };
        let action_id = text()?;
        let lease = text()?;
        let (attempt, rest) = rest.split_first_chunk::<4>()?;
        let (attempts, rest) = rest.as_chunks::<12>();
        if !rest.is_empty() {
            return None;
        }
        let attempts = attempts.iter().filter_map(|pair| {
            let (attempt, start) = pair.split_first_chunk::<4>()?;
            let start = start.first_chunk::<8>()?;
            Some((u32::from_be_bytes(*attempt), u64::from_be_bytes(*start)))
        });
        Some(Self {
            attempt: u32::from_be_bytes(*attempt),
            action_id,
            lease: (!lease.is_empty()).then(|| LeaseId::new(lease)),
            attempts: attempts.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_written_and_no_cut_one_is() {
        let mark = Mark {
            attempt: 2,
            action_id: "17".to_owned(),
            lease: Some(LeaseId::new("abc")),
            attempts: vec![(1, 0), (2, 77)],
        };
        let bytes = mark.encode();
        assert_eq!(Mark::decode(&bytes), Some(mark));
        for len in [0, 1, 3, 8, bytes.len() - 1] {
            assert_eq!(Mark::decode(&bytes[..len]), None, "{len}");
        }
    }

    #[test]
    fn a_chunk_is_read_as_written_and_any_changed_bit_is_noticed() {
        let chunk = Chunk {
            kind: Kind::Report,
            reported: true,
            len: 3,
            before: Counts {
                frames: 1,
                text: 2,
                lease: 3,
            },
            mark: 4,
        };
        let mut bytes = Vec::new();
        chunk.encode_to(b"abc", &mut bytes);
        let sound = |bytes: &[u8]| {
            let (head, contents) = bytes.split_first_chunk()?;
            let (chunk, crc) = Chunk::decode(head)?;
            chunk.is_sound(contents, crc).then_some(chunk)
        };
        assert_eq!(sound(&bytes), Some(chunk));
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(sound(&changed), Some(chunk), "bit {bit}");
        }
    }
}
