//! Durations as people write them in files and as the API shows them: `30s`, `5m`, `1h30m`.

use std::fmt::Write;
use std::time::Duration;

/// The longest duration that is accepted: a year.
pub const MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// Why a text is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not of the form.
    #[error(
        "a duration is written like 30s, 5m or 1h30m, with the units d, h, m, s and ms in this order"
    )]
    Form,
    /// More than [`MAX`].
    #[error("a duration is at most 365d")]
    TooLong,
}

/// How a duration looks, as a pattern of JSON Schema.
pub const PATTERN: &str = "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$";

const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads a duration: whole numbers with units, the larger units first, each unit once at most.
///
/// # Errors
/// When the text has another form, or the duration is longer than [`MAX`].
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text;
    let mut next_unit = 0;
    let mut total: u64 = 0;
    if rest.is_empty() {
        return Err(DurationError::Form);
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Err(DurationError::Form);
        }
        let after = &rest[digits..];
        let letters = after.bytes().take_while(u8::is_ascii_lowercase).count();
        let unit = &after[..letters];
        let place = UNITS[next_unit..]
            .iter()
            .position(|(name, _)| *name == unit)
            .ok_or(DurationError::Form)?
            + next_unit;
        let count: u64 = rest[..digits].parse().map_err(|_| DurationError::TooLong)?;
        total = count
            .checked_mul(UNITS[place].1)
            .and_then(|ms| total.checked_add(ms))
            .ok_or(DurationError::TooLong)?;
        next_unit = place + 1;
        rest = &after[letters..];
    }
    let duration = Duration::from_millis(total);
    if duration > MAX {
        return Err(DurationError::TooLong);
    }
    Ok(duration)
}

/// Writes a duration in the form that [`parse`] reads, rounded down to a millisecond; `0s` for none.
pub fn format(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (name, size) in UNITS {
        let count = left / size;
        left %= size;
        if count > 0 {
            let _ = write!(text, "{count}{name}");
        }
    }
    if text.is_empty() {
        text.push_str("0s");
    }
    text
}

/// For `#[serde(with = "ick_core::duration::as_text")]` on a [`Duration`].
pub mod as_text {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    /// Writes the duration as text.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(duration: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&super::format(*duration))
    }

    /// Reads the duration from text.
    ///
    /// # Errors
    /// When the text is not a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(d)?;
        super::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_by_table() {
        let good = [
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1d", 86_400_000),
            ("250ms", 250),
            ("0s", 0),
        ];
        for (text, ms) in good {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
            assert_eq!(format(Duration::from_millis(ms)), text);
        }
        for wrong in [
            "", "5", "s", "5x", "1m1h", "1m1m", "-1s", "1.5h", "1 h", " 1h",
        ] {
            assert_eq!(parse(wrong), Err(DurationError::Form), "{wrong:?}");
        }
        for long in ["366d", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(parse(long), Err(DurationError::TooLong), "{long}");
        }
    }
}
