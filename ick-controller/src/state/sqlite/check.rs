//! The check of a database that may be damaged.

use super::{Sqlite, builds, file, lists, options, session::Session};
use crate::check::{Report, definition};
use crate::state::{Before, BuildFilter, Error, Kind, Read};
use ick_core::build::BuildStatus;
use ick_state::Database;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;

/// How many rows are read at a time.
const PAGE: usize = 500;

/// Reads every row of the state in a folder, and says in the report what is damaged.
///
/// # Errors
/// When there is no state, or it cannot be looked at.
pub fn check(folder: &Path, report: &mut Report) -> Result<(), ick_state::Error> {
    let path = file(folder);
    if !path.is_file() {
        return Err(ick_state::Error::Other(format!(
            "{} is not the state folder of a controller: it has no {}",
            folder.display(),
            super::FILE
        )));
    }
    let options = options(&path);
    report.damage = ick_state::database::problems(&options)?;
    if !report.damage.is_empty() {
        // What a damaged database says of the rest means nothing.
        return Ok(());
    }
    let state = Sqlite {
        database: Database::open_to_read(&options)?,
        terms: Arc::default(),
    };
    let read = state.database.read(|conn| {
        let session = Session::new(conn, &state.terms);
        Ok::<_, ick_state::Error>(rows(conn, &session, report))
    })?;
    if let Err(error) = read {
        report.damage.push(error.to_string());
    }
    Ok(())
}

fn rows(conn: &Connection, tx: &Session<'_>, report: &mut Report) -> Result<(), Error> {
    for kind in [Kind::Project, Kind::Pipeline] {
        let mut after: Option<String> = None;
        loop {
            let page = tx.objects(kind, after.as_deref(), PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.name.clone());
            report.damage.extend(page.iter().filter_map(definition));
        }
    }
    tx.workers()?;
    let mut before = None;
    loop {
        let page = tx.builds(&BuildFilter::default(), before, PAGE)?;
        let Some(last) = page.last() else { break };
        before = Some(Before::of(last));
        for build in &page {
            report.builds += 1;
            let wrong = match builds::terms(conn, build.key) {
                Ok(terms) => builds::check_columns(conn, build, &terms)?,
                Err(error) => Some(error.to_string()),
            };
            report
                .damage
                .extend(wrong.map(|wrong| format!("build {}: {wrong}", build.id)));
        }
    }
    for status in BuildStatus::ALL {
        let said = tx.count(*status)?;
        let found = lists::count_rows(conn, *status)?;
        if said != found {
            report.damage.push(format!(
                "the count of builds that are {status} is {said}, and there are {found}"
            ));
        }
    }
    for lease in tx.leases()? {
        let build = tx.build_by_key(lease.build)?;
        let holds = build.is_some_and(|build| {
            let held = build.state.lease.as_ref();
            held.is_some_and(|held| held.id == lease.lease && held.worker == lease.worker)
        });
        if !holds {
            report.damage.push(format!(
                "slot {} of worker {} has a lease that its build does not know",
                lease.slot, lease.worker
            ));
        }
    }
    Ok(())
}
