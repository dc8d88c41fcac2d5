//! The clock of the machine, which the core is never asked for.

use ick_core::time::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// The present time.
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
