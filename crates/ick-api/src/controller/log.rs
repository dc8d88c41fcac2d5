//! Appending to logs and reading them as records.

use ick_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The answer of `POST /work/+log`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Appended {
    /// How many log bytes of this lease the controller has.
    pub length: u64,
    /// How many of them survive power loss.
    pub durable: u64,
    /// 0 no, 1 cancelled, 2 cancelled twice.
    #[serde(default)]
    pub cancelled: u8,
    /// Until when the lease holds if it is not renewed.
    pub lease_expires: Timestamp,
    /// The controller's present time.
    pub now: Timestamp,
}

/// One line of `GET /logs/ID` as `application/x-ndjson`; `{}` is a sign of life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogRecord {
    /// 1, 2, … in the build's log.
    pub seq: u64,
    /// When the bytes were written.
    pub t: Timestamp,
    /// The attempt.
    pub attempt: u32,
    /// The action.
    pub action_id: String,
    /// `stdout`, `stderr` or `ick`.
    pub stream: crate::logframe::Stream,
    /// The bytes, where they are UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The bytes in base64 (RFC 4648) otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}
