//! This host's clock beside the controller's.
//!
//! Leases and time-outs go by differences on the monotonic clock, so a wrong clock breaks no build. What
//! it would spoil are the times in logs: they are corrected by what is known here.

use crate::supervise::now;
use ick_core::duration;
use ick_core::time::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Up to this, in milliseconds, a difference is not worth a word: answers take time on their way, too.
const TOLERANCE: i64 = 10_000;

/// What is known of the difference.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// How many milliseconds this host's clock is ahead, as far as it was said; 0 when it is right.
    ahead: AtomicI64,
}

impl Clock {
    /// An answer with the controller's time has just arrived. Whether what is known has changed; that is
    /// said, once.
    pub(super) fn note(&self, controller: Timestamp) -> bool {
        let changed = self.compare(now(), controller);
        if changed {
            match self.words() {
                Some(words) => tracing::warn!(
                    "this host's clock is {words} the controller's: builds are executed all the same, and \
                     the times in their logs are corrected; set the clock (on Debian: install \
                     systemd-timesyncd or chrony)"
                ),
                None => tracing::info!("this host's clock agrees with the controller's again"),
            }
        }
        changed
    }

    fn compare(&self, here: Timestamp, controller: Timestamp) -> bool {
        let ms = |time: Timestamp| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let ahead = ms(here).saturating_sub(ms(controller));
        let ahead = if ahead.abs() <= TOLERANCE { 0 } else { ahead };
        let known = self.ahead.load(Ordering::Relaxed);
        let changed = (ahead == 0) != (known == 0) || ahead.abs_diff(known) > TOLERANCE as u64;
        if changed {
            self.ahead.store(ahead, Ordering::Relaxed);
        }
        changed
    }

    /// How many milliseconds are to be added to this host's times, to have them as the controller's clock
    /// would.
    pub(super) fn correction(&self) -> i64 {
        -self.ahead.load(Ordering::Relaxed)
    }

    /// How wrong this host's clock is, like "5m ahead of"; none when it is right.
    pub(super) fn words(&self) -> Option<String> {
        let ahead = self.ahead.load(Ordering::Relaxed);
        let seconds = (ahead.unsigned_abs() + 500) / 1000;
        // Nobody needs the seconds of minutes.
        let rounded = match seconds {
            0 => return None,
            1..120 => seconds,
            _ => (seconds + 30) / 60 * 60,
        };
        let side = if ahead > 0 { "ahead of" } else { "behind" };
        let size = duration::format(Duration::from_secs(rounded));
        Some(format!("{size} {side}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_matters_is_a_change() {
        let clock = Clock::default();
        let right = 1_800_000_000_000;
        for (here, changed, words) in [
            (right + 9_000, false, None),
            (right + 300_004, true, Some("5m ahead of")),
            (right + 301_500, false, Some("5m ahead of")),
            (right - 299_800, true, Some("5m behind")),
            (right - 30_000, true, Some("30s behind")),
            (right, true, None),
            (right - 1, false, None),
        ] {
            let (here, right) = (Timestamp::from_millis(here), Timestamp::from_millis(right));
            assert_eq!(clock.compare(here, right), changed, "{here}");
            assert_eq!(clock.words().as_deref(), words, "{here}");
        }
    }

    #[test]
    fn the_correction_is_the_difference() {
        let clock = Clock::default();
        clock.compare(Timestamp::from_millis(0), Timestamp::from_millis(60_000));
        assert_eq!(clock.correction(), 60_000);
    }
}
