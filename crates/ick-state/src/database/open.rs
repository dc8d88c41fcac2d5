//! Opening: settings, identity, migrations; and the check of a database that may be damaged.

use crate::Error;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// What a database is and where.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The file.
    pub path: &'a Path,
    /// Tells this program's databases from others (SQLite's `application_id`); not 0.
    pub application_id: i32,
    /// The schema's steps from the beginning. The number of those done is the database's
    /// `user_version`. Steps are only ever added at the end.
    pub migrations: &'a [&'a str],
}

const BUSY: Duration = Duration::from_secs(5);
const CACHED_STATEMENTS: usize = 128;

pub(super) fn writer(options: &Options<'_>) -> Result<Connection, Error> {
    let mut conn = Connection::open(options.path)?;
    conn.busy_timeout(BUSY)?;
    // Before anything is changed: is this ours, and not newer than we are?
    identify(&conn, options)?;
    conn.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "journal_size_limit", 64 << 20)?;
    // Savepoints of a group would be kept in a temporary file once they are large.
    conn.pragma_update(None, "temp_store", "memory")?;
    // Migrations may rebuild tables that others refer to; the commit of each checks the references.
    conn.pragma_update(None, "foreign_keys", false)?;
    migrate(&mut conn, options)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(conn)
}

pub(super) fn reader(path: &Path) -> Result<Connection, Error> {
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(conn)
}

fn number(conn: &Connection, pragma: &str) -> Result<i64, Error> {
    Ok(conn.pragma_query_value(None, pragma, |row| row.get(0))?)
}

fn identify(conn: &Connection, options: &Options<'_>) -> Result<(), Error> {
    let id = number(conn, "application_id")?;
    let found = number(conn, "user_version")?;
    let known = i64::try_from(options.migrations.len()).unwrap_or(i64::MAX);
    if id == 0 && found == 0 {
        let objects: i64 =
            conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if objects > 0 {
            return Err(Error::Foreign(options.path.to_owned()));
        }
    } else if id != i64::from(options.application_id) {
        return Err(Error::Foreign(options.path.to_owned()));
    }
    if found > known {
        return Err(Error::Newer {
            path: options.path.to_owned(),
            found,
            known,
        });
    }
    Ok(())
}

/// Whether a database is there and has the newest schema that the program knows.
pub(super) fn expect_present(options: &Options<'_>) -> Result<(), Error> {
    let conn = reader(options.path)?;
    identify(&conn, options)?;
    let found = number(&conn, "user_version")?;
    if found == i64::try_from(options.migrations.len()).unwrap_or(i64::MAX) {
        Ok(())
    } else {
        Err(Error::Other(format!(
            "{} was last used by an older program: start this one on it once",
            options.path.display()
        )))
    }
}

fn migrate(conn: &mut Connection, options: &Options<'_>) -> Result<(), Error> {
    let done = number(conn, "user_version")?;
    for (step, migration) in (1_i64..).zip(options.migrations) {
        if step <= done {
            continue;
        }
        let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        tx.execute_batch(migration)?;
        if let Some(wrong) = dangling(&tx)?.first() {
            return Err(Error::Corrupt(format!("migration {step}: {wrong}")));
        }
        tx.pragma_update(None, "application_id", options.application_id)?;
        tx.pragma_update(None, "user_version", step)?;
        tx.commit()?;
    }
    Ok(())
}

fn dangling(conn: &Connection) -> Result<Vec<String>, Error> {
    let mut statement = conn.prepare("PRAGMA foreign_key_check")?;
    let rows = statement.query_map([], |row| {
        let (table, rowid): (String, Option<i64>) = (row.get(0)?, row.get(1)?);
        let (parent, rowid) = (row.get::<_, String>(2)?, rowid.unwrap_or_default());
        Ok(format!(
            "row {rowid} of {table} refers to a row of {parent} that does not exist"
        ))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What is wrong with a database: what SQLite's own check says, and references to what does not
/// exist. Empty when it is sound. Changes nothing, and can be asked while a daemon is using it.
///
/// # Errors
/// [`Error::Newer`] and [`Error::Foreign`] as for [`super::Database::open`]; those of the file system.
pub fn problems(options: &Options<'_>) -> Result<Vec<String>, Error> {
    let ask = || -> Result<Vec<String>, Error> {
        let conn = reader(options.path)?;
        identify(&conn, options)?;
        let mut statement = conn.prepare("PRAGMA integrity_check")?;
        let mut wrong: Vec<String> = statement
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        wrong.retain(|line| line != "ok");
        wrong.extend(dangling(&conn)?);
        Ok(wrong)
    };
    match ask() {
        Err(Error::Corrupt(text)) => Ok(vec![text]),
        other => other,
    }
}
