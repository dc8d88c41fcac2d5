//! The artifact store from outside: a real process, real sockets, tokens of two issuers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed test is a panic"
)]

mod access;
mod big;
mod calls;
mod check;
mod crash;
mod hostile;
mod http;
mod limits;
mod migrations;
mod parallel;
mod ranges;
mod world;
