//! What the passing of time does: leases expire, time-outs end builds, what waits is offered again.
//!
//! Level-triggered: each look reads the state anew, by indexed due times, and remembers nothing. What
//! fails is looked at again a second later.

use crate::app::App;
use crate::leases::Held;
use crate::state::BuildKey;
use crate::transition::{self, Moved, Stuck};
use ick_core::build::Event;
use ick_core::schedule::Needs;
use ick_core::time::Timestamp;
use ick_http::Shutdown;
use std::time::{Duration, Instant};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);

/// How many builds one look goes through in one transaction.
const AT_ONCE: usize = 100;

/// How often it is written down when workers were last heard of, and the signing keys are looked at.
const SELDOM: Duration = Duration::from_secs(30);

/// Looks about every second until the daemon ends.
pub fn run(app: &App, shutdown: &Shutdown) {
    let mut seldom = Instant::now();
    while !shutdown.sleep(EVERY) {
        app.sweep();
        if seldom.elapsed() >= SELDOM {
            seldom = Instant::now();
            app.write_down();
        }
    }
    app.write_down();
}

impl App {
    /// Looks once.
    pub fn sweep(&self) {
        let now = self.now();
        for held in self.leases.expired(now) {
            if let Err(error) = self.lose(&held, now) {
                tracing::warn!("build {}: {error}", held.build);
            }
        }
        self.tick(now);
        self.offer_what_waits();
    }

    fn lose(&self, held: &Held, now: Timestamp) -> Result<(), Stuck> {
        let event = Event::LeaseExpired {
            lease: held.lease.clone(),
        };
        let moved = self.state.write(|tx| match tx.build_by_key(held.key)? {
            Some(build) => transition::happen(tx, build, event, now).map(Some),
            None => Ok(None),
        });
        match moved {
            Ok(Some(moved)) => {
                self.counts.lease_expired();
                tracing::info!(
                    "build {}: worker {} was not heard of in time; it is {} now",
                    held.build,
                    held.worker,
                    moved.build.state.status
                );
                self.settle(&moved);
                Ok(())
            }
            // The state does not have this lease any more.
            Ok(None) | Err(Stuck::Refused(_)) => {
                self.leases.forget(&held.lease);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Lets time pass for the builds about which it has something to say.
    fn tick(&self, now: Timestamp) {
        loop {
            let due = match self.state.read(|tx| tx.due(now, AT_ONCE)) {
                Ok(due) if due.is_empty() => return,
                Ok(due) => due,
                Err(error) => {
                    tracing::warn!("cannot look for builds whose time is over: {error}");
                    return;
                }
            };
            let moved = match self.tick_these(&due, now) {
                Ok(moved) => moved,
                // One that cannot go on must not hold up the others.
                Err(_) => self.tick_each(&due, now),
            };
            let none_moved = moved.iter().all(|one| one.effects.is_empty());
            for one in &moved {
                self.settle(one);
            }
            // What is still due after a tick would be found again at once.
            if due.len() < AT_ONCE || none_moved {
                return;
            }
        }
    }

    fn tick_each(&self, due: &[BuildKey], now: Timestamp) -> Vec<Moved> {
        let mut moved = Vec::new();
        for key in due {
            match self.tick_these(&[*key], now) {
                Ok(one) => moved.extend(one),
                Err(error) => tracing::warn!("cannot end build {key} whose time is over: {error}"),
            }
        }
        moved
    }

    fn tick_these(&self, due: &[BuildKey], now: Timestamp) -> Result<Vec<Moved>, Stuck> {
        self.state.write(|tx| {
            let mut moved = Vec::new();
            for key in due {
                if let Some(build) = tx.build_by_key(*key)? {
                    moved.push(transition::happen(tx, build, Event::Tick, now)?);
                }
            }
            Ok(moved)
        })
    }

    /// Wakes an idle slot for each class of builds of which one waits: every hint can be lost.
    fn offer_what_waits(&self) {
        if self.idle.is_empty() || !self.has_room() {
            return;
        }
        for class in 0..Needs::CLASSES {
            match self.state.read(|tx| tx.queued(class, 1)) {
                Ok(queued) => {
                    if let Some(first) = queued.first() {
                        self.offer(Needs::of_class(class), first.avoid.as_ref());
                    }
                }
                Err(error) => tracing::warn!("cannot look at the queue: {error}"),
            }
        }
    }

    /// Writes down what may be lost in a crash without harm.
    fn write_down(&self) {
        let seen = self.roster.unwritten();
        if !seen.is_empty()
            && let Err(error) = self.state.write(|tx| tx.seen(&seen))
        {
            tracing::warn!("cannot record when workers were last heard of: {error}");
        }
        if let Err(error) = self.tokens.rotate(self.now()) {
            tracing::warn!("cannot rotate the signing keys: {error}");
        }
    }
}
