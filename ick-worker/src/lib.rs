//! Ick's worker manager: executes actions on a build host.

pub mod actions;
pub mod engine;
pub mod environment;
pub mod places;
pub mod spool;
pub mod supervise;
pub mod workspace;
