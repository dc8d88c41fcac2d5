//! Log frames, version 1 (DESIGN.md, section 7): stream u8, time u64 ms, length u32, bytes; big endian.

use ick_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The media type of a body of frames.
pub const MEDIA_TYPE: &str = "application/vnd.ick.log";

/// The largest body of frames, in bytes, headers included.
pub const MAX_BODY: usize = 1 << 20;

/// The size of a frame's header, in bytes.
pub const HEADER_LEN: usize = 13;

/// Where the bytes of a frame come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// An action's standard output.
    Stdout,
    /// An action's standard error.
    Stderr,
    /// Ick's own words.
    Ick,
}

impl Stream {
    /// The byte that stands for it.
    pub const fn code(self) -> u8 {
        match self {
            Self::Stdout => 1,
            Self::Stderr => 2,
            Self::Ick => 3,
        }
    }

    /// The stream that a byte stands for.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Stdout),
            2 => Some(Self::Stderr),
            3 => Some(Self::Ick),
            _ => None,
        }
    }
}

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Where the bytes come from.
    pub stream: Stream,
    /// When they were written.
    pub time: Timestamp,
    /// How many bytes follow.
    pub len: u32,
}

impl Header {
    /// The header's bytes.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0] = self.stream.code();
        bytes[1..9].copy_from_slice(&self.time.as_millis().to_be_bytes());
        bytes[9..].copy_from_slice(&self.len.to_be_bytes());
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    /// When the stream is none that exists.
    pub fn decode(bytes: &[u8; HEADER_LEN]) -> Result<Self, FrameError> {
        let [stream, t0, t1, t2, t3, t4, t5, t6, t7, l0, l1, l2, l3] = *bytes;
        Ok(Self {
            stream: Stream::from_code(stream).ok_or(FrameError::Stream(stream))?,
            time: Timestamp::from_millis(u64::from_be_bytes([t0, t1, t2, t3, t4, t5, t6, t7])),
            len: u32::from_be_bytes([l0, l1, l2, l3]),
        })
    }
}

/// What is wrong with a body of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A stream that does not exist.
    #[error("a frame's stream is 1, 2 or 3, not {0}")]
    Stream(u8),
    /// The body ends inside a frame.
    #[error("the last frame is cut off")]
    Cut,
}

/// A frame that borrows its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Where the bytes come from.
    pub stream: Stream,
    /// When they were written.
    pub time: Timestamp,
    /// The bytes.
    pub bytes: &'a [u8],
}

impl Frame<'_> {
    /// Appends the frame to a body. Bytes beyond 4 GiB − 1 do not fit in one frame: callers cut first.
    pub fn encode_to(&self, body: &mut Vec<u8>) {
        let len = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let header = Header {
            stream: self.stream,
            time: self.time,
            len,
        };
        body.extend_from_slice(&header.encode());
        body.extend_from_slice(&self.bytes[..len as usize]);
    }
}

/// The frames of a body, in order. After an error there is nothing more.
pub fn frames(body: &[u8]) -> Frames<'_> {
    Frames { rest: body }
}

/// See [`frames`].
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    fn step(&mut self) -> Result<Frame<'a>, FrameError> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<HEADER_LEN>()
            .ok_or(FrameError::Cut)?;
        let header = Header::decode(head)?;
        let (bytes, rest) = rest
            .split_at_checked(header.len as usize)
            .ok_or(FrameError::Cut)?;
        self.rest = rest;
        Ok(Frame {
            stream: header.stream,
            time: header.time,
            bytes,
        })
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let step = self.step();
        if step.is_err() {
            self.rest = &[];
        }
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stream() -> impl Strategy<Value = Stream> {
        prop_oneof![
            Just(Stream::Stdout),
            Just(Stream::Stderr),
            Just(Stream::Ick)
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            written in prop::collection::vec((stream(), any::<u64>(), prop::collection::vec(any::<u8>(), 0..40)), 0..9)
        ) {
            let mut body = Vec::new();
            for (stream, ms, bytes) in &written {
                Frame { stream: *stream, time: Timestamp::from_millis(*ms), bytes }.encode_to(&mut body);
            }
            let read: Result<Vec<_>, _> = frames(&body)
                .map(|f| f.map(|f| (f.stream, f.time.as_millis(), f.bytes.to_vec())))
                .collect();
            prop_assert_eq!(read, Ok(written));
        }

        #[test]
        fn any_bytes_end(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let whole: usize = frames(&body).flatten().map(|f| f.bytes.len() + HEADER_LEN).sum();
            prop_assert!(whole <= body.len());
        }
    }

    #[test]
    fn a_cut_frame_is_told() {
        let mut body = Vec::new();
        Frame {
            stream: Stream::Stdout,
            time: Timestamp::default(),
            bytes: b"abc",
        }
        .encode_to(&mut body);
        body.pop();
        assert_eq!(frames(&body).collect::<Vec<_>>(), [Err(FrameError::Cut)]);
        body[0] = 9;
        assert_eq!(
            frames(&body).collect::<Vec<_>>(),
            [Err(FrameError::Stream(9))]
        );
    }
}
