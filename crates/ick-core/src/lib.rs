//! Ick's pure core: names, definitions, the build state machine, scheduling.
//!
//! Nothing here does input or output, reads a clock, or looks at the environment: the time is always
//! an argument. Everything that decides something about a build is in this crate, so that it can be
//! tested as a table.

pub mod build;
pub mod definition;
pub mod digest;
pub mod duration;
pub mod name;
pub mod schedule;
#[cfg(feature = "schema")]
mod schema;
pub mod secret;
mod text;
pub mod time;
pub mod yaml;
