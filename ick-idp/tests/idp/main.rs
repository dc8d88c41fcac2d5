//! The identity provider from outside: the real program, real sockets.

#![expect(clippy::unwrap_used, reason = "a failed test is a panic")]

mod clients;
mod limits;
mod process;
mod state;
mod tokens;
