//! The index: which names there are, which contents each has had, and which contents nothing refers
//! to any more. It owns `store.sqlite`.

use ick_core::digest::Digest;
use ick_core::name::{BlobName, ClientId};
use ick_core::time::Timestamp;
use ick_state::{Database, Error, Options, Transaction, database};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::path::Path;

const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
];

fn options(path: &Path) -> Options<'_> {
    Options {
        path,
        // "IckS"
        application_id: 0x4963_6b53,
        migrations: MIGRATIONS,
    }
}

/// The index of the store.
#[derive(Clone, Debug)]
pub struct Names {
    db: Database,
}

/// A name and what it has now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// Its content.
    pub digest: Digest,
    /// The content's size in bytes.
    pub size: u64,
    /// When the name got this content.
    pub created: Timestamp,
}

/// What is to be recorded.
#[derive(Clone, Copy, Debug)]
pub struct Recording<'a> {
    /// The name.
    pub name: &'a BlobName,
    /// Its new content.
    pub digest: &'a Digest,
    /// The content's size in bytes.
    pub size: u64,
    /// Who says so.
    pub who: &'a ClientId,
    /// When.
    pub now: Timestamp,
}

/// What became of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The name is new.
    Created,
    /// The name had a content already.
    Replaced,
    /// The caller did not want it so.
    Refused,
}

/// What became of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It is gone.
    Gone,
    /// There was none.
    None,
    /// The caller did not want it so.
    Refused,
}

