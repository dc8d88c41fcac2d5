//! icktool from outside, with a whole Ick of real processes that `icktool up` starts.

#![expect(clippy::unwrap_used, reason = "a failed test is a panic")]

mod artifacts;
mod builds;
mod home;
mod login;
mod up;
