//! Going over a log frame by frame, through a window.

use super::file::{Tail, read_mark};
use super::format::{CHUNK_HEADER, Chunk, FILE_HEADER, Kind, Mark};
use super::index::{Entry, Index};
use ick_api::logframe::{HEADER_LEN, Header};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// How much is read at a time at least, in bytes.
const LEAST: usize = 4 << 10;

/// What a reader sees of a log at one moment.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) file: Arc<File>,
    pub(super) tail: Tail,
}

/// A frame in the file.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) header: Header,
    /// Its number in the log, from 1.
    pub(super) seq: u64,
    /// How much text is before it.
    pub(super) text: u64,
    /// Where its bytes are.
    pub(super) at: u64,
    /// To what it belongs.
    pub(super) mark: Arc<Mark>,
}

/// A place in a log, and the window on it. Small while it waits: see [`Walk::rest`].
#[derive(Debug)]
pub(super) struct Walk {
    at: u64,
    /// The end of the chunk that `at` is in; `at` itself between chunks.
    chunk_end: u64,
    frames: u64,
    text: u64,
    mark: Option<(u64, Arc<Mark>)>,
    window: Window,
}

#[derive(Debug, Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
    most: usize,
}

impl Walk {
    /// At the beginning.
    pub(super) fn new() -> Self {
        let start = FILE_HEADER.len() as u64;
        Self {
            at: start,
            chunk_end: start,
            frames: 0,
            text: 0,
            mark: None,
            window: Window::default(),
        }
    }

    /// At the last indexed place for which `before` holds.
    pub(super) fn seek(
        view: &View,
        index: &Index,
        before: impl Fn(&Entry) -> bool,
    ) -> io::Result<Self> {
        let mut walk = Self::new();
        if let Some(entry) = index.seek(|entry| entry.offset < view.tail.end && before(entry))? {
            let mut head = [0; CHUNK_HEADER];
            view.file.read_exact_at(&mut head, entry.offset)?;
            let counts = Chunk::decode(&head).map(|(chunk, _)| chunk.before);
            if counts.is_some_and(|c| (c.frames, c.text) == (entry.frames, entry.text)) {
                walk.at = entry.offset;
                walk.chunk_end = entry.offset;
            }
        }
        Ok(walk)
    }

    /// The next frame, none when all that the view shows was seen.
    pub(super) fn next(&mut self, view: &View) -> io::Result<Option<Found>> {
        while self.at >= self.chunk_end {
            if self.at >= view.tail.end {
                return Ok(None);
            }
            self.enter_chunk(view)?;
        }
        let head: [u8; HEADER_LEN] = self.window.array(view, self.at)?;
        let header = Header::decode(&head).map_err(damaged)?;
        let mark = self.mark.as_ref().map(|(_, mark)| Arc::clone(mark));
        let found = Found {
            header,
            seq: self.frames + 1,
            text: self.text,
            at: self.at + HEADER_LEN as u64,
            mark: mark.ok_or_else(|| damaged("frames without a mark"))?,
        };
        self.at = found.at + u64::from(header.len);
        self.frames += 1;
        if header.stream != ick_api::logframe::Stream::Ick {
            self.text += u64::from(header.len);
        }
        Ok(Some(found))
    }

    fn enter_chunk(&mut self, view: &View) -> io::Result<()> {
        let head: [u8; CHUNK_HEADER] = self.window.array(view, self.at)?;
        let (chunk, _) =
            Chunk::decode(&head).ok_or_else(|| damaged("no chunk where one begins"))?;
        let contents = self.at + CHUNK_HEADER as u64;
        let end = contents + u64::from(chunk.len);
        if self.mark.as_ref().is_none_or(|(at, _)| *at != chunk.mark) {
            let mark = read_mark(&view.file, chunk.mark)?;
            let mark = mark.ok_or_else(|| damaged("no mark where one is said to be"))?;
            self.mark = Some((chunk.mark, mark));
        }
        self.frames = chunk.before.frames;
        self.text = chunk.before.text;
        self.at = if chunk.kind == Kind::Mark {
            end
        } else {
            contents
        };
        self.chunk_end = end;
        Ok(())
    }

    /// Appends some of a frame's bytes to `out`.
    pub(super) fn copy(
        &mut self,
        view: &View,
        at: u64,
        len: usize,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let (mut at, mut left) = (at, len);
        while left > 0 {
            let some = self.window.some(view, at, left)?;
            out.extend_from_slice(some);
            left -= some.len();
            at += some.len() as u64;
        }
        Ok(())
    }

    /// From now on, so much is read at a time at most.
    pub(super) fn through(&mut self, most: usize) {
        self.window.most = most;
    }

    /// Gives the window's memory back.
    pub(super) fn rest(&mut self) {
        self.window = Window::default();
    }
}

impl Window {
    /// Between 1 and `most` bytes from `at` on.
    fn some(&mut self, view: &View, at: u64, most: usize) -> io::Result<&[u8]> {
        let inside = |window: &Self| {
            let skip = usize::try_from(at.checked_sub(window.start)?).ok()?;
            (skip < window.bytes.len()).then_some(skip)
        };
        if inside(self).is_none() {
            let most = self.most.max(LEAST);
            let left = view.tail.end.saturating_sub(at);
            let len = usize::try_from(left).map_or(most, |left| left.min(most));
            self.bytes.resize(len, 0);
            if let Err(error) = view.file.read_exact_at(&mut self.bytes, at) {
                self.bytes.clear();
                return Err(error);
            }
            self.start = at;
        }
        let skip = inside(self).ok_or_else(|| damaged("a frame that goes beyond the end"))?;
        let end = self.bytes.len().min(skip + most);
        Ok(&self.bytes[skip..end])
    }

    fn array<const N: usize>(&mut self, view: &View, at: u64) -> io::Result<[u8; N]> {
        let mut array = [0; N];
        let mut filled = 0;
        while filled < N {
            let some = self.some(view, at + filled as u64, N - filled)?;
            array[filled..filled + some.len()].copy_from_slice(some);
            filled += some.len();
        }
        Ok(array)
    }
}

fn damaged(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("a log is damaged: {why}"),
    )
}