/// A content and the names that have had it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The content.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The names.
    pub names: Vec<String>,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Contents that a name has or had.
    pub contents: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Names {
    /// The database, for metrics.
    pub fn database(&self) -> &Database {
        &self.db
    }

    /// How much there is. It is counted as it changes, not when this is asked.
    ///
    /// # Errors
    /// Those of the database.
    pub fn kept(&self) -> Result<Kept, Error> {
        self.db.read(|conn| {
            Ok(conn
                .prepare_cached("SELECT contents, bytes FROM kept WHERE one = 1")?
                .query_row([], |row| {
                    Ok(Kept {
                        contents: size(row, 0)?,
                        bytes: size(row, 1)?,
                    })
                })?)
        })
    }

    /// Opens the index and creates it where there is none.
    ///
    /// # Errors
    /// Those of the database.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let db = Database::open(&options(path))?;
        Ok(Self { db })
    }

    /// Opens an index for a check: nothing of it is changed.
    ///
    /// # Errors
    /// Those of the database.
    pub fn open_to_read(path: &Path) -> Result<Self, Error> {
        let db = Database::open_to_read(&options(path))?;
        Ok(Self { db })
    }

    /// What is wrong with an index as a database; nothing of it is changed.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn problems(path: &Path) -> Result<Vec<String>, Error> {
        database::problems(&options(path))
    }

    /// Gives a name a content, unless `allowed` says no to what the name has now.
    ///
    /// # Errors
    /// Those of the database.
    pub fn record(
        &self,
        new: Recording<'_>,
        allowed: impl FnOnce(Option<&Digest>) -> bool,
    ) -> Result<Recorded, Error> {
        self.db.write(|tx| {
            let before = current(tx, new.name)?;
            if !allowed(before.as_ref()) {
                return Ok(Recorded::Refused);
            }
            let digest = new.digest.as_bytes();
            let name = new.name.as_str();
            tx.prepare_cached(
                "INSERT INTO version (name, digest, size) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            )?
            .execute(params![name, digest, new.size.cast_signed()])?;
            // The same content again is no new content.
            tx.prepare_cached(
                "INSERT INTO name (name, digest, created, owner, revision, updated_by)
                 VALUES (?1, ?2, ?3, ?4, 1, ?4)
                 ON CONFLICT DO UPDATE SET
                     created = iif(digest = excluded.digest, created, excluded.created),
                     digest = excluded.digest,
                     revision = revision + 1,
                     updated_by = excluded.updated_by",
            )?
            .execute(params![
                name,
                digest,
                new.now.as_millis().cast_signed(),
                new.who.as_str()
            ])?;
            tx.prepare_cached("DELETE FROM unreferenced WHERE digest = ?")?
                .execute([digest])?;
            Ok(match before {
                None => Recorded::Created,
                Some(_) => Recorded::Replaced,
            })
        })
    }

    /// What a name has now.
    ///
    /// # Errors
    /// Those of the database.
    pub fn find(&self, name: &BlobName) -> Result<Option<Named>, Error> {
        self.db.read(|conn| {
            Ok(conn
                .prepare_cached(
                    "SELECT name, digest, size, created FROM name JOIN version USING (name, digest)
                     WHERE name = ?",
                )?
                .query_row([name.as_str()], named)
                .optional()?)
        })
    }

    /// The size of a content that a name has or had.
    ///
    /// # Errors
    /// Those of the database.
    pub fn version(&self, name: &BlobName, digest: &Digest) -> Result<Option<u64>, Error> {
        self.db.read(|conn| {
            Ok(conn
                .prepare_cached("SELECT size FROM version WHERE name = ? AND digest = ?")?
                .query_row(params![name.as_str(), digest.as_bytes()], |row| {
                    size(row, 0)
                })
                .optional()?)
        })
    }

    /// Takes a name away, unless `allowed` says no to what it has now. Its contents stay.
    ///
    /// # Errors
    /// Those of the database.
    pub fn take(
        &self,
        name: &BlobName,
        allowed: impl FnOnce(Option<&Digest>) -> bool,
    ) -> Result<Removed, Error> {
        self.db.write(|tx| {
            let before = current(tx, name)?;
            if !allowed(before.as_ref()) {
                return Ok(Removed::Refused);
            }
            if before.is_none() {
                return Ok(Removed::None);
            }
            tx.prepare_cached("DELETE FROM name WHERE name = ?")?
                .execute([name.as_str()])?;
            Ok(Removed::Gone)
        })
    }

    /// Forgets that a name has or had a content; if it has it now, the name goes too. When nothing
    /// else refers to the content, it is among the [`Names::unreferenced`] from then on.
    ///
    /// # Errors
    /// Those of the database.
    pub fn forget(
        &self,
        name: &BlobName,
        digest: &Digest,
        allowed: impl FnOnce(Option<&Digest>) -> bool,
    ) -> Result<Removed, Error> {
        self.db.write(|tx| {
            if !allowed(current(tx, name)?.as_ref()) {
                return Ok(Removed::Refused);
            }
            let key = params![name.as_str(), digest.as_bytes()];
            tx.prepare_cached("DELETE FROM name WHERE name = ? AND digest = ?")?
                .execute(key)?;
            let gone = tx
                .prepare_cached("DELETE FROM version WHERE name = ? AND digest = ?")?
                .execute(key)?;
            if gone == 0 {
                return Ok(Removed::None);
            }
            tx.prepare_cached(
                "INSERT INTO unreferenced (digest) SELECT ?1
                 WHERE NOT EXISTS (SELECT 1 FROM version WHERE digest = ?1)
                 ON CONFLICT DO NOTHING",
            )?
            .execute([digest.as_bytes()])?;
            Ok(Removed::Gone)
        })
    }

    /// Names in the order of their bytes: those that begin with `prefix` and come after `after`.
    ///
    /// # Errors
    /// Those of the database.
    pub fn list(&self, prefix: &str, after: &str, limit: u32) -> Result<Vec<Named>, Error> {
        // No character of a name is as high as U+007F, so this is behind everything with the prefix.
        let end = format!("{prefix}\u{7f}");
        self.db.read(|conn| {
            Ok(conn
                .prepare_cached(
                    "SELECT name, digest, size, created FROM name JOIN version USING (name, digest)
                     WHERE name >= ?1 AND name < ?2 AND name > ?3 ORDER BY name LIMIT ?4",
                )?
                .query_map(params![prefix, end, after, limit], named)?
                .collect::<Result<_, _>>()?)
        })
    }

    /// Whether any name has or had a content.
    ///
    /// # Errors
    /// Those of the database.
    pub fn refers(&self, digest: &Digest) -> Result<bool, Error> {
        self.db.read(|conn| {
            Ok(conn
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM version WHERE digest = ?)")?
                .query_row([digest.as_bytes()], |row| row.get(0))?)
        })
    }

    /// Whether there is a content of so many bytes.
    ///
    /// # Errors
    /// Those of the database.
    pub fn has_size(&self, size: u64) -> Result<bool, Error> {
        self.db.read(|conn| {
            Ok(conn
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM version WHERE size = ?)")?
                .query_row([size.cast_signed()], |row| row.get(0))?)
        })
    }

    /// The contents that nothing refers to and whose removal is not recorded.
    ///
    /// # Errors
    /// Those of the database.
    pub fn unreferenced(&self) -> Result<Vec<Digest>, Error> {
        self.db.read(|conn| {
            Ok(conn
                .prepare_cached("SELECT digest FROM unreferenced")?
                .query_map([], |row| digest(row, 0))?
                .collect::<Result<_, _>>()?)
        })
    }

    /// Records that a content is removed.
    ///
    /// # Errors
    /// Those of the database.
    pub fn removed(&self, digest: &Digest) -> Result<(), Error> {
        self.db.write(|tx| {
            tx.prepare_cached("DELETE FROM unreferenced WHERE digest = ?")?
                .execute([digest.as_bytes()])?;
            Ok(())
        })
    }

    /// The contents after `after`, in the order of their digests: for checks.
    ///
    /// # Errors
    /// Those of the database.
    pub fn held(&self, after: Option<&Digest>, limit: u32) -> Result<Vec<Held>, Error> {
        let after = after.map_or([].as_slice(), |digest| digest.as_bytes());
        self.db.read(|conn| {
            let mut contents = conn
                .prepare_cached(
                    "SELECT digest, max(size) FROM version WHERE digest > ?
                     GROUP BY digest ORDER BY digest LIMIT ?",
                )?
                .query_map(params![after, limit], |row| {
                    Ok(Held {
                        digest: digest(row, 0)?,
                        size: size(row, 1)?,
                        names: Vec::new(),
                    })
                })?
                .collect::<Result<Vec<_>, _>>()?;
            let mut of = conn.prepare_cached("SELECT name FROM version WHERE digest = ?")?;
            for content in &mut contents {
                content.names = of
                    .query_map([content.digest.as_bytes()], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
            }
            Ok(contents)
        })
    }
}

fn current(tx: &Transaction<'_>, name: &BlobName) -> Result<Option<Digest>, Error> {
    let conn: &Connection = tx;
    Ok(conn
        .prepare_cached("SELECT digest FROM name WHERE name = ?")?
        .query_row([name.as_str()], |row| digest(row, 0))
        .optional()?)
}

fn digest(row: &Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    row.get(column).map(Digest::from_bytes)
}

fn size(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

fn named(row: &Row<'_>) -> rusqlite::Result<Named> {
    Ok(Named {
        name: row.get(0)?,
        digest: digest(row, 1)?,
        size: size(row, 2)?,
        created: Timestamp::from_millis(row.get::<_, i64>(3)?.cast_unsigned()),
    })
}
