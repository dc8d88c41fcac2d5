//! `ick-controller check`: is the state what this program wrote, and are the logs sound?

use crate::definitions;
use crate::logs;
use crate::state;
use ick_state::Error;
use ick_token::Keyring;
use std::path::Path;

/// What a check has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many builds were read.
    pub builds: u64,
    /// How many logs were read.
    pub logs: u64,
    /// What is damaged, one line each.
    pub damage: Vec<String>,
}

/// Reads everything in a state folder. Changes nothing, and may be done while the controller is
/// running.
///
/// # Errors
/// When there is no controller's state, or it cannot be looked at.
pub fn check(folder: &Path) -> Result<Report, Error> {
    let mut report = Report::default();
    state::check(folder, &mut report)?;
    let folder_of_logs = folder.join("logs");
    let logs = logs::check(&folder_of_logs)
        .map_err(|error| Error::io("read the logs in", &folder_of_logs, &error))?;
    report.logs = logs.logs;
    report.damage.extend(logs.damage);
    if let Err(error) = Keyring::check(&folder.join("keys.json")) {
        report.damage.push(error.to_string());
    }
    Ok(report)
}

/// Whether a definition in the state still is one.
pub(crate) fn definition(record: &state::ObjectRecord) -> Option<String> {
    let checked = match record.kind {
        state::Kind::Project => definitions::stored_project(record).map(|_| ()),
        state::Kind::Pipeline => definitions::stored_pipeline(record).map(|_| ()),
    };
    checked.err().map(|error| error.to_string())
}
