//! What the controller knows, on disk: the interface in domain words, and SQLite behind it.
//!
//! Everything else in this program works against [`Read`] and [`Write`], what one transaction can
//! see and do. Which database stands behind them is decided here, in one line.

mod interface;
mod records;
mod sqlite;

#[cfg(test)]
pub(crate) mod conformance;

pub use interface::{Read, Write};
pub use records::{
    Before, BuildFilter, BuildKey, BuildRecord, BuildTerms, Error, Kind, LeaseRecord, NewBuild,
    ObjectRecord, Queued, Removal, RemovalRecord, Request, Said, Stamp, TermsError, WorkerRecord,
};
pub use sqlite::{Sqlite as State, check};
