//! When a call is made again, and when not any more.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// How to go about calls that fail for a reason that may pass: full jitter, a cap, an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The first wait is at most this long; each next one at most twice as long.
    pub base: Duration,
    /// No wait is longer than this.
    pub cap: Duration,
    /// No new try is begun later than this.
    pub give_up_after: Duration,
}

impl Retry {
    /// One try only.
    pub const NEVER: Self = Self {
        base: Duration::ZERO,
        cap: Duration::ZERO,
        give_up_after: Duration::ZERO,
    };

    /// For a person who waits: ten seconds.
    pub const BRIEF: Self = Self {
        base: Duration::from_millis(100),
        cap: Duration::from_secs(2),
        give_up_after: Duration::from_secs(10),
    };

    /// For a daemon: without end.
    pub const FOR_EVER: Self = Self {
        base: Duration::from_millis(100),
        cap: Duration::from_secs(10),
        give_up_after: Duration::MAX,
    };

    /// Begins: the time that it may take counts from here.
    pub fn begin(self) -> Backoff {
        Backoff {
            retry: self,
            begun: Instant::now(),
            tries: 0,
        }
    }
}

/// The waits of one call that is tried again.
#[derive(Clone, Debug)]
pub struct Backoff {
    retry: Retry,
    begun: Instant,
    tries: u32,
}

impl Backoff {
    /// How long to wait before the next try, at least as long as the server asked for; none when it
    /// is time to give up.
    pub fn next_wait(&mut self, at_least: Option<Duration>) -> Option<Duration> {
        let ceiling = self
            .retry
            .base
            .saturating_mul(1_u32.checked_shl(self.tries).unwrap_or(u32::MAX))
            .min(self.retry.cap);
        self.tries = self.tries.saturating_add(1);
        // Each state has keys of its own, drawn at random when the thread began.
        let random = RandomState::new().hash_one(self.tries);
        let share = (random >> 32) as f64 / f64::from(u32::MAX);
        let wait = ceiling.mul_f64(share).max(at_least.unwrap_or_default());
        let end = self.begun.elapsed().saturating_add(wait);
        (end < self.retry.give_up_after).then_some(wait)
    }

    /// How many waits there were.
    pub fn tries(&self) -> u32 {
        self.tries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_end() {
        assert_eq!(Retry::NEVER.begin().next_wait(None), None);
        let mut backoff = Retry::FOR_EVER.begin();
        for _ in 0..100 {
            let wait = backoff.next_wait(None);
            assert!(wait.is_some_and(|w| w <= Retry::FOR_EVER.cap), "{wait:?}");
        }
        let asked = Duration::from_secs(7);
        assert!(
            Retry::BRIEF
                .begin()
                .next_wait(Some(asked))
                .is_some_and(|w| w >= asked)
        );
        assert_eq!(
            Retry::BRIEF
                .begin()
                .next_wait(Some(Duration::from_secs(11))),
            None
        );
    }
}
