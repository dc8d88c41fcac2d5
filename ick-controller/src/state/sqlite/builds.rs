//! Builds, what they run, the numbers of projects, and what builds recorded.

use super::{from_json, millis, natural, parsed, signed, small, to_json};
use crate::state::{BuildKey, BuildRecord, BuildTerms, Error, NewBuild};
use ick_core::build::Artifact;
use ick_core::digest::Digest;
use ick_core::name::{BlobName, BuildId, ProjectName};
use ick_core::schedule::Needs;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// A query for whole rows.
macro_rules! select_builds {
    ($after:literal) => {
        concat!(
            "SELECT seq, project, number, needs, revision, request, state FROM builds ",
            $after
        )
    };
}
pub(super) use select_builds;

pub(super) struct Raw {
    seq: i64,
    project: String,
    number: i64,
    needs: i64,
    revision: i64,
    request: String,
    state: String,
}

pub(super) fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw {
        seq: row.get(0)?,
        project: row.get(1)?,
        number: row.get(2)?,
        needs: row.get(3)?,
        revision: row.get(4)?,
        request: row.get(5)?,
        state: row.get(6)?,
    })
}

pub(super) fn record(raw: &Raw) -> Result<BuildRecord, Error> {
    let what = format!("build {}/{}", raw.project, raw.number);
    let class = u8::try_from(raw.needs)
        .ok()
        .filter(|class| *class < Needs::CLASSES)
        .ok_or_else(|| Error::Damaged(format!("{what} needs {}", raw.needs)))?;
    Ok(BuildRecord {
        key: natural(&what, raw.seq)?,
        id: BuildId {
            project: parsed(&what, &raw.project)?,
            number: natural(&what, raw.number)?,
        },
        revision: natural(&what, raw.revision)?,
        needs: Needs::of_class(class),
        request: from_json(&what, &raw.request)?,
        state: from_json(&what, &raw.state)?,
    })
}

fn one(
    conn: &Connection,
    sql: &str,
    key: impl rusqlite::Params,
) -> Result<Option<BuildRecord>, Error> {
    let found = conn.prepare_cached(sql)?.query_row(key, raw).optional()?;
    found.as_ref().map(record).transpose()
}

pub(super) fn get(conn: &Connection, id: &BuildId) -> Result<Option<BuildRecord>, Error> {
    let sql = select_builds!("WHERE project = ?1 AND number = ?2");
    one(conn, sql, params![id.project.as_str(), signed(id.number)])
}

pub(super) fn by_key(conn: &Connection, key: BuildKey) -> Result<Option<BuildRecord>, Error> {
    let sql = select_builds!("WHERE seq = ?1");
    one(conn, sql, [signed(key)])
}

pub(super) fn terms(conn: &Connection, key: BuildKey) -> Result<BuildTerms, Error> {
    let text: Option<String> = conn
        .prepare_cached("SELECT plan FROM build_plans WHERE build = ?1")?
        .query_row([signed(key)], |row| row.get(0))
        .optional()?;
    match text {
        Some(text) => BuildTerms::from_text(text),
        None => Err(Error::Damaged(format!("build number {key} has no plan"))),
    }
}

pub(super) fn next_number(conn: &Connection, project: &ProjectName) -> Result<u64, Error> {
    let number = conn
        .prepare_cached(
            "INSERT INTO project_numbers (project, last) VALUES (?1, 1)
             ON CONFLICT (project) DO UPDATE SET last = last + 1 RETURNING last",
        )?
        .query_row([project.as_str()], |row| row.get(0))?;
    natural("a build's number", number)
}

pub(super) fn insert(conn: &Connection, build: NewBuild) -> Result<BuildRecord, Error> {
    let NewBuild {
        id,
        request,
        terms,
        state,
    } = build;
    let needs = terms.plan.needs;
    conn.prepare_cached(
        "INSERT INTO builds (project, number, status, needs, avoid, due, revision, request, state)
         VALUES (?1, ?2, ?3, ?4, NULL, ?5, 1, ?6, ?7)",
    )?
    .execute(params![
        id.project.as_str(),
        signed(id.number),
        state.status.as_str(),
        needs.class(),
        state.due(&terms.shape).map(millis),
        to_json(&request)?,
        to_json(&state)?,
    ])?;
    let seq = conn.last_insert_rowid();
    conn.prepare_cached("INSERT INTO build_plans (build, plan) VALUES (?1, ?2)")?
        .execute(params![seq, terms.text()])?;
    Ok(BuildRecord {
        key: natural("a build's key", seq)?,
        id,
        revision: 1,
        needs,
        request,
        state,
    })
}

