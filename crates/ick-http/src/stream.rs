//! Answers that are written piece by piece.

use crate::answers;
use axum::body::Body;
use bytes::Bytes;
use hyper::body::Frame;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

/// How many bytes a piece of an answer has, and how many while many clients are slow to take theirs.
const PIECE: usize = 64 << 10;
const SMALL_PIECE: usize = 8 << 10;

/// How many pieces are in the making at a time: as many as keep a disk busy. What is made is counted
/// only when it is there.
static MAKING: Semaphore = Semaphore::const_new(16);

/// The client has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client has gone")]
pub struct Gone;

/// The server could not write the answer to its end.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the answer was cut")]
struct Cut;

/// The right to make one piece of an answer.
#[derive(Debug)]
pub struct Turn {
    _making: Option<SemaphorePermit<'static>>,
}

enum Piece {
    Data(Bytes),
    End,
}

/// Writes the body of an answer. Only [`Sender::finish`] ends it cleanly: when the sender is dropped
/// without that, by an error or a panic, the client sees the connection break off in the middle.
#[derive(Debug)]
pub struct Sender(mpsc::Sender<Piece>);

struct Streamed {
    pieces: mpsc::Receiver<Piece>,
    ended: bool,
}

/// A body and its sender, which may be so many pieces ahead of the client.
pub fn answer_stream(ahead: usize) -> (Sender, Body) {
    let (sender, pieces) = mpsc::channel(ahead.max(1));
    let streamed = Streamed {
        pieces,
        ended: false,
    };
    (Sender(sender), Body::new(streamed))
}

impl Sender {
    /// Sends a piece, waiting until there is room for it.
    ///
    /// # Errors
    /// When the client has gone.
    pub async fn send(&self, data: Bytes) -> Result<(), Gone> {
        self.0.send(Piece::Data(data)).await.map_err(|_| Gone)
    }

    /// The same in synchronous code.
    ///
    /// # Errors
    /// When the client has gone.
    pub fn send_blocking(&self, data: Bytes) -> Result<(), Gone> {
        self.0.blocking_send(Piece::Data(data)).map_err(|_| Gone)
    }

    /// Waits until it is this answer's turn to make a piece. While answers hold much memory (see
    /// [`crate::answers`]), that is not before all that was sent is on its way: no more is made ahead of
    /// the client.
    pub async fn turn(&self) -> Turn {
        if answers().is_short() {
            // All room is there when nothing waits in it. A client that has gone is found by sending.
            let _ = self.0.reserve_many(self.0.max_capacity()).await;
        }
        Turn {
            // Never closed; without a permit it would only be less bounded.
            _making: MAKING.acquire().await.ok(),
        }
    }

    /// Waits until the client has gone.
    pub async fn gone(&self) {
        self.0.closed().await;
    }

    /// Ends the body cleanly.
    ///
    /// # Errors
    /// When the client has gone.
    pub async fn finish(self) -> Result<(), Gone> {
        self.0.send(Piece::End).await.map_err(|_| Gone)
    }

    /// The same in synchronous code.
    ///
    /// # Errors
    /// When the client has gone.
    pub fn finish_blocking(self) -> Result<(), Gone> {
        self.0.blocking_send(Piece::End).map_err(|_| Gone)
    }
}

impl Turn {
    /// How many bytes the piece is to have at most, or about.
    pub fn most(&self) -> usize {
        match answers().is_short() {
            true => SMALL_PIECE,
            false => PIECE,
        }
    }

    /// The piece was made; it counts among what answers hold from now on.
    pub fn made(self, piece: Vec<u8>) -> Bytes {
        answers().charge(piece)
    }
}

impl hyper::body::Body for Streamed {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        match self.pieces.poll_recv(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Piece::Data(data))) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Poll::Ready(Some(Piece::End)) => {
                self.ended = true;
                Poll::Ready(None)
            }
            Poll::Ready(None) => {
                self.ended = true;
                Poll::Ready(Some(Err(Cut)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}
