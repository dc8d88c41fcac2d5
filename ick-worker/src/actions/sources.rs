//! What a run has checked out so far, kept in the run's folder for the actions after it.

use super::failed;
use crate::engine::cannot;
use ick_api::controller::Source;
use ick_core::build::Cause;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::Path;

const FILE: &str = "sources.json";
const VERSION: u32 = 1;

/// The file, version 1.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    v: u32,
    sources: Vec<Recorded>,
}

/// A source with its commit's time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Recorded {
    source: Source,
    /// Seconds since 1970.
    time: u64,
}

/// Adds a source.
pub(super) fn add(run: &Path, source: Source, time: u64) -> Result<(), Cause> {
    let mut kept = read(run)?;
    kept.v = VERSION;
    kept.sources.push(Recorded { source, time });
    let write = || {
        let unfinished = run.join("sources.json.new");
        fs::write(&unfinished, serde_json::to_vec(&kept)?)?;
        fs::rename(unfinished, run.join(FILE))
    };
    write().map_err(|why: io::Error| cannot("record what was checked out", &why))
}

/// The time of the commit that was checked out first, in seconds since 1970.
pub(super) fn first_time(run: &Path) -> Result<Option<u64>, Cause> {
    Ok(read(run)?.sources.first().map(|first| first.time))
}

fn read(run: &Path) -> Result<Kept, Cause> {
    let text = match fs::read(run.join(FILE)) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
        other => other.map_err(|why| cannot("read what was checked out", &why))?,
    };
    serde_json::from_slice(&text)
        .ok()
        .filter(|kept: &Kept| kept.v == VERSION)
        .ok_or_else(|| failed("the record of what was checked out is damaged"))
}
