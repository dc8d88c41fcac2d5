//! What benchmarks measure.

use anyhow::Result;
use std::fmt;
use std::time::{Duration, Instant};

/// Durations of one thing done several times, in ascending order.
#[derive(Clone, Debug)]
pub struct Sample(Vec<Duration>);

impl Sample {
    /// Durations that were measured.
    pub fn new(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    /// Does a thing once to warm up, then so many times.
    ///
    /// # Errors
    /// Those of the thing.
    pub fn take(times: usize, mut thing: impl FnMut() -> Result<()>) -> Result<Self> {
        thing()?;
        let mut all = Vec::with_capacity(times);
        for _ in 0..times {
            let start = Instant::now();
            thing()?;
            all.push(start.elapsed());
        }
        Ok(Self::new(all))
    }

    /// The duration that so many of a hundred do not exceed.
    pub fn at(&self, percent: usize) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0
            .get(last * percent / 100)
            .copied()
            .unwrap_or_default()
    }

    /// The one in the middle.
    pub fn median(&self) -> Duration {
        self.at(50)
    }

    /// How many times the baseline's median, in words.
    pub fn over(&self, baseline: &Self) -> String {
        let ratio = self.median().as_secs_f64() / baseline.median().as_secs_f64();
        format!("{ratio:.2} × the baseline")
    }
}

/// The median, and between which durations eight of ten are.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, middle, high] = [10, 50, 90].map(|percent| self.at(percent));
        f.pad(&format!("{middle:.1?} [{low:.1?} – {high:.1?}]"))
    }
}
