//! Artifacts: their names, the store, and what is read from it.

use super::{StoreAt, Task, bad, failed};
use crate::engine::{TOKEN, cannot, cause};
use ick_client::{Authorities, Download, Error, Retry, Store, TokenSource};
use ick_core::build::{Cause, CauseKind};
use ick_core::digest::Digest;
use ick_core::name::BlobName;
use ick_core::secret::Secret;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

/// How long a store that cannot be reached is tried.
pub(super) const PATIENCE: Retry = Retry {
    base: Duration::from_millis(250),
    cap: Duration::from_secs(5),
    give_up_after: Duration::from_secs(30),
};

/// The status of a name that the store does not have.
const NOT_FOUND: u16 = 404;

/// The field `artifact`.
pub(super) fn name(task: &Task<'_>) -> Result<BlobName, Cause> {
    let name = task.fields.required("artifact")?;
    name.parse()
        .map_err(|why| bad(format!("artifact {name:?}: {why}")))
}

/// The store at a URL, without a token.
pub(super) fn store(task: &Task<'_>, url: &str) -> Result<Store, Cause> {
    let internal = |why: String| cause(CauseKind::Internal, why);
    let authorities = match &task.details.ca_file {
        Some(file) => Authorities::read(file).map_err(|why| internal(why.to_string()))?,
        None => Authorities::platform(),
    };
    let store = Store::new(url).map_err(|why| internal(why.to_string()))?;
    Ok(store.with_authorities(&authorities))
}

/// The action's token for the store: the daemon puts a fresh one there as the old one runs out.
pub(super) fn token(task: &Task<'_>) -> Result<TokenSource, Cause> {
    let token = fs::read_to_string(task.folder.join(TOKEN))
        .map_err(|why| cannot("read the store token", &why))?;
    Ok(TokenSource::fixed(Secret::new(token.trim())))
}

/// The cause for a store that refused or failed: `what` was the "upload", say.
pub(super) fn refused(what: &str, why: &Error) -> Cause {
    match (why, why.status()) {
        (Error::Problem { .. }, Some(status)) if status < 500 => {
            failed(format!("the store refused the {what}: {why}"))
        }
        _ => cause(
            CauseKind::StoreUnreachable,
            format!("the store failed: {}", why.for_daemon()),
        ),
    }
}

/// The digest of the artifact of this name; none when there is no such one.
pub(super) fn digest(task: &Task<'_>, name: &BlobName) -> Result<Option<Digest>, Cause> {
    let StoreAt::Url(url) = &task.details.store else {
        let Some(fetch) = open(task, name, None)? else {
            return Ok(None);
        };
        return fetch.finish().map(|(digest, _)| Some(digest));
    };
    let store = store(task, url)?
        .with_token(token(task)?)
        .with_retry(PATIENCE);
    match store.head(name) {
        Ok((Some(digest), _)) => Ok(Some(digest)),
        Ok((None, _)) => Err(without_digest(name)),
        Err(why) if why.status() == Some(NOT_FOUND) => Ok(None),
        Err(why) => Err(refused("question", &why)),
    }
}

fn without_digest(name: &BlobName) -> Cause {
    failed(format!(
        "the store does not say the digest of {name}, so that what arrives cannot be checked; is it an \
         ick-store, and the proxy before it one that passes ETag on?"
    ))
}

/// Opens the artifact of this name, or the content of it that has this digest; none when there is no such
/// one.
pub(super) fn open(
    task: &Task<'_>,
    name: &BlobName,
    version: Option<Digest>,
) -> Result<Option<Fetch>, Cause> {
    let from = match &task.details.store {
        StoreAt::Url(url) => {
            let store = store(task, url)?
                .with_token(token(task)?)
                .with_retry(PATIENCE);
            match store.get(name, version) {
                Ok(download) if download.digest().is_none() => return Err(without_digest(name)),
                Ok(download) => Content::Store(Box::new(download)),
                Err(why) if why.status() == Some(NOT_FOUND) => return Ok(None),
                Err(why) => return Err(refused("download", &why)),
            }
        }
        StoreAt::Folder(folder) => match kept(folder, name) {
            Ok(Some(file)) => Content::Folder(file),
            Ok(None) => return Ok(None),
            Err(why) => return Err(cannot(&format!("read {name}"), &why)),
        },
    };
    Ok(Some(Fetch {
        from,
        hash: Sha256::new(),
        size: 0,
        failed: None,
    }))
}

/// The file of that name, where it is one: `a` is a folder when there is an artifact `a/b`.
fn kept(folder: &Path, name: &BlobName) -> io::Result<Option<File>> {
    match File::open(folder.join(name.as_str())) {
        Ok(file) if file.metadata()?.is_file() => Ok(Some(file)),
        Ok(_) => Ok(None),
        Err(why) => match why.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(None),
            _ => Err(why),
        },
    }
}

/// An artifact as it comes. Its own errors are kept apart from those of whoever reads it.
#[derive(Debug)]
pub(super) struct Fetch {
    from: Content,
    hash: Sha256,
    size: u64,
    failed: Option<Cause>,
}

#[derive(Debug)]
enum Content {
    Store(Box<Download>),
    Folder(File),
}

impl Fetch {
    /// Why it could not be read, if it could not; whatever else its reader says is of no interest then.
    pub(super) fn failed(&mut self) -> Option<Cause> {
        self.failed.take()
    }

    /// Reads what is left; gives digest and size of all. From a store the digest is the one that it named.
    pub(super) fn finish(mut self) -> Result<(Digest, u64), Cause> {
        let read = io::copy(&mut self, &mut io::sink());
        match (self.failed.take(), read) {
            (Some(why), _) => Err(why),
            (None, Err(why)) => Err(cannot("read the artifact", &why)),
            (None, Ok(_)) => Ok((Digest::from_bytes(self.hash.finalize().into()), self.size)),
        }
    }
}

impl Read for Fetch {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.from {
            Content::Store(download) => download
                .next(buffer)
                .map_err(|why| refused("download", &why)),
            Content::Folder(file) => match file.read(buffer) {
                Err(why) if why.kind() == io::ErrorKind::Interrupted => return Err(why),
                other => other.map_err(|why| cannot("read the artifact", &why)),
            },
        };
        match read {
            Ok(count) => {
                self.hash.update(&buffer[..count]);
                self.size += count as u64;
                Ok(count)
            }
            Err(why) => {
                self.failed = Some(why);
                Err(io::Error::other(
                    "the artifact could not be read to its end",
                ))
            }
        }
    }
}
