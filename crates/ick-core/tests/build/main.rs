//! The build state machine, rule by rule and by properties.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed test is a panic"
)]

mod properties;
mod rules;
mod world;
