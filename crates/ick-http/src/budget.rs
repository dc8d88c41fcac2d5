//! Memory that clients make a daemon hold, bounded for all of them together.

use bytes::Bytes;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

/// What answers that are on their way may hold before they are made of smaller pieces, in bytes.
const ANSWERS: usize = 8 << 20;

static ANSWERING: LazyLock<Budget> = LazyLock::new(|| Budget::new(ANSWERS));

/// What the answers hold that are on their way to this process's clients, piece by piece. Nothing is
/// refused for it: while it [is short](Budget::is_short), pieces are to be small.
pub fn answers() -> &'static Budget {
    &ANSWERING
}

/// So many bytes that may be held at a time. Clones are of the same ones.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    held: AtomicUsize,
}

/// A part of a [`Budget`], given back when it is dropped.
#[derive(Debug)]
pub struct Held {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    /// A budget of so many bytes, all of them free.
    pub fn new(most: usize) -> Self {
        let held = AtomicUsize::new(0);
        Self(Arc::new(Inner { most, held }))
    }

    /// A part without any bytes yet; see [`Held::grow`].
    pub fn nothing(&self) -> Held {
        Held {
            budget: self.clone(),
            bytes: 0,
        }
    }

    /// Bytes that are held whether or not there is room; they count as long as they are somewhere.
    pub fn charge(&self, mut bytes: Vec<u8>) -> Bytes {
        bytes.shrink_to_fit();
        let mut held = self.nothing();
        held.take(bytes.len());
        Bytes::from_owner(Owned { bytes, _held: held })
    }

    /// Whether more than a half is held: time to make do with less.
    pub fn is_short(&self) -> bool {
        self.0.held.load(Ordering::Relaxed) > self.0.most / 2
    }
}

impl Held {
    /// Holds so many bytes in all from now on, if there is room for those that it lacks, or nobody else
    /// holds any; whether it does.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let lacking = bytes.saturating_sub(self.bytes);
        let inner = &self.budget.0;
        let grown = inner
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
                held.checked_add(lacking)
                    .filter(|after| lacking == 0 || *after <= inner.most || held == self.bytes)
            });
        if grown.is_ok() {
            self.bytes += lacking;
        }
        grown.is_ok()
    }

    /// Holds so many bytes more, whether or not there is room.
    pub fn take(&mut self, bytes: usize) {
        self.budget.0.held.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
    }

    /// Gives all bytes back.
    pub fn clear(&mut self) {
        self.budget.0.held.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = 0;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.clear();
    }
}

struct Owned {
    bytes: Vec<u8>,
    _held: Held,
}

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_holds_what_it_has_and_no_more() {
        let budget = Budget::new(100);
        let mut one = budget.nothing();
        let mut two = budget.nothing();
        assert!(one.grow(50) && one.grow(40), "never less");
        assert!(!budget.is_short());
        assert!(!two.grow(51));
        assert!(two.grow(50) && budget.is_short());
        assert!(!one.grow(51) && one.grow(50));
        two.clear();
        assert!(one.grow(100));
        one.clear();
        let bytes = budget.charge(vec![0; 200]);
        let part = bytes.slice(..1);
        drop(bytes);
        assert!(!one.grow(1), "a slice keeps all of it");
        drop(part);
        assert!(one.grow(100) && one.grow(101), "alone");
        assert!(!two.grow(1));
    }
}
