//! Bytes from one thread to another, in pieces: the one is ahead of the other by as many as may wait.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

/// How many pieces may wait for the reader.
const WAITING: usize = 8;

/// The size of a piece.
const PIECE: usize = 128 << 10;

/// The two ends. Unless the writer has said that this is the end, reading ends with an error.
pub(super) fn pieces() -> (Pieces, Stream) {
    let (send, receive) = sync_channel(WAITING);
    let pieces = Pieces {
        send,
        piece: Vec::with_capacity(PIECE),
    };
    let stream = Stream {
        receive,
        piece: Vec::new(),
        at: 0,
        ended: false,
    };
    (pieces, stream)
}

/// Reads ahead in a thread of its own. The thread ends with the content, or when nobody reads any more.
pub(super) fn ahead<'scope>(
    scope: &'scope Scope<'scope, '_>,
    mut from: impl Read + Send + 'scope,
) -> Stream {
    let (mut pieces, stream) = pieces();
    scope.spawn(move || {
        loop {
            match from
                .by_ref()
                .take(PIECE as u64)
                .read_to_end(&mut pieces.piece)
            {
                Ok(0) => return pieces.end(),
                Ok(_) => pieces.send_piece()?,
                Err(why) => return pieces.fail(why),
            }
        }
    });
    stream
}

/// The end that is written to.
#[derive(Debug)]
pub(super) struct Pieces {
    /// An empty piece is the end.
    send: SyncSender<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
}

impl Pieces {
    /// Says that this is the end.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.flush()?;
        self.send_piece()
    }

    /// Gives the reader an error instead of an end.
    pub(super) fn fail(self, why: io::Error) -> io::Result<()> {
        self.send.send(Err(why)).map_err(|_| gone())
    }

    fn send_piece(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.send.send(Ok(piece)).map_err(|_| gone())
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..count]);
        if self.piece.len() == PIECE {
            self.send_piece()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        self.send_piece()
    }
}

/// Whoever writes on for nobody is told so.
fn gone() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}

/// The end that is read from.
#[derive(Debug)]
pub(super) struct Stream {
    receive: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() && !self.ended {
            let lost = |_| io::Error::other("what was to be read on did not come to its end");
            self.piece = self.receive.recv().map_err(lost)??;
            self.at = 0;
            self.ended = self.piece.is_empty();
        }
        let count = buffer.len().min(self.piece.len() - self.at);
        buffer[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_arrives_and_an_error_at_its_place() -> io::Result<()> {
        let content: Vec<u8> = (0..=250).cycle().take(PIECE * 20 + 7).collect();
        let read = std::thread::scope(|scope| {
            let mut read = Vec::new();
            ahead(scope, &content[..])
                .read_to_end(&mut read)
                .map(|_| read)
        })?;
        assert!(read == content);
        let (mut pieces, mut stream) = pieces();
        pieces.write_all(b"some")?;
        pieces.flush()?;
        drop(pieces);
        let mut read = Vec::new();
        assert!(stream.read_to_end(&mut read).is_err());
        assert_eq!(read, b"some");
        Ok(())
    }

    #[test]
    fn who_reads_ahead_ends_when_nobody_reads() {
        std::thread::scope(|scope| drop(ahead(scope, io::repeat(7))));
    }
}
