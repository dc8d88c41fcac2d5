//! Builds by what is asked of them: each query goes through an index, in its order.

use super::builds::{raw, record, select_builds};
use super::{millis, natural, parsed, rows, signed};
use crate::state::{Before, BuildFilter, BuildKey, BuildRecord, Error, Queued};
use ick_core::build::BuildStatus;
use ick_core::name::{BuildId, ProjectName};
use ick_core::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

const ALL: &str = select_builds!("WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2");

const WITH_STATUS: &str =
    select_builds!("WHERE status = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3");

const OF_PROJECT: &str =
    select_builds!("WHERE project = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3");

const OF_PROJECT_WITH_STATUS: &str =
    select_builds!("WHERE project = ?1 AND status = ?2 AND seq < ?3 ORDER BY seq DESC LIMIT ?4");

const OLDEST: &str = "SELECT number FROM builds INDEXED BY builds_by_project
    WHERE project = ?1 AND status = ?2 ORDER BY seq LIMIT 1";

const QUEUED: &str = "SELECT seq, avoid FROM builds INDEXED BY builds_waiting
    WHERE status = 'triggered' AND needs = ?1 ORDER BY seq LIMIT ?2";

const DUE: &str = "SELECT seq FROM builds INDEXED BY builds_due
    WHERE due <= ?1 ORDER BY due LIMIT ?2";

const COUNT: &str = "SELECT count FROM build_counts WHERE status = ?1";

/// For the test that looks at their plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[
    ALL,
    WITH_STATUS,
    OF_PROJECT,
    OF_PROJECT_WITH_STATUS,
    OLDEST,
    QUEUED,
    DUE,
    COUNT,
];

/// Newest first: by the key, and in a project, where the number says the same, by that.
pub(super) fn list(
    conn: &Connection,
    filter: &BuildFilter,
    before: Option<Before>,
    limit: usize,
) -> Result<Vec<BuildRecord>, Error> {
    let key = before.map_or(i64::MAX, |before| signed(before.key));
    let number = before.map_or(i64::MAX, |before| signed(before.number));
    let limit = Value::from(rows(limit));
    let project = |name: &ProjectName| Value::from(name.to_string());
    let status = |status: BuildStatus| Value::from(status.as_str().to_owned());
    let (sql, values) = match (&filter.project, filter.status) {
        (None, None) => (ALL, vec![key.into(), limit]),
        (None, Some(one)) => (WITH_STATUS, vec![status(one), key.into(), limit]),
        (Some(name), None) => (OF_PROJECT, vec![project(name), number.into(), limit]),
        (Some(name), Some(one)) => (
            OF_PROJECT_WITH_STATUS,
            vec![project(name), status(one), key.into(), limit],
        ),
    };
    let mut statement = conn.prepare_cached(sql)?;
    let found = statement.query_map(params_from_iter(values), raw)?;
    found.map(|raw| record(&raw?)).collect()
}

/// The project's oldest build with a status.
pub(super) fn oldest(
    conn: &Connection,
    project: &ProjectName,
    status: BuildStatus,
) -> Result<Option<BuildId>, Error> {
    let number: Option<i64> = conn
        .prepare_cached(OLDEST)?
        .query_row(params![project.as_str(), status.as_str()], |row| row.get(0))
        .optional()?;
    let id = |number| {
        Ok(BuildId {
            project: project.clone(),
            number: natural("a build's number", number)?,
        })
    };
    number.map(id).transpose()
}

pub(super) fn queued(conn: &Connection, class: u8, limit: usize) -> Result<Vec<Queued>, Error> {
    let mut statement = conn.prepare_cached(QUEUED)?;
    let found = statement.query_map(params![class, rows(limit)], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?))
    })?;
    let queued = |(seq, avoid): (i64, Option<String>)| {
        let avoid = avoid.map(|name| parsed("the worker to avoid", &name));
        Ok(Queued {
            key: natural("a build's key", seq)?,
            avoid: avoid.transpose()?,
        })
    };
    found.map(|row| queued(row?)).collect()
}

pub(super) fn due(conn: &Connection, now: Timestamp, limit: usize) -> Result<Vec<BuildKey>, Error> {
    let mut statement = conn.prepare_cached(DUE)?;
    let found = statement.query_map(params![millis(now), rows(limit)], |row| row.get(0))?;
    found.map(|seq| natural("a build's key", seq?)).collect()
}

pub(super) fn count(conn: &Connection, status: BuildStatus) -> Result<u64, Error> {
    let count: Option<i64> = conn
        .prepare_cached(COUNT)?
        .query_row([status.as_str()], |row| row.get(0))
        .optional()?;
    natural("the number of builds", count.unwrap_or(0))
}

/// For [`super::check`]: what the count must be.
pub(super) fn count_rows(conn: &Connection, status: BuildStatus) -> Result<u64, Error> {
    let count = conn
        .prepare_cached("SELECT count(*) FROM builds WHERE status = ?1")?
        .query_row([status.as_str()], |row| row.get(0))?;
    natural("the number of builds", count)
}
