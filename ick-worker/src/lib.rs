//! Ick's worker manager: executes actions on a build host.

pub mod actions;
mod beneath;
pub mod caches;
pub mod config;
pub mod daemon;
pub mod engine;
pub mod environment;
pub mod kept;
pub mod places;
pub mod shell;
pub mod spool;
pub mod supervise;
pub mod trees;
pub mod words;
pub mod workspace;
