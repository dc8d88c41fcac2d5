//! `ick-store check`: is everything there that the index says, and is it what it says?

use crate::blobs::files::Files;
use crate::names::{Held, Names};
use ick_core::digest::Digest;
use ick_state::Error;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

const PAGE: u32 = 500;
const PIECE: usize = 256 << 10;

/// What a check has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many contents were read.
    pub contents: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is damaged, one line each.
    pub damage: Vec<String>,
}

/// Reads everything in a state folder and compares it with what the index says. Changes nothing, and
/// may be done while the store is running.
///
/// # Errors
/// When there is no store there, or it cannot be looked at.
pub fn check(state: &Path) -> Result<Report, Error> {
    let index = state.join("store.sqlite");
    if !index.is_file() {
        return Err(Error::Other(format!(
            "{} is not the state folder of an artifact store: it has no store.sqlite",
            state.display()
        )));
    }
    let mut report = Report {
        damage: Names::problems(&index)?,
        ..Report::default()
    };
    if !report.damage.is_empty() {
        // What a damaged index says of the contents means nothing.
        return Ok(report);
    }
    let names = Names::open_to_read(&index)?;
    let blobs = state.join("blobs");
    let mut after: Option<Digest> = None;
    loop {
        let page = names.held(after.as_ref(), PAGE)?;
        let Some(last) = page.last() else {
            return Ok(report);
        };
        after = Some(last.digest);
        for held in page {
            report.contents += 1;
            report.bytes += held.size;
            // A content that was deleted in the meantime is no damage.
            if let Some(wrong) = wrong(&blobs, &held)
                && names.refers(&held.digest)?
            {
                report.damage.push(format!(
                    "{} of {}: {wrong}",
                    held.digest,
                    held.names.join(", ")
                ));
            }
        }
    }
}

fn wrong(blobs: &Path, held: &Held) -> Option<String> {
    let path = Files::path_in(blobs, &held.digest);
    match read(&path) {
        Ok((size, _)) if size != held.size => {
            Some(format!("has {size} bytes instead of {}", held.size))
        }
        Ok((_, digest)) if digest != held.digest => Some(format!("has the content {digest}")),
        Ok(_) => None,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some("is missing".to_owned()),
        Err(error) => Some(format!("cannot be read: {error}")),
    }
}

fn read(path: &Path) -> io::Result<(u64, Digest)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE];
    let mut size = 0;
    loop {
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => {
                hasher.update(&piece[..n]);
                size += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok((size, Digest::from_bytes(hasher.finalize().into())))
}
