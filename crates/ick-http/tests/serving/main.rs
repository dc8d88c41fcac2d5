//! Serving, from outside: real sockets, and clients that mean no good.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed test is a panic"
)]

mod bodies;
mod ending;
mod heads;
mod issuers;
mod server;
mod shapes;
mod speed;
mod tokens;
