//! Waiting for facts.

use anyhow::{Result, bail};
use std::time::{Duration, Instant};

/// How long a test waits for a fact before it fails: long enough for two busy cores.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer.
///
/// # Errors
/// When `ask` fails, or has no answer before [`DEADLINE`]; `fact` says what was waited for.
pub fn eventually<T>(fact: &str, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if start.elapsed() > DEADLINE {
            bail!("waited in vain for {fact}");
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
}
