//! The engine with real processes: what an action sees, how it ends, and what is left of it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed test is a panic"
)]

mod again;
mod build;
mod caches;
mod chroot;
mod container;
mod dput;
mod endings;
mod host;
mod isolation;
mod limits;
mod log;
mod network;
mod ordinary_user;
mod processes;
mod rsync;
mod sshd;
mod trees;
mod user;