pub(super) fn save(
    conn: &Connection,
    build: &mut BuildRecord,
    terms: &BuildTerms,
) -> Result<(), Error> {
    let state = &build.state;
    let changed = conn
        .prepare_cached(
            "UPDATE builds SET status = ?3, avoid = ?4, due = ?5, state = ?6, revision = ?2 + 1
             WHERE seq = ?1 AND revision = ?2",
        )?
        .execute(params![
            signed(build.key),
            signed(build.revision),
            state.status.as_str(),
            state.avoid.as_ref().map(AsRef::<str>::as_ref),
            state.due(&terms.shape).map(millis),
            to_json(state)?,
        ])?;
    if changed != 1 {
        return Err(Error::Changed(format!("build {}", build.id)));
    }
    build.revision += 1;
    Ok(())
}

pub(super) fn delete(conn: &Connection, key: BuildKey) -> Result<(), Error> {
    let key = signed(key);
    conn.prepare_cached("DELETE FROM artifacts WHERE build = ?1")?
        .execute([key])?;
    conn.prepare_cached("DELETE FROM builds WHERE seq = ?1")?
        .execute([key])?;
    Ok(())
}

pub(super) fn remember_trigger(
    conn: &Connection,
    project: &ProjectName,
    client: &str,
    key: &str,
    build: BuildKey,
) -> Result<(), Error> {
    conn.prepare_cached(
        "INSERT INTO idempotency (project, client, key, build) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![project.as_str(), client, key, signed(build)])?;
    Ok(())
}

pub(super) fn triggered_with(
    conn: &Connection,
    project: &ProjectName,
    client: &str,
    key: &str,
) -> Result<Option<BuildKey>, Error> {
    let found: Option<i64> = conn
        .prepare_cached(
            "SELECT build FROM idempotency WHERE project = ?1 AND client = ?2 AND key = ?3",
        )?
        .query_row(params![project.as_str(), client, key], |row| row.get(0))
        .optional()?;
    found.map(|seq| natural("a build's key", seq)).transpose()
}

pub(super) fn record_artifact(
    conn: &Connection,
    build: BuildKey,
    artifact: &Artifact,
) -> Result<(), Error> {
    conn.prepare_cached(
        "INSERT OR IGNORE INTO artifacts (name, digest, build) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![
        artifact.name.as_str(),
        artifact.digest.to_string(),
        signed(build)
    ])?;
    Ok(())
}

pub(super) fn is_recorded(
    conn: &Connection,
    name: &BlobName,
    digest: &Digest,
) -> Result<bool, Error> {
    Ok(conn
        .prepare_cached("SELECT 1 FROM artifacts WHERE name = ?1 AND digest = ?2 LIMIT 1")?
        .exists(params![name.as_str(), digest.to_string()])?)
}

pub(super) fn artifacts_of_only(
    conn: &Connection,
    build: BuildKey,
) -> Result<Vec<(BlobName, Digest)>, Error> {
    let mut statement = conn.prepare_cached(
        "SELECT name, digest FROM artifacts AS mine WHERE build = ?1 AND NOT EXISTS (
           SELECT 1 FROM artifacts AS other
           WHERE other.name = mine.name AND other.digest = mine.digest AND other.build <> ?1)
         ORDER BY name, digest",
    )?;
    let found = statement.query_map([signed(build)], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })?;
    let content = |(name, digest): (String, String)| {
        Ok((
            parsed("an artifact", &name)?,
            parsed("an artifact", &digest)?,
        ))
    };
    found.map(|row| content(row?)).collect()
}

/// For [`super::check`]: the columns that must say what the state says.
pub(super) fn check_columns(
    conn: &Connection,
    build: &BuildRecord,
    terms: &BuildTerms,
) -> Result<Option<String>, Error> {
    let (status, due): (String, Option<i64>) = conn
        .prepare_cached("SELECT status, due FROM builds WHERE seq = ?1")?
        .query_row([signed(build.key)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let state = &build.state;
    if status != state.status.as_str() {
        return Ok(Some(format!(
            "its column says {status}, its state {}",
            state.status
        )));
    }
    if due != state.due(&terms.shape).map(millis) {
        return Ok(Some("its due time is not that of its state".to_owned()));
    }
    let class = small("needs", i64::from(build.needs.class()))?;
    if class != u32::from(terms.plan.needs.class()) {
        return Ok(Some("its needs are not those of its plan".to_owned()));
    }
    Ok(None)
}
