//! Progress bars for artifacts: on a terminal only, on stderr, gone when the work is done.

use super::Output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Read, Write};

/// A bar that counts bytes.
pub struct Progress {
    bar: ProgressBar,
}

const KNOWN: &str = "{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
const UNKNOWN: &str = "{msg} {spinner} {bytes} {bytes_per_sec}";

impl Progress {
    /// A bar for `what`, of `total` bytes where that is known.
    pub fn new(output: &Output, what: &str, total: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(
            total,
            if io::stderr().is_terminal() && !output.is_json() {
                ProgressDrawTarget::stderr()
            } else {
                ProgressDrawTarget::hidden()
            },
        );
        let template = if total.is_some() { KNOWN } else { UNKNOWN };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(super::sanitise::line(what));
        Self { bar }
    }

    /// Says how many bytes there are in all.
    pub fn set_total(&self, total: u64) {
        self.bar.set_length(total);
        if let Ok(style) = ProgressStyle::with_template(KNOWN) {
            self.bar.set_style(style);
        }
    }

    /// A reader that moves the bar.
    pub fn read<R: Read>(&self, from: R) -> impl Read + use<R> {
        self.bar.wrap_read(from)
    }

    /// A writer that moves the bar.
    pub fn write<W: Write>(&self, to: W) -> impl Write + use<W> {
        self.bar.wrap_write(to)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
