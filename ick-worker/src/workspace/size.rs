//! How much room a folder takes.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Whether a folder with all that is in it takes more bytes on disk than `limit`.
pub(crate) fn exceeds(folder: &Path, limit: u64) -> bool {
    size(folder, limit) > limit
}

/// How many bytes on disk a folder takes with all that is in it; counted until they are more than
/// `limit`. It may change meanwhile: what cannot be looked at any more does not count.
pub(crate) fn size(folder: &Path, limit: u64) -> u64 {
    let mut waiting = vec![folder.to_owned()];
    let mut total: u64 = 0;
    while let Some(folder) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.filter_map(io::Result::ok) {
            let Ok(about) = entry.metadata() else {
                continue;
            };
            total = total.saturating_add(about.blocks().saturating_mul(512));
            if total > limit {
                return total;
            }
            if about.is_dir() {
                waiting.push(entry.path());
            }
        }
    }
    total
}
