//! What a client may make large or slow: the limits that every daemon has, as its configuration says.

use ick_core::yaml::Fields;
use std::ops::RangeInclusive;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// What the limit of a body that is taken whole can be: it is held in memory.
const WHOLE_BODY: RangeInclusive<u64> = 1 << 10..=1 << 30;

/// What a client may make large or slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `connections` open at a time, as far as the limit of open files allows them. For one more, the one
    /// that has waited the longest for its client is closed; while requests are under way in all of them,
    /// it waits.
    pub connections: usize,
    /// `head_time`: how long the head of a request may take, from the end of the answer before it.
    pub head_time: Duration,
    /// `head_size`: how long the head of a request may be, in bytes (431).
    pub head_size: usize,
    /// `headers`: how many header fields it may have (431).
    pub headers: usize,
    /// `body_bytes`: how many bytes of a body must come in each [`Limits::body_interval`] of waiting for
    /// them (408).
    pub body_bytes: u64,
    /// `body_interval`; see [`Limits::body_bytes`].
    pub body_interval: Duration,
    /// `write_time`: how long a client may take none of an answer.
    pub write_time: Duration,
    /// `grace`: how long requests that are under way at the end may take.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 3072,
            head_time: 10 * SECOND,
            head_size: 64 << 10,
            headers: 64,
            body_bytes: 1024,
            body_interval: 20 * SECOND,
            write_time: 60 * SECOND,
            grace: 10 * SECOND,
        }
    }
}

impl Limits {
    fn read(fields: &Fields<'_>) -> Self {
        let usual = Self::default();
        let count = |name, range, usual| {
            let given = fields.integer(name, range);
            given.and_then(|n| usize::try_from(n).ok()).unwrap_or(usual)
        };
        let time = |name, range, usual| fields.duration_within(name, range).unwrap_or(usual);
        Self {
            connections: count("connections", 1..=1_000_000, usual.connections),
            head_time: time("head_time", SECOND..=HOUR, usual.head_time),
            // The least is what the HTTP library needs.
            head_size: size(fields, "head_size", 8 << 10..=1 << 20, usual.head_size),
            headers: count("headers", 16..=1000, usual.headers),
            body_bytes: fields
                .size_within("body_bytes", 1..=1 << 30)
                .unwrap_or(usual.body_bytes),
            body_interval: time("body_interval", SECOND..=HOUR, usual.body_interval),
            write_time: time("write_time", SECOND..=HOUR, usual.write_time),
            grace: time("grace", Duration::ZERO..=HOUR, usual.grace),
        }
    }
}

/// Reads the mapping `limits` of a configuration: the limits of every daemon, and by `own` those that
/// this one has besides.
pub fn read_limits<T: Default>(
    fields: &Fields<'_>,
    own: impl FnOnce(&Fields<'_>) -> T,
) -> (Limits, T) {
    let given = fields.field("limits");
    let Some(given) = given.and_then(|field| field.mapping("\"limits\"")) else {
        return Default::default();
    };
    let read = (Limits::read(&given), own(&given));
    given.finish();
    read
}

/// Reads the limit of a body that is taken whole, in bytes (413); 1 KiB to 1 GiB.
pub fn body_size(fields: &Fields<'_>, name: &'static str, usual: usize) -> usize {
    size(fields, name, WHOLE_BODY, usual)
}

fn size(
    fields: &Fields<'_>,
    name: &'static str,
    range: RangeInclusive<u64>,
    usual: usize,
) -> usize {
    let given = fields.size_within(name, range);
    given.and_then(|n| usize::try_from(n).ok()).unwrap_or(usual)
}
