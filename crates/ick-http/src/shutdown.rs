//! The orderly end of a daemon.

use std::sync::Arc;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Tells every part of a daemon, in asynchronous and synchronous code alike, that it is to end. Clones
/// are of the same one.
#[derive(Clone, Debug)]
pub struct Shutdown(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    requested: watch::Sender<bool>,
    asleep: Mutex<()>,
    wake: Condvar,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// Nobody has asked for the end yet.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            requested: watch::Sender::new(false),
            asleep: Mutex::new(()),
            wake: Condvar::new(),
        }))
    }

    /// Asks for the end.
    pub fn request(&self) {
        let _asleep = self.0.asleep.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.requested.send_replace(true);
        self.0.wake.notify_all();
    }

    /// Whether the end was asked for.
    pub fn is_requested(&self) -> bool {
        *self.0.requested.borrow()
    }

    /// Waits until the end is asked for.
    pub async fn requested(&self) {
        let mut receiver = self.0.requested.subscribe();
        // The sender lives as long as self.
        let _ = receiver.wait_for(|requested| *requested).await;
    }

    /// Sleeps on a thread of its own; whether the end was asked for meanwhile.
    pub fn sleep(&self, duration: Duration) -> bool {
        let asleep = self.0.asleep.lock().unwrap_or_else(PoisonError::into_inner);
        let _asleep = self
            .0
            .wake
            .wait_timeout_while(asleep, duration, |()| !self.is_requested())
            .unwrap_or_else(PoisonError::into_inner);
        self.is_requested()
    }
}
