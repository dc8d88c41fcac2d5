//! What an action wrote last. Who runs into a limit that Linux keeps is told so by Linux, and mostly
//! says it in the C library's words; the worker can only add which limit that is.

use super::reaper::End;
use crate::engine::Limits;
use ick_core::yaml::format_size;
use rustix::process::{Resource, Signal, getrlimit};

/// How many bytes are kept.
const MOST: usize = 4096;

/// The last bytes of an action's output.
#[derive(Debug, Default)]
pub(super) struct LastWords(Vec<u8>);

impl LastWords {
    pub(super) fn add(&mut self, words: &[u8]) {
        let words = &words[words.len().saturating_sub(MOST)..];
        let superfluous = (self.0.len() + words.len()).saturating_sub(MOST);
        self.0.drain(..superfluous);
        self.0.extend_from_slice(words);
    }

    /// The limit that an action which failed so seems to have run into: words to add to its cause.
    pub(super) fn limit(&self, end: End, limits: &Limits) -> Option<String> {
        let said = String::from_utf8_lossy(&self.0);
        let too_large = Signal::XFSZ.as_raw();
        if said.contains("File too large")
            || end == End::Signal(too_large)
            || end == End::Exit(128 + too_large)
        {
            return Some(format!(
                "; a file may have {} (`limits.file_size` in the worker's configuration)",
                format_size(limits.file_size)
            ));
        }
        if said.contains("Too many open files") {
            let own = getrlimit(Resource::Nofile);
            let (most, whose) = match own.maximum {
                Some(most) if most < limits.open_files => (most, "the worker's own limit"),
                _ => (
                    limits.open_files,
                    "`limits.open_files` in the worker's configuration",
                ),
            };
            let usual = own.current.unwrap_or(most);
            let raise = match usual < most {
                true => format!("{usual} files open, with `ulimit -n` up to {most}"),
                false => format!("{most} files open"),
            };
            return Some(format!("; a process may have {raise} ({whose})"));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bytes_are_kept() {
        let mut last = LastWords::default();
        for length in [1, MOST - 1, 10, MOST, 3 * MOST, 1] {
            last.add(&vec![b'x'; length - 1]);
            last.add(b"!");
            assert!(last.0.len() <= MOST && last.0.ends_with(b"!"), "{length}");
        }
        assert_eq!(last.0.len(), MOST);
    }
}
