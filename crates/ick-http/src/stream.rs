//! Answers that are written piece by piece.

use axum::body::Body;
use bytes::Bytes;
use hyper::body::Frame;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// The client has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client has gone")]
pub struct Gone;

/// The server could not write the answer to its end.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the answer was cut")]
struct Cut;

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

    /// While answers hold much memory (see [`crate::answers`]), waits until all that was sent is on its
    /// way, so that no more is made ahead of the client.
    pub async fn in_step(&self) {
        if crate::answers().is_short() {
            // All room is there when nothing waits in it. A client that has gone is found by sending.
            let _ = self.0.reserve_many(self.0.max_capacity()).await;
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
