//! What a connection is at, as its socket, its requests and its task tell each other.

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

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
        self.blocked.store(blocked, Ordering::Relaxed);
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
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
