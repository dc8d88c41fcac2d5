//! What is still to be removed outside the database.

use super::{millis, natural, parsed, rows, signed, small};
use crate::state::{Error, Removal, RemovalRecord};
use ick_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

type Raw = (i64, String, String, Option<String>, i64);

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
    ))
}

fn record((id, kind, name, digest, tries): Raw) -> Result<RemovalRecord, Error> {
    let what = "a removal";
    let removal = match (kind.as_str(), digest) {
        ("log", _) => Removal::Log(parsed(what, &name)?),
        ("blob", Some(digest)) => Removal::Blob(parsed(what, &name)?, parsed(what, &digest)?),
        _ => return Err(Error::Damaged(format!("{what} of {kind:?}"))),
    };
    Ok(RemovalRecord {
        id: natural(what, id)?,
        what: removal,
        tries: small(what, tries)?,
    })
}

pub(super) fn due(
    conn: &Connection,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<RemovalRecord>, Error> {
    let mut statement = conn.prepare_cached(
        "SELECT id, kind, name, digest, tries FROM removals INDEXED BY removals_due
         WHERE due <= ?1 ORDER BY due LIMIT ?2",
    )?;
    let found = statement.query_map(params![millis(now), rows(limit)], raw)?;
    found.map(|raw| record(raw?)).collect()
}

pub(super) fn insert(conn: &Connection, what: &Removal, due: Timestamp) -> Result<(), Error> {
    let (kind, name, digest) = match what {
        Removal::Log(build) => ("log", build.to_string(), None),
        Removal::Blob(name, digest) => ("blob", name.to_string(), Some(digest.to_string())),
    };
    conn.prepare_cached(
        "INSERT INTO removals (kind, name, digest, due, tries) VALUES (?1, ?2, ?3, ?4, 0)",
    )?
    .execute(params![kind, name, digest, millis(due)])?;
    Ok(())
}

pub(super) fn put_off(conn: &Connection, id: u64, due: Timestamp) -> Result<(), Error> {
    conn.prepare_cached("UPDATE removals SET due = ?2, tries = tries + 1 WHERE id = ?1")?
        .execute(params![signed(id), millis(due)])?;
    Ok(())
}

pub(super) fn delete(conn: &Connection, id: u64) -> Result<(), Error> {
    conn.prepare_cached("DELETE FROM removals WHERE id = ?1")?
        .execute([signed(id)])?;
    Ok(())
}
