//! The state in SQLite, through `ick_state`: one writer whose callers share commits, a few readers.

mod builds;
mod cache;
mod check;
mod lists;
mod objects;
mod removals;
mod session;
mod work;
mod workers;

#[cfg(test)]
mod tests;

pub use check::check;

use super::{Error, Read, Write};
use ick_core::time::Timestamp;
use ick_state::{Database, Options};
use serde::Serialize;
use serde::de::DeserializeOwned;
use session::Session;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Tells the controller's database from others: "ickc".
const APPLICATION_ID: i32 = 0x6963_6b63;

/// The schema's steps. They are only ever added to.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/001.sql"),
    include_str!("../migrations/002.sql"),
];

/// The database's name in the state folder.
const FILE: &str = "controller.sqlite";

/// The state. Clones share it.
#[derive(Clone, Debug)]
pub struct Sqlite {
    database: Database,
    terms: Arc<cache::Terms>,
}

impl Sqlite {
    /// Opens the state in a state folder, made anew where there is none.
    ///
    /// # Errors
    /// Those of [`Database::open`].
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let path = file(folder);
        Ok(Self {
            database: Database::open(&options(&path))?,
            terms: Arc::default(),
        })
    }

    /// The database, for metrics.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Looks at the state, all of one moment. Waits for the disk at most, never for a writer.
    ///
    /// # Errors
    /// Those of the closure, and of the database.
    pub fn read<T, E: From<Error>>(
        &self,
        look: impl FnOnce(&dyn Read) -> Result<T, E>,
    ) -> Result<T, E> {
        let answer = self
            .database
            .read(|conn| Ok::<_, ick_state::Error>(look(&Session::new(conn, &self.terms))));
        answer.map_err(Error::from)?
    }

    /// Changes the state in one transaction, and returns when that is durable. What the closure wrote
    /// before an `Err` is undone.
    ///
    /// # Errors
    /// Those of the closure, and of the database.
    pub fn write<T, E: From<Error>>(
        &self,
        change: impl FnOnce(&dyn Write) -> Result<T, E>,
    ) -> Result<T, E> {
        let answer = self
            .database
            .write(|tx| change(&Session::new(tx, &self.terms)).map_err(Failed::Refused));
        answer.map_err(|failed| match failed {
            Failed::Refused(error) => error,
            Failed::Storage(error) => Error::from(error).into(),
        })
    }
}

/// Tells the closure's own errors from those of the database.
enum Failed<E> {
    Refused(E),
    Storage(ick_state::Error),
}

impl<E> From<ick_state::Error> for Failed<E> {
    fn from(error: ick_state::Error) -> Self {
        Self::Storage(error)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            // Every table is STRICT: a value that is not what its column holds was put there by
            // something else.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..) => Self::Damaged(error.to_string()),
            error => Self::Storage(error.into()),
        }
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

fn options(path: &Path) -> Options<'_> {
    Options {
        path,
        application_id: APPLICATION_ID,
        migrations: MIGRATIONS,
    }
}

/// SQLite's integers are signed; none of ours comes near that limit.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn natural(what: &str, number: i64) -> Result<u64, Error> {
    u64::try_from(number).map_err(|_| Error::Damaged(format!("{what} is {number}")))
}

fn small(what: &str, number: i64) -> Result<u32, Error> {
    u32::try_from(number).map_err(|_| Error::Damaged(format!("{what} is {number}")))
}

fn time(what: &str, ms: i64) -> Result<Timestamp, Error> {
    natural(what, ms).map(Timestamp::from_millis)
}

fn millis(time: Timestamp) -> i64 {
    signed(time.as_millis())
}

fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// What is in our own columns was checked before it was written, so failing means damage.
fn parsed<T>(what: &str, text: &str) -> Result<T, Error>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse()
        .map_err(|e| Error::Damaged(format!("{what} {text:?}: {e}")))
}

fn from_json<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|e| Error::Damaged(format!("{what}: {e}")))
}

fn to_json<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value)
        .map_err(|e| Error::Damaged(format!("a value that cannot be written as JSON: {e}")))
}
