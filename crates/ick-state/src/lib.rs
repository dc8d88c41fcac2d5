//! State on disk for the daemons: the locked state folder, SQLite with group commit, atomic files, and
//! the room that is left.
//!
//! What a call here has answered with `Ok` survives `kill -9`, and power loss as far as the disk
//! keeps what it has confirmed.

pub mod atomic;
pub mod database;
pub mod error;
pub mod folder;
pub mod room;

pub use database::{Database, Options, Transaction};
pub use error::Error;
pub use folder::StateFolder;
pub use room::Room;
