//! What a connection is at, as its socket, its requests and its task tell each other.

use crate::answers;
use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// One connection's traffic. All of it is told by the connection's own task, or is about reading a body
/// that only that task reads.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// A request is under way: it has been read, and its answer is not all in hyper's hands.
    request: AtomicBool,
    /// Something could not be written at once.
    blocked: AtomicBool,
    /// The latest request was one of a known client.
    known: AtomicBool,
    /// The connection ends with the latest answer.
    ends: AtomicBool,
    /// A large body is wanted.
    wide: AtomicBool,
    /// How many bytes of the next request have come.
    head: AtomicUsize,
    /// To be woken when something can be written again.
    held_back: Mutex<Option<Waker>>,
}

impl Traffic {
    pub(crate) fn begins(&self) {
        self.request.store(true, Ordering::Relaxed);
        self.known.store(false, Ordering::Relaxed);
        self.head.store(0, Ordering::Relaxed);
    }

    pub(crate) fn is_known(&self) {
        self.known.store(true, Ordering::Relaxed);
    }

    pub(crate) fn ends(&self) {
        self.ends.store(true, Ordering::Relaxed);
    }

    pub(crate) fn wants_much(&self) {
        self.wide.store(true, Ordering::Relaxed);
    }

    fn answered(&self) {
        self.request.store(false, Ordering::Relaxed);
        self.wide.store(false, Ordering::Relaxed);
    }

    pub(crate) fn takes_much(&self) -> bool {
        self.wide.load(Ordering::Relaxed)
    }

    pub(crate) fn came(&self, bytes: usize) {
        if !self.request.load(Ordering::Relaxed) && !self.ends.load(Ordering::Relaxed) {
            self.head.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    pub(crate) fn blocked(&self, blocked: bool) {
        if self.blocked.swap(blocked, Ordering::Relaxed) && !blocked {
            let waker = self.waker().take();
            waker.into_iter().for_each(Waker::wake);
        }
    }

    /// Whether hyper is to have no more of the answer for now: it would only heap it up, its client takes
    /// nothing, and answers hold much already. Tells the task when to ask again.
    fn holds_back(&self, cx: &Context<'_>) -> bool {
        let holds = self.blocked.load(Ordering::Relaxed) && answers().is_short();
        if holds {
            *self.waker() = Some(cx.waker().clone());
        }
        holds
    }

    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        self.held_back
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes of a request have come, if the connection only waits for its client: to send a
    /// request, or, where the server does not know who that is, to take an answer.
    pub(crate) fn waits(&self) -> Option<usize> {
        let of = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        let busy = of(&self.request) || of(&self.blocked) && of(&self.known);
        (!busy).then(|| self.head.load(Ordering::Relaxed))
    }
}

/// The body of an answer, which tells when hyper has all of it.
pub(crate) struct Answering {
    body: Body,
    traffic: Arc<Traffic>,
}

impl Answering {
    pub(crate) fn new(body: Body, traffic: Arc<Traffic>) -> Self {
        Self { body, traffic }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.traffic.answered();
    }
}

impl HttpBody for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.traffic.holds_back(cx) {
            return Poll::Pending;
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Wake;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_client_that_takes_nothing_is_sent_no_more_until_it_does() {
        let traffic = Arc::new(Traffic::default());
        let mut body = Answering::new(Body::from("x"), Arc::clone(&traffic));
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        let others = answers().charge(vec![0; 64 << 20]);
        traffic.blocked(true);
        assert!(Pin::new(&mut body).poll_frame(&mut cx).is_pending());
        traffic.blocked(true);
        assert!(!woken.0.load(Ordering::Relaxed));
        traffic.blocked(false);
        assert!(woken.0.load(Ordering::Relaxed), "or it hangs");
        drop(others);
        assert!(Pin::new(&mut body).poll_frame(&mut cx).is_ready());
    }
}
