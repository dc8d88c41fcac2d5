//! Bounding what is read for an entry's names and attributes, which are kept in memory.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// What the archive is read through.
#[derive(Debug)]
pub(super) struct Guard<R> {
    inner: R,
    watch: Watch,
}

/// The guard from outside, while the archive is being read.
#[derive(Clone, Debug)]
pub(super) struct Watch(Rc<State>);

#[derive(Debug)]
struct State {
    left: Cell<u64>,
    ended: Cell<bool>,
}

impl<R> Guard<R> {
    pub(super) fn new(inner: R) -> (Self, Watch) {
        let watch = Watch(Rc::new(State {
            left: Cell::new(super::MOST_HEAD),
            ended: Cell::new(false),
        }));
        let guard = Self {
            inner,
            watch: watch.clone(),
        };
        (guard, watch)
    }
}

impl Watch {
    /// So many bytes may be read from here on.
    pub(super) fn allow(&self, bytes: u64) {
        self.0.left.set(bytes);
    }

    /// Whether the end of the content was read.
    pub(super) fn ended(&self) -> bool {
        self.0.ended.get()
    }
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let state = &self.watch.0;
        let left = state.left.get();
        if left == 0 {
            return Err(io::Error::other(
                "an entry's names and attributes take more than 1 MiB",
            ));
        }
        let most = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = self.inner.read(&mut buffer[..most])?;
        state.ended.set(count == 0);
        state.left.set(left - count as u64);
        Ok(count)
    }
}
