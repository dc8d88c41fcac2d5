//! From the packer to the store without a file in between: a thread packs and compresses, and what it
//! makes is read as it comes.

use super::super::pieces::{Pieces, pieces};
use crate::engine::cannot;
use ick_core::build::Cause;
use std::io::{self, Read, Write};
use std::thread::ScopedJoinHandle;
use zstd::zstd_safe::CParameter;

/// zstd's own default: fast, and small enough.
const LEVEL: i32 = 3;

/// The most threads that compress.
const THREADS: u32 = 4;

/// How many bytes a thread compresses at a time. Threads and their number do not change what comes out, but
/// this does, and zstd's own choice may be another one in another version.
const JOB: u32 = 8 << 20;

/// Compresses what `pack` writes, and gives it to `take` as a stream. A packer's failure is the stream's:
/// the stream ends with an error then, never as if it were whole.
pub(in crate::actions) fn compressed<P: Send, T>(
    pack: impl FnOnce(&mut dyn Write) -> Result<P, Cause> + Send,
    take: impl FnOnce(&mut dyn Read) -> T,
) -> (T, Result<P, Cause>) {
    let (pieces, mut stream) = pieces();
    std::thread::scope(|scope| {
        let packer: ScopedJoinHandle<'_, Result<P, Cause>> =
            scope.spawn(move || compress(pack, pieces));
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
    let threads = std::thread::available_parallelism().map_or(1, |n| {
        u32::try_from(n.get()).unwrap_or(THREADS).min(THREADS)
    });
    let mut encoder = encoder(to, threads).map_err(making)?;
    let packed = pack(&mut encoder)?;
    let to = encoder.finish().map_err(making)?;
    to.end().map_err(making)?;
    Ok(packed)
}

/// With a thread at least: without any, the bytes would be others.
fn encoder<W: Write>(to: W, threads: u32) -> io::Result<zstd::Encoder<'static, W>> {
    let mut encoder = zstd::Encoder::new(to, LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.multithread(threads.max(1))?;
    encoder.set_parameter(CParameter::JobSize(JOB))?;
    Ok(encoder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_threads_gives_the_same_bytes() -> io::Result<()> {
        let content: Vec<u8> = (0_u32..9_000_000)
            .flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 24).to_le_bytes())
            .collect();
        let packed = |threads, most| {
            let mut encoder = encoder(Vec::new(), threads)?;
            for some in content.chunks(most) {
                encoder.write_all(some)?;
            }
            encoder.finish()
        };
        let one = packed(1, 1 << 20)?;
        assert!(one.len() < content.len() / 2);
        for (threads, most) in [
            (0, 1 << 20),
            (1, 512),
            (2, 1 << 20),
            (3, 7777),
            (4, 1 << 20),
        ] {
            assert!(
                packed(threads, most)? == one,
                "{threads} threads, {most} bytes at a time"
            );
        }
        assert!(zstd::decode_all(&one[..])? == content);
        Ok(())
    }
}
