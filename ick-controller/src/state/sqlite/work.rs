//! Leases.

use super::{natural, parsed, signed, small};
use crate::state::{Error, LeaseRecord};
use ick_core::build::LeaseId;
use ick_core::name::WorkerId;
use rusqlite::{Connection, OptionalExtension, Row, params};

type Raw = (String, i64, String, i64, String, i64);

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
    ))
}

fn record((worker, slot, lease, build, run, epoch): Raw) -> Result<LeaseRecord, Error> {
    let what = "a lease";
    Ok(LeaseRecord {
        lease: LeaseId::new(lease),
        worker: parsed(what, &worker)?,
        slot: small(what, slot)?,
        build: natural(what, build)?,
        run,
        epoch: natural(what, epoch)?,
    })
}

pub(super) fn lease_of(
    conn: &Connection,
    worker: &WorkerId,
    slot: u32,
) -> Result<Option<LeaseRecord>, Error> {
    let found = conn
        .prepare_cached(
            "SELECT worker, slot, lease, build, run, epoch FROM leases
             WHERE worker = ?1 AND slot = ?2",
        )?
        .query_row(params![worker.as_str(), slot], raw)
        .optional()?;
    found.map(record).transpose()
}

pub(super) fn leases(conn: &Connection) -> Result<Vec<LeaseRecord>, Error> {
    let mut statement =
        conn.prepare_cached("SELECT worker, slot, lease, build, run, epoch FROM leases")?;
    let found = statement.query_map([], raw)?;
    found.map(|raw| record(raw?)).collect()
}

pub(super) fn insert_lease(conn: &Connection, lease: &LeaseRecord) -> Result<(), Error> {
    conn.prepare_cached(
        "INSERT INTO leases (worker, slot, lease, build, run, epoch)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        lease.worker.as_str(),
        lease.slot,
        lease.lease.as_str(),
        signed(lease.build),
        lease.run,
        signed(lease.epoch),
    ])?;
    Ok(())
}

pub(super) fn delete_lease(
    conn: &Connection,
    worker: &WorkerId,
    slot: u32,
    lease: &LeaseId,
) -> Result<(), Error> {
    let deleted = conn
        .prepare_cached("DELETE FROM leases WHERE worker = ?1 AND slot = ?2 AND lease = ?3")?
        .execute(params![worker.as_str(), slot, lease.as_str()])?;
    match deleted {
        1 => Ok(()),
        _ => Err(Error::Changed(format!("slot {slot} of worker {worker}"))),
    }
}
