//! From the packer to the store without a file in between: a thread packs and compresses, and what it
//! makes is read as it comes.

use crate::engine::cannot;
use ick_core::build::Cause;
use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::ScopedJoinHandle;

/// zstd's own default: fast, and small enough.
const LEVEL: i32 = 3;

/// The most threads that compress.
const THREADS: u32 = 4;

/// How many pieces may wait for the reader.
const WAITING: usize = 8;

/// The size of a piece.
const PIECE: usize = 128 << 10;

/// Compresses what `pack` writes, and gives it to `take` as a stream. A packer's failure is the stream's:
/// the stream ends with an error then, never as if it were whole.
pub(in crate::actions) fn compressed<P: Send, T>(
    pack: impl FnOnce(&mut dyn Write) -> Result<P, Cause> + Send,
    take: impl FnOnce(&mut dyn Read) -> T,
) -> (T, Result<P, Cause>) {
    let (send, receive) = sync_channel(WAITING);
    std::thread::scope(|scope| {
        let packer: ScopedJoinHandle<'_, Result<P, Cause>> = scope.spawn(move || {
            let pieces = Pieces {
                send: send.clone(),
                piece: Vec::with_capacity(PIECE),
            };
            let packed = compress(pack, pieces);
            // After an error the reader is told so; after an end without a word it is one too.
            let last = if packed.is_ok() {
                Piece::End
            } else {
                Piece::Failed
            };
            let _ = send.send(last);
            packed
        });
        let mut stream = Stream {
            receive,
            piece: Vec::new(),
            at: 0,
            ended: false,
        };
        let taken = take(&mut stream);
        // Whoever packs on for nobody is told by its next write.
        drop(stream);
        let packed = packer
            .join()
            .unwrap_or_else(|_| Err(cannot("pack", &io::Error::other("the packer broke down"))));
        (taken, packed)
    })
}

fn compress<P>(
    pack: impl FnOnce(&mut dyn Write) -> Result<P, Cause>,
    to: Pieces,
) -> Result<P, Cause> {
    let making = |why: io::Error| cannot("write the archive", &why);
    let mut encoder = zstd::Encoder::new(to, LEVEL).map_err(making)?;
    encoder.include_checksum(true).map_err(making)?;
    // With a thread at least: the bytes are the same then, however many there are.
    let threads = std::thread::available_parallelism().map_or(1, |n| {
        u32::try_from(n.get()).unwrap_or(THREADS).min(THREADS)
    });
    encoder.multithread(threads).map_err(making)?;
    let packed = pack(&mut encoder)?;
    let mut to = encoder.finish().map_err(making)?;
    to.flush().map_err(making)?;
    Ok(packed)
}

enum Piece {
    Bytes(Vec<u8>),
    End,
    Failed,
}

struct Pieces {
    send: SyncSender<Piece>,
    piece: Vec<u8>,
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

impl Pieces {
    fn send_piece(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.send
            .send(Piece::Bytes(piece))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

struct Stream {
    receive: Receiver<Piece>,
    piece: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() && !self.ended {
            match self.receive.recv() {
                Ok(Piece::Bytes(piece)) => {
                    self.piece = piece;
                    self.at = 0;
                }
                Ok(Piece::End) => self.ended = true,
                Ok(Piece::Failed) | Err(_) => {
                    return Err(io::Error::other("the packer did not come to its end"));
                }
            }
        }
        let count = buffer.len().min(self.piece.len() - self.at);
        buffer[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
