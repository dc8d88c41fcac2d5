//! `archive`: packs files of the workspace into the artifact store.
//!
//! A sorted tar archive, compressed with zstd while it is uploaded. Owners are 0:0, or those of a tree; links stay links,
//! sockets and the like are left out and named; a file that changes while it is packed fails the
//! action by its name.

mod pack;
mod source;
mod stream;
#[cfg(test)]
mod tests;

use super::artifact::{self, PATIENCE};
use super::globs::Globs;
use super::{StoreAt, Task, bad, sources};
use crate::engine::{Built, cannot, cause};
use ick_api::controller::Artifact;
use ick_client::{Error, Retry, Upload};
use ick_core::build::{Cause, CauseKind};
use ick_core::digest::Digest;
use ick_core::name::BlobName;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

pub(super) use pack::Packing;
#[cfg(test)]
pub(super) use pack::{Owners, pack};
use source::Source;

/// The status of a store without room.
const NO_ROOM: u16 = 507;

/// Executes the action.
pub(super) fn execute(task: &Task<'_>, built: &mut Built) -> Result<(), Cause> {
    let name = artifact::name(task)?;
    let source = match task.fields.text("from")? {
        None | Some("workspace") => Source::workspace(task)?,
        Some("systree") => Source::systree(task)?,
        Some(other) => return Err(bad(format!("from is workspace or systree, not {other:?}"))),
    };
    let paths = task.fields.texts("paths")?;
    let mtime = match task.fields.text("mtime")? {
        None | Some("keep") => None,
        Some("commit") => Some(sources::first_time(task.run_folder()?)?.ok_or_else(|| {
            bad("mtime: commit needs a git action before this one, and there was none")
        })?),
        Some(other) => return Err(bad(format!("mtime is keep or commit, not {other:?}"))),
    };
    // Wrong globs are told before the first try.
    Globs::new("paths", &paths)?;
    let packing = || {
        Ok(Packing {
            globs: Globs::new("paths", &paths)?,
            mtime,
            owners: source.owners(),
        })
    };
    let stored = match &task.details.store {
        StoreAt::Url(url) => upload(task, url, &name, &source, &packing)?,
        StoreAt::Folder(folder) => keep(folder, &name, &source, packing()?)?,
    };
    println!(
        "{} in the artifact store: {} bytes, {}",
        stored.name, stored.size, stored.digest
    );
    built.artifacts.push(stored);
    Ok(())
}

/// Streams the archive to the store; packs it again when the connection breaks. A store without room is
/// waited for, as long as the action may take: what was built is not lost for it.
fn upload(
    task: &Task<'_>,
    url: &str,
    name: &BlobName,
    source: &Source,
    packing: &dyn Fn() -> Result<Packing, Cause>,
) -> Result<Artifact, Cause> {
    let store = artifact::store(task, url)?;
    let mut backoff = PATIENCE.begin();
    let mut full = Retry::FOR_EVER.begin();
    loop {
        let store = store.clone().with_token(artifact::token(task)?);
        let opened = source.open(packing()?)?;
        let (stored, packed) = stream::compressed(
            |to| opened.pack(to),
            |archive| store.put(name, archive, Upload::default()),
        );
        let why = match (stored, packed) {
            (Ok(stored), Ok(packed)) => {
                println!("{} entries, {} bytes packed", packed.entries, packed.bytes);
                return Ok(Artifact {
                    name: stored.name,
                    digest: stored.digest,
                    size: stored.size,
                });
            }
            // The packer failed, so the upload had to.
            (Err(Error::Local { .. }) | Ok(_), Err(why)) => return Err(why),
            (Err(why), _) => why,
        };
        if why.status() == Some(NO_ROOM) {
            if full.tries() == 0 {
                println!("{why}; waiting until there is room in the artifact store");
            }
            std::thread::sleep(full.next_wait(why.retry_after()).unwrap_or_default());
            backoff = PATIENCE.begin();
            continue;
        }
        if !why.is_transient(true) {
            return Err(artifact::refused("upload", &why));
        }
        match backoff.next_wait(why.retry_after()) {
            Some(wait) => {
                println!("{why}; trying again");
                std::thread::sleep(wait);
            }
            None => {
                return Err(cause(
                    CauseKind::StoreUnreachable,
                    format!("cannot upload {name}: {why}"),
                ));
            }
        }
    }
}

/// Under `icktool run`: a file of the artifact's name in a folder.
fn keep(
    folder: &Path,
    name: &BlobName,
    source: &Source,
    packing: Packing,
) -> Result<Artifact, Cause> {
    let keeping = |why: io::Error| cannot(&format!("keep {name} in {}", folder.display()), &why);
    // A checked name: no part of it is "." or "..".
    let path = folder.join(name.as_str());
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(keeping)?;
    let mut file = tempfile::NamedTempFile::new_in(parent).map_err(keeping)?;
    let opened = source.open(packing)?;
    let (written, packed) = stream::compressed(
        |to| opened.pack(to),
        |archive| copy(archive, file.as_file_mut()),
    );
    let packed = packed?;
    let (digest, size) = written.map_err(keeping)?;
    file.as_file().sync_all().map_err(keeping)?;
    file.persist(&path).map_err(|why| keeping(why.error))?;
    println!("{} entries, {} bytes packed", packed.entries, packed.bytes);
    Ok(Artifact {
        name: name.clone(),
        digest,
        size,
    })
}

fn copy(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<(Digest, u64)> {
    let mut hash = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; 128 << 10];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok((Digest::from_bytes(hash.finalize().into()), size)),
            Ok(count) => count,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            Err(why) => return Err(why),
        };
        hash.update(&buffer[..count]);
        to.write_all(&buffer[..count])?;
        size += count as u64;
    }
}
