//! The controller from outside: the real program on a free port, real tokens, and workers that are
//! written here with nothing but HTTP.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed test is a panic"
)]

mod builds;
mod leases;
mod limits;
mod log;
mod protocol;
mod survives;
mod waiting;
mod world;
