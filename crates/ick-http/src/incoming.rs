//! A request's body as it comes in: it must make progress, and what nobody reads is read away.

use crate::Budget;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep};

/// What is read away of a body that was refused, so that the client, which may send much of it before
/// it looks for an answer, gets to see the answer: a connection that is closed with something unread is
/// reset, and the answer lost with it.
const READ_AWAY: u64 = 64 << 20;
/// How long that may take.
const READ_AWAY_TIME: Duration = Duration::from_secs(2);
/// How many are read away at a time; of more than that the client may not see the answer.
const READ_AWAY_AT_A_TIME: usize = 256;

/// The body did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// It came too slowly.
    #[error("the body of the request stalled")]
    Stalled,
    /// The connection ended in the middle of it.
    #[error("the body of the request broke off")]
    Cut,
}

/// How bodies are received. Clones share what there is for all bodies.
#[derive(Clone, Debug)]
pub(crate) struct Receiving {
    /// So many bytes must come,
    bytes: u64,
    /// in so much time of waiting for them.
    interval: Duration,
    bodies: Budget,
    reading_away: Arc<Semaphore>,
}

impl Receiving {
    pub(crate) fn new(bytes: u64, interval: Duration, bodies: Budget) -> Self {
        Self {
            bytes,
            interval,
            bodies,
            reading_away: Arc::new(Semaphore::new(READ_AWAY_AT_A_TIME)),
        }
    }

    /// What bodies that are taken in whole may hold.
    pub(crate) fn bodies(&self) -> &Budget {
        &self.bodies
    }

    /// Reads the rest of a body away in the background, within limits.
    pub(crate) fn read_away(&self, mut body: Incoming) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let Ok(permit) = Arc::clone(&self.reading_away).try_acquire_owned() else {
            return;
        };
        let reading = tokio::time::timeout(READ_AWAY_TIME, async move {
            let mut left = READ_AWAY;
            while let Some(Ok(frame)) = body.frame().await {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                left = match left.checked_sub(length) {
                    Some(left) => left,
                    None => return,
                };
            }
        });
        runtime.spawn(async move {
            let _ = reading.await;
            drop(permit);
        });
    }
}

/// A body that ends with [`Broken::Stalled`] when fewer than so many bytes came in an interval of
/// waiting for the client. The time in which nobody asked for more does not count.
pub(crate) struct Watched {
    inner: Option<Incoming>,
    receiving: Receiving,
    sleep: Option<Pin<Box<Sleep>>>,
    waiting_since: Option<Instant>,
    waited: Duration,
    came: u64,
    /// The client waits to be asked for the body (`Expect: 100-continue`), and has not been.
    held_back: bool,
    unread: Arc<AtomicBool>,
}

impl Watched {
    /// `held_back`: the client sends it only when it is asked to, which reading does. `unread` becomes
    /// true when the body is dropped before its end.
    pub(crate) fn new(
        inner: Incoming,
        receiving: Receiving,
        held_back: bool,
        unread: Arc<AtomicBool>,
    ) -> Self {
        Self {
            inner: Some(inner),
            receiving,
            sleep: None,
            waiting_since: None,
            waited: Duration::ZERO,
            came: 0,
            held_back,
            unread,
        }
    }

    fn interval_is_over(&mut self) -> bool {
        let slow = self.came < self.receiving.bytes;
        self.came = 0;
        self.waited = Duration::ZERO;
        slow
    }

    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> bool {
        let now = Instant::now();
        if self.waiting_since.is_none() {
            self.waiting_since = Some(now);
            let deadline = now + self.receiving.interval.saturating_sub(self.waited);
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(deadline),
                None => self.sleep = Some(Box::pin(tokio::time::sleep_until(deadline))),
            }
        }
        while let Some(sleep) = &mut self.sleep {
            if sleep.as_mut().poll(cx).is_pending() {
                return false;
            }
            sleep.as_mut().reset(now + self.receiving.interval);
            self.waiting_since = Some(now);
            if self.interval_is_over() {
                return true;
            }
        }
        false
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        this.held_back = false;
        let Some(inner) = &mut this.inner else {
            return Poll::Ready(None);
        };
        match Pin::new(inner).poll_frame(cx) {
            Poll::Pending if this.poll_stalled(cx) => {
                // Nothing more of it is wanted, not even to read it away.
                this.inner = None;
                this.unread.store(true, Ordering::Release);
                Poll::Ready(Some(Err(Broken::Stalled)))
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(since) = this.waiting_since.take() {
                    this.waited += since.elapsed();
                }
                this.came += frame.data_ref().map_or(0, |data| data.len() as u64);
                if this.waited >= this.receiving.interval && this.interval_is_over() {
                    this.inner = None;
                    this.unread.store(true, Ordering::Release);
                    return Poll::Ready(Some(Err(Broken::Stalled)));
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => {
                this.inner = None;
                Poll::Ready(Some(Err(Broken::Cut)))
            }
            Poll::Ready(None) => {
                this.inner = None;
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take().filter(|inner| !inner.is_end_stream()) else {
            return;
        };
        self.unread.store(true, Ordering::Release);
        if !self.held_back {
            self.receiving.read_away(inner);
        }
    }
}
