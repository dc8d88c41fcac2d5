//! The connections that are open: no more than so many, and those that wait for a request hold no more
//! than so much memory.
//!
//! Where there is no room, the connection that has waited the longest for its client is closed: whoever
//! has something to say says it at once, so that neither half-sent heads nor connections that are kept
//! for later shut anybody out. A request that is under way is never ended for another.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use tokio::sync::Notify;

/// What a connection that waits for a request is taken to hold, in bytes, besides what came of the
/// request.
const WAITING: usize = 16 << 10;
/// What all that wait may hold, in bytes: enough for fifteen hundred.
const MEMORY: usize = 24 << 20;

/// See the module.
pub(crate) struct Connections {
    most: usize,
    all: Mutex<All>,
    changed: Notify,
}

#[derive(Default)]
struct All {
    open: usize,
    /// How many were told to make room and have not yet.
    closing: usize,
    /// Those that wait for their clients, since the longest first.
    waiting: BTreeMap<u64, Waiting>,
    /// What those that wait hold, in bytes.
    held: usize,
    next: u64,
}

struct Waiting {
    bytes: usize,
    task: Waker,
}

/// A place for a connection, as long as it lives.
pub(crate) struct Place {
    connections: Arc<Connections>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// A request is under way.
    Busy,
    /// Under this number among those that wait, with so many bytes.
    Waiting(u64, usize),
    /// It was told to make room when a request had just come: it is the last one.
    Last,
}

/// What a connection is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    Stay,
    /// Close.
    Close,
    /// Answer what is under way, and close.
    Finish,
}

impl All {
    fn remove(&mut self, number: u64) -> Option<Waiting> {
        let waiting = self.waiting.remove(&number)?;
        self.held -= waiting.bytes;
        Some(waiting)
    }

    /// Tells the one that has waited the longest to make room.
    fn make_room(&mut self) {
        if let Some((&number, _)) = self.waiting.first_key_value()
            && let Some(longest) = self.remove(number)
        {
            self.closing += 1;
            longest.task.wake();
        }
    }
}

impl Connections {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            all: Mutex::default(),
            changed: Notify::new(),
        })
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more, as soon as there is one. To be waited for by one task only.
    pub(crate) async fn place(self: &Arc<Self>) -> Place {
        loop {
            {
                let mut all = self.all();
                if all.open < self.most {
                    all.open += 1;
                    return Place {
                        connections: Arc::clone(self),
                        state: State::Busy,
                    };
                }
                if all.closing == 0 {
                    all.make_room();
                }
            }
            self.changed.notified().await;
        }
    }

    /// Waits until none is open. To be waited for by one task only.
    pub(crate) async fn none(&self) {
        while self.all().open > 0 {
            self.changed.notified().await;
        }
    }
}

impl Place {
    /// Notes that the connection waits for its client, of whose request so many bytes have come, or
    /// (`None`) that a request is under way; `task` is woken when the verdict may have changed.
    pub(crate) fn note(&mut self, waits: Option<usize>, task: &Waker) -> Verdict {
        if let (State::Busy, None) | (State::Last, _) = (self.state, waits) {
            return Verdict::Stay;
        }
        let connections = &*self.connections;
        let mut all = connections.all();
        let mut number = None;
        if let State::Waiting(mine, bytes) = self.state {
            let Some(waiting) = all.waiting.get_mut(&mine) else {
                if waits.is_some() {
                    return Verdict::Close;
                }
                // It will make room, but nobody knows when.
                self.state = State::Last;
                all.closing -= 1;
                connections.changed.notify_one();
                return Verdict::Finish;
            };
            if waits == Some(bytes) {
                waiting.task.clone_from(task);
                return Verdict::Stay;
            }
            all.remove(mine);
            number = Some(mine);
        }
        let Some(bytes) = waits else {
            self.state = State::Busy;
            return Verdict::Stay;
        };
        let number = number.unwrap_or(all.next);
        all.next = all.next.max(number + 1);
        let waiting = Waiting {
            // A buffer that grows is up to twice as large as what is in it.
            bytes: WAITING + 2 * bytes,
            task: task.clone(),
        };
        all.held += waiting.bytes;
        all.waiting.insert(number, waiting);
        self.state = State::Waiting(number, bytes);
        while all.held > MEMORY && all.waiting.len() > 1 {
            all.make_room();
        }
        if all.open == connections.most {
            connections.changed.notify_one();
        }
        Verdict::Stay
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.connections.all();
        all.open -= 1;
        if let State::Waiting(number, _) = self.state
            && all.remove(number).is_none()
        {
            all.closing -= 1;
        }
        drop(all);
        self.connections.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn place(connections: &Arc<Connections>) -> Option<Place> {
        connections.place().now_or_never()
    }

    #[test]
    fn who_has_waited_the_longest_makes_room() {
        let task = Waker::noop();
        let connections = Connections::new(3);
        let [mut a, mut b, mut c] = [(); 3].map(|()| place(&connections).unwrap());
        assert!(place(&connections).is_none(), "all are busy");
        assert_eq!(b.note(Some(0), task), Verdict::Stay);
        assert_eq!(a.note(Some(0), task), Verdict::Stay);
        assert_eq!(c.note(None, task), Verdict::Stay);
        // More bytes of the same request are no new wait.
        assert_eq!(b.note(Some(7), task), Verdict::Stay);
        assert!(place(&connections).is_none());
        assert!(place(&connections).is_none(), "one is told at a time");
        assert_eq!(a.note(Some(0), task), Verdict::Stay);
        assert_eq!(b.note(Some(8), task), Verdict::Close);
        drop(b);
        let d = place(&connections).unwrap();
        assert!(place(&connections).is_none());
        // A request has come at the last moment: it is answered, and another one makes room.
        assert_eq!(a.note(None, task), Verdict::Finish);
        assert_eq!(a.note(Some(0), task), Verdict::Stay);
        assert_eq!(c.note(Some(0), task), Verdict::Stay);
        assert!(place(&connections).is_none());
        assert_eq!(c.note(Some(0), task), Verdict::Close);
        drop((a, c, d));
        assert!(connections.none().now_or_never().is_some());
    }

    #[test]
    fn who_has_waited_the_longest_gives_its_memory() {
        let task = Waker::noop();
        let connections = Connections::new(3);
        let [mut a, mut b, mut c] = [(); 3].map(|()| place(&connections).unwrap());
        let much = (MEMORY - 3 * WAITING) / 2;
        assert_eq!(a.note(Some(0), task), Verdict::Stay);
        assert_eq!(b.note(Some(much), task), Verdict::Stay);
        assert_eq!(a.note(Some(1), task), Verdict::Stay);
        assert_eq!(c.note(Some(1), task), Verdict::Stay);
        assert_eq!(a.note(Some(1), task), Verdict::Close);
        assert_eq!(b.note(Some(much), task), Verdict::Stay);
        // One alone may have what it needs.
        assert_eq!(c.note(Some(MEMORY), task), Verdict::Stay);
        assert_eq!(b.note(Some(much), task), Verdict::Close);
        assert_eq!(c.note(Some(MEMORY), task), Verdict::Stay);
    }
}
