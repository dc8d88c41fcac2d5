//! Projects and pipelines.

use super::{from_json, millis, natural, rows, signed, small, time, to_json};
use crate::state::{Error, Kind, ObjectRecord, Stamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// The version of the definitions' form in the database.
const FORMAT: u32 = 1;

/// One of two texts: table names cannot be parameters.
macro_rules! by_kind {
    ($kind:expr, $before:literal, $after:literal) => {
        match $kind {
            Kind::Project => concat!($before, "projects", $after),
            Kind::Pipeline => concat!($before, "pipelines", $after),
        }
    };
}

const COLUMNS: usize = 9;

struct Raw {
    name: String,
    format: i64,
    definition: String,
    made_by: Option<String>,
    owner: String,
    revision: i64,
    updated_by: String,
    created: i64,
    updated: i64,
}

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    debug_assert_eq!(row.as_ref().column_count(), COLUMNS);
    Ok(Raw {
        name: row.get(0)?,
        format: row.get(1)?,
        definition: row.get(2)?,
        made_by: row.get(3)?,
        owner: row.get(4)?,
        revision: row.get(5)?,
        updated_by: row.get(6)?,
        created: row.get(7)?,
        updated: row.get(8)?,
    })
}

fn record(kind: Kind, raw: Raw) -> Result<ObjectRecord, Error> {
    let what = format!("{kind} {}", raw.name);
    if small(&what, raw.format)? != FORMAT {
        return Err(Error::Damaged(format!(
            "{what} is of format {}",
            raw.format
        )));
    }
    Ok(ObjectRecord {
        kind,
        definition: from_json(&what, &raw.definition)?,
        name: raw.name,
        made_by: raw.made_by,
        stamp: Stamp {
            owner: raw.owner,
            revision: natural(&what, raw.revision)?,
            updated_by: raw.updated_by,
            created: time(&what, raw.created)?,
            updated: time(&what, raw.updated)?,
        },
    })
}

pub(super) fn get(
    conn: &Connection,
    kind: Kind,
    name: &str,
) -> Result<Option<ObjectRecord>, Error> {
    let sql = by_kind!(kind, "SELECT * FROM ", " WHERE name = ?1");
    let found = conn
        .prepare_cached(sql)?
        .query_row([name], raw)
        .optional()?;
    found.map(|raw| record(kind, raw)).transpose()
}

pub(super) fn list(
    conn: &Connection,
    kind: Kind,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<ObjectRecord>, Error> {
    // No name is empty, so all come after the empty one.
    let sql = by_kind!(
        kind,
        "SELECT * FROM ",
        " WHERE name > ?1 ORDER BY name LIMIT ?2"
    );
    let mut statement = conn.prepare_cached(sql)?;
    let found = statement.query_map(params![after.unwrap_or_default(), rows(limit)], raw)?;
    found.map(|raw| record(kind, raw?)).collect()
}

pub(super) fn names(conn: &Connection, kind: Kind) -> Result<Vec<String>, Error> {
    let sql = by_kind!(kind, "SELECT name FROM ", " ORDER BY name");
    let mut statement = conn.prepare_cached(sql)?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

pub(super) fn of_set(conn: &Connection, kind: Kind, set: &str) -> Result<Vec<String>, Error> {
    let sql = by_kind!(
        kind,
        "SELECT name FROM ",
        " WHERE made_by = ?1 ORDER BY name"
    );
    let mut statement = conn.prepare_cached(sql)?;
    let names = statement.query_map([set], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

pub(super) fn put(conn: &Connection, object: &ObjectRecord) -> Result<(), Error> {
    let sql = by_kind!(
        object.kind,
        "INSERT OR REPLACE INTO ",
        " (name, format, definition, made_by, owner, revision, updated_by, created, updated)
          VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
    );
    let stamp = &object.stamp;
    conn.prepare_cached(sql)?.execute(params![
        object.name,
        FORMAT,
        to_json(&object.definition)?,
        object.made_by,
        stamp.owner,
        signed(stamp.revision),
        stamp.updated_by,
        millis(stamp.created),
        millis(stamp.updated),
    ])?;
    Ok(())
}

pub(super) fn delete(conn: &Connection, kind: Kind, name: &str) -> Result<bool, Error> {
    let sql = by_kind!(kind, "DELETE FROM ", " WHERE name = ?1");
    Ok(conn.prepare_cached(sql)?.execute([name])? > 0)
}
