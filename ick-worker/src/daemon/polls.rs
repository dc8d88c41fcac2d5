//! Calls that the controller holds back until there is news.
//!
//! A proxy on the way may cut connections on which nothing moves, and sooner than the worker wants to wait.
//! Then the waits become shorter than that, for as long as the process lives.

use ick_api::controller::{self, NextWork};
use ick_client::{Controller, Error};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is cut sooner than this was not cut because nothing moved.
const MOMENT: Duration = Duration::from_millis(200);

/// The calls, on connections of their own. Clones share what they learn.
#[derive(Clone, Debug)]
pub(super) struct Polls {
    controller: Controller,
    longest: Arc<Mutex<Duration>>,
}

impl Polls {
    /// `controller`: with connections that nothing else uses, and tried once.
    pub(super) fn new(controller: Controller) -> Self {
        Self {
            controller,
            longest: Arc::new(Mutex::new(Duration::MAX)),
        }
    }

    /// As long as that, or as long as a call is known to live.
    pub(super) fn at_most(&self, wait: Duration) -> Duration {
        wait.min(*self.longest.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// `GET /work`.
    pub(super) fn work(
        &self,
        slot: u32,
        wait: Duration,
        paused: Option<&str>,
    ) -> Result<NextWork, Error> {
        self.call(wait, |wait| self.controller.work(slot, wait, paused))
    }

    /// `GET /work/+lease`.
    pub(super) fn lease(
        &self,
        name: &str,
        wait: Duration,
        seen: Option<u64>,
    ) -> Result<controller::Lease, Error> {
        self.call(wait, |wait| self.controller.lease(name, wait, seen))
    }

    /// Calls once more when the connection was cut, and with a shorter wait when it is clear why.
    fn call<T>(
        &self,
        wait: Duration,
        call: impl Fn(Duration) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut again = false;
        loop {
            let wait = self.at_most(wait);
            let begun = Instant::now();
            let error = match call(wait) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let lived = begun.elapsed();
            if !error.is_cut() || lived < MOMENT || lived >= wait {
                return Err(error);
            }
            // Once, it may be a server or a proxy that was started anew.
            if again || error.status().is_some() {
                self.learn(lived);
            }
            again = true;
        }
    }

    fn learn(&self, lived: Duration) {
        let mut longest = self.longest.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *longest == Duration::MAX;
        *longest = (*longest).min(lived / 2);
        if first {
            tracing::warn!(
                "a proxy on the way to {} cuts calls that wait longer than {:.1} s; going on with shorter \
                 waits (a time-out of 1 minute or more there spares them)",
                self.controller.url(),
                lived.as_secs_f64()
            );
        }
    }
}
