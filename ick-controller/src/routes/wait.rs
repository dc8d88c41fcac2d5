//! `?wait=`: how long an answer may be waited for.

use ick_http::Refusal;
use std::time::{Duration, Instant};

/// The longest wait; a longer one is cut to this.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// When the wait that is asked for ends; at once when none is.
///
/// # Errors
/// 400 when it is no duration.
pub(super) fn until(wait: Option<&str>) -> Result<Instant, Refusal> {
    let wait = match wait {
        Some(text) => ick_core::duration::parse(text)
            .map_err(|error| Refusal::bad_request(format!("wait: {error}")))?,
        None => Duration::ZERO,
    };
    Ok(Instant::now() + wait.min(MAX_WAIT))
}
