//! Ctrl-C under `icktool run`: the first one cancels the build, and actions with `when: always` still
//! have their minute; the second one ends these too.

use crate::error::Error;
use ick_worker::engine::{StopReason, Stopper};
use signal_hook::iterator::{Handle, Signals};
use std::sync::{Arc, Mutex, PoisonError};

/// Hears signals, and ends the action that is being executed.
#[derive(Debug)]
pub struct Interrupts {
    heard: Arc<Mutex<Heard>>,
    handle: Handle,
}

#[derive(Debug, Default)]
struct Heard {
    count: u32,
    stopper: Option<Stopper>,
}

impl Interrupts {
    /// Listens from here on.
    ///
    /// # Errors
    /// When signals cannot be listened for.
    pub fn listen(say: impl Fn(u32) + Send + 'static) -> Result<Self, Error> {
        let mut signals = Signals::new(crate::interrupt::signals())
            .map_err(|error| Error::Other(format!("cannot listen for signals: {error}")))?;
        let handle = signals.handle();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let told = Arc::clone(&heard);
        std::thread::spawn(move || {
            for _ in signals.forever() {
                let mut heard = told.lock().unwrap_or_else(PoisonError::into_inner);
                heard.count += 1;
                say(heard.count);
                if let Some(stopper) = &heard.stopper {
                    let _ = stopper.stop(StopReason::Cancelled);
                    let _ = stopper.wake();
                }
            }
        });
        Ok(Self { heard, handle })
    }

    /// How many signals came.
    pub fn count(&self) -> u32 {
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .count
    }

    /// The action to end when a signal comes; `handled` of them were before it was started.
    pub fn guard(&self, stopper: Option<Stopper>, handled: u32) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stopper) = stopper.as_ref().filter(|_| heard.count > handled) {
            let _ = stopper.stop(StopReason::Cancelled);
        }
        heard.stopper = stopper;
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        self.handle.close();
    }
}
