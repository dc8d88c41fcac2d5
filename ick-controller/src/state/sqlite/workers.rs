//! Workers.

use super::{from_json, millis, natural, parsed, signed, small, time, to_json};
use crate::state::{Error, Stamp, WorkerRecord};
use ick_core::name::WorkerId;
use ick_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// The version of the form of what a worker said of itself.
const FORMAT: u32 = 1;

struct Raw {
    name: String,
    format: i64,
    record: String,
    drained: bool,
    last_seen: Option<i64>,
    owner: String,
    revision: i64,
    updated_by: String,
    created: i64,
    updated: i64,
}

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw {
        name: row.get(0)?,
        format: row.get(1)?,
        record: row.get(2)?,
        drained: row.get(3)?,
        last_seen: row.get(4)?,
        owner: row.get(5)?,
        revision: row.get(6)?,
        updated_by: row.get(7)?,
        created: row.get(8)?,
        updated: row.get(9)?,
    })
}

fn record(raw: Raw) -> Result<WorkerRecord, Error> {
    let what = format!("worker {}", raw.name);
    if small(&what, raw.format)? != FORMAT {
        return Err(Error::Damaged(format!(
            "{what} is of format {}",
            raw.format
        )));
    }
    Ok(WorkerRecord {
        worker: parsed(&what, &raw.name)?,
        said: from_json(&what, &raw.record)?,
        drained: raw.drained,
        last_seen: raw.last_seen.map(|ms| time(&what, ms)).transpose()?,
        stamp: Stamp {
            owner: raw.owner,
            revision: natural(&what, raw.revision)?,
            updated_by: raw.updated_by,
            created: time(&what, raw.created)?,
            updated: time(&what, raw.updated)?,
        },
    })
}

pub(super) fn get(conn: &Connection, worker: &WorkerId) -> Result<Option<WorkerRecord>, Error> {
    let found = conn
        .prepare_cached("SELECT * FROM workers WHERE name = ?1")?
        .query_row([worker.as_str()], raw)
        .optional()?;
    found.map(record).transpose()
}

pub(super) fn all(conn: &Connection) -> Result<Vec<WorkerRecord>, Error> {
    let mut statement = conn.prepare_cached("SELECT * FROM workers ORDER BY name")?;
    let found = statement.query_map([], raw)?;
    found.map(|raw| record(raw?)).collect()
}

pub(super) fn put(conn: &Connection, worker: &WorkerRecord) -> Result<(), Error> {
    let stamp = &worker.stamp;
    conn.prepare_cached(
        "INSERT OR REPLACE INTO workers
           (name, format, record, drained, last_seen, owner, revision, updated_by, created, updated)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        worker.worker.as_str(),
        FORMAT,
        to_json(&worker.said)?,
        worker.drained,
        worker.last_seen.map(millis),
        stamp.owner,
        signed(stamp.revision),
        stamp.updated_by,
        millis(stamp.created),
        millis(stamp.updated),
    ])?;
    Ok(())
}

pub(super) fn delete(conn: &Connection, worker: &WorkerId) -> Result<bool, Error> {
    Ok(conn
        .prepare_cached("DELETE FROM workers WHERE name = ?1")?
        .execute([worker.as_str()])?
        > 0)
}

pub(super) fn seen(conn: &Connection, seen: &[(WorkerId, Timestamp)]) -> Result<(), Error> {
    let mut statement = conn.prepare_cached("UPDATE workers SET last_seen = ?2 WHERE name = ?1")?;
    for (worker, at) in seen {
        statement.execute(params![worker.as_str(), millis(*at)])?;
    }
    Ok(())
}
