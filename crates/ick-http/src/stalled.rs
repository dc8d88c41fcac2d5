//! A connection's socket: one whose other end stops reading does not stay for ever, and from one whose
//! other end sends much no more is taken at a time than there is use for.

use crate::traffic::Traffic;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// What is read at a time, in bytes, until a handler wants a body that may be large. hyper gives a
/// connection larger buffers when it fills those of 8 KiB that it begins with.
const AT_A_TIME: usize = (8 << 10) - 1;

/// A connection that fails when nothing could be written for so long.
pub(crate) struct Limited {
    stream: TcpStream,
    traffic: Arc<Traffic>,
    limit: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Limited {
    pub(crate) fn new(stream: TcpStream, limit: Duration, traffic: Arc<Traffic>) -> Self {
        Self {
            stream,
            traffic,
            limit,
            sleep: None,
            waiting: false,
        }
    }

    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        self.traffic.blocked(written.is_pending());
        if written.is_ready() {
            self.waiting = false;
            return written;
        }
        let limit = self.limit;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        if !self.waiting {
            self.waiting = true;
            sleep.as_mut().reset(Instant::now() + limit);
        }
        match sleep.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Limited {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if self.traffic.takes_much() {
            ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        } else {
            // By way of the stack: of the connection's own buffer no more is touched than is filled.
            let mut space = [MaybeUninit::uninit(); AT_A_TIME];
            let most = buf.remaining().min(AT_A_TIME);
            let mut part = ReadBuf::uninit(&mut space[..most]);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut part))?;
            buf.put_slice(part.filled());
        }
        self.traffic.came(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Limited {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
