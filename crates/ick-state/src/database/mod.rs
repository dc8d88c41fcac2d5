//! SQLite as the daemons use it: one writer, writes that wait together share one commit, a few
//! readers that never wait for the writer.
//!
//! [`Database::write`] has no thread of its own behind it. Callers take turns on the one writing
//! connection; each runs its closure in a savepoint, and whoever finds nobody waiting behind them
//! commits for all who ran since the last commit. So a lone write commits at once, and under load
//! the commits (each an fsync) are as many as the disk can do, whatever the number of writes.

mod open;
mod read;
mod reserve;
mod write;

pub use open::{Options, problems};
pub use write::Transaction;

use crate::Error;
use prometheus_client::metrics::histogram::Histogram;
use rusqlite::Connection;
use std::sync::Arc;

/// A database of a daemon. Clones share it; it is closed when the last of them is dropped.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    // The readers are closed first, so that the writer is the last connection, which moves the
    // write-ahead log into the database and removes it.
    readers: read::Readers,
    writer: Option<write::Writer>,
}

/// How much was written since the database was opened, and how much waits to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Closures that were kept.
    pub writes: u64,
    /// Commits that they shared.
    pub commits: u64,
    /// Calls of [`Database::write`] whose closures have not begun yet.
    pub waiting: usize,
}

impl Database {
    /// Opens a database, creates it where there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// [`Error::Newer`] when a newer program has written it, [`Error::Foreign`] when it is something
    /// else's; those of SQLite and of the migrations.
    pub fn open(options: &Options<'_>) -> Result<Self, Error> {
        let conn = open::writer(options).map_err(|error| error.on_disk_of(options.path))?;
        let writer = write::Writer::new(conn, options.path.to_owned());
        let readers = read::Readers::new(options.path.to_owned());
        Ok(Self {
            inner: Arc::new(Inner {
                readers,
                writer: Some(writer),
            }),
        })
    }

    /// Opens a database that is there and up to date, and changes nothing in it: for checks, also
    /// while a daemon is using it. Every [`Database::write`] is an error.
    ///
    /// # Errors
    /// [`Error::Newer`] and [`Error::Foreign`] as for [`Database::open`]; that the schema is older;
    /// those of SQLite.
    pub fn open_to_read(options: &Options<'_>) -> Result<Self, Error> {
        open::expect_present(options)?;
        let readers = read::Readers::new(options.path.to_owned());
        Ok(Self {
            inner: Arc::new(Inner {
                readers,
                writer: None,
            }),
        })
    }

    /// Runs a closure in a transaction, in turn with all other writes, and returns when what it wrote
    /// is durable. Waits for the disk: not for an async context.
    ///
    /// What an `Err` or a panic of the closure had written is rolled back, alone; the others that
    /// share the commit are not concerned. The closure sees what those before it wrote. It must not
    /// call `write` itself, which would wait for itself.
    ///
    /// # Errors
    /// The closure's own; [`Error`] when the transaction cannot begin, or the commit fails, which
    /// then every caller that shared it is told.
    ///
    /// # Panics
    /// When the closure does.
    pub fn write<T, E: From<Error>>(
        &self,
        write: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match &self.inner.writer {
            Some(writer) => writer.write(write),
            None => Err(E::from(Error::Other(
                "the database is open for reading only".to_owned(),
            ))),
        }
    }

    /// Runs a closure on a read-only connection, in a transaction, so that all it reads is of one
    /// moment: at least as late as every write that was answered before. It must not call `read`
    /// itself.
    ///
    /// # Errors
    /// The closure's own, and [`Error`] when no connection can be opened.
    pub fn read<T, E: From<Error>>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.inner.readers.read(read)
    }

    /// How long commits took, for metrics; nothing for a database that is only read.
    pub fn commit_durations(&self) -> Option<Histogram> {
        self.inner.writer.as_ref().map(write::Writer::durations)
    }

    /// How much was written, for metrics.
    pub fn counts(&self) -> Counts {
        self.inner
            .writer
            .as_ref()
            .map(write::Writer::counts)
            .unwrap_or_default()
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}
