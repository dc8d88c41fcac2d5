//! Ctrl-C and its kin.

use crate::error::Error;
use crate::exit::Exit;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What Ctrl-C does: it ends the command at once, until the command has something to say about it.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From here on Ctrl-C ends this process with the exit code for it.
    ///
    /// # Errors
    /// When signals cannot be listened for.
    pub fn ends_at_once() -> Result<Self, Error> {
        let armed = Arc::new(AtomicBool::new(true));
        let code = i32::from(Exit::Interrupted.code());
        for signal in signals() {
            signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(&armed))
                .map_err(|error| Error::Other(format!("cannot listen for signals: {error}")))?;
        }
        Ok(Self(armed))
    }

    /// From here on the command itself hears signals.
    pub fn is_heard(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// The signals that ask a program to end. A hang-up is none of them where the caller has it ignored,
/// as nohup(1) does. An interrupt always is, though shells have it ignored for what they start in the
/// background: `icktool up &` in a script is ended so.
pub fn signals() -> Vec<i32> {
    let mut signals = vec![SIGINT, SIGTERM];
    if !ignored(SIGHUP) {
        signals.push(SIGHUP);
    }
    signals
}

/// Whether this process was started with a signal ignored (proc(5), `status`, SigIgn).
fn ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
