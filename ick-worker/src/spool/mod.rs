//! The spool: an action's output on disk, from the moment it is read until the controller has it.
//!
//! A file of the action's folder: eight bytes that name the format, then the frames of
//! [`ick_api::logframe`], in the order in which they arrived. The supervisor appends, the worker
//! follows. It is not fsynced: what is not yet with the controller when the power fails belongs to an
//! action that is lost anyway.

mod reader;
mod ring;
mod writer;

pub use reader::{Chunk, Reader};
pub use writer::Writer;

/// The name of the spool in the action's folder.
pub const FILE: &str = "spool";

/// The name of the ring in the action's folder.
pub const RING_FILE: &str = "ring";

/// How a spool begins: its format and the format's version.
pub(crate) const MAGIC: [u8; 8] = *b"ickspl01";

/// The most payload bytes of one frame.
pub const FRAME: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use ick_api::logframe::{Stream, frames};
    use ick_core::time::Timestamp;
    use proptest::prelude::*;
    use std::error::Error;

    type Written = Vec<(Stream, Vec<u8>)>;

    fn written() -> impl Strategy<Value = Written> {
        let stream = prop_oneof![Just(Stream::Stdout), Just(Stream::Stderr)];
        prop::collection::vec((stream, prop::collection::vec(any::<u8>(), 0..50)), 0..20)
    }

    fn through(written: &Written, log_left: u64, tail: u64) -> Result<Written, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        Writer::create(folder.path())?;
        let mut writer = Writer::open(folder.path(), log_left, tail)?;
        for (stream, bytes) in written {
            writer.append(*stream, Timestamp::default(), bytes)?;
        }
        let length = writer.finish(Timestamp::default())?;
        let mut reader = Reader::open(folder.path())?;
        let chunk = reader.read(1 << 20)?;
        assert_eq!((chunk.from, chunk.to), (0, length));
        frames(&chunk.body)
            .map(|frame| Ok(frame.map(|frame| (frame.stream, frame.bytes.to_vec()))?))
            .collect()
    }

    /// Each byte with its stream.
    fn bytes(written: &Written) -> Vec<(Stream, u8)> {
        written
            .iter()
            .flat_map(|(stream, bytes)| bytes.iter().map(|byte| (*stream, *byte)))
            .collect()
    }

    proptest! {
        #[test]
        fn what_fits_comes_out_and_what_does_not_is_counted(
            written in written(), log_left in 0..600_u64, tail in 0..80_u64
        ) {
            let all = bytes(&written);
            let read = through(&written, log_left, tail);
            let read = bytes(&read.map_err(|why| TestCaseError::fail(why.to_string()))?);
            let head = usize::try_from(log_left.saturating_sub(tail))?;
            let tail = usize::try_from(tail)?;
            if all.len() <= head + tail {
                prop_assert_eq!(read, all);
            } else {
                let mut expected = all[..head].to_vec();
                if expected.last().is_some_and(|(_, byte)| *byte != b'\n') {
                    expected.push((Stream::Stdout, b'\n'));
                }
                let line = format!("[ick: {} bytes left out]\n", all.len() - head - tail);
                expected.extend(line.bytes().map(|byte| (Stream::Stdout, byte)));
                expected.extend(&all[all.len() - tail..]);
                prop_assert_eq!(read, expected);
            }
        }
    }
}
