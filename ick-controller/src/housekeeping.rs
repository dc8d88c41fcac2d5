//! What deleted builds leave behind outside the database is removed in the background: logs, and the
//! contents of blobs that no build records any more. The list of it is in the database, written in the
//! transaction that deletes the build; doing anything of it twice does no harm.

use crate::app::App;
use crate::state::{Removal, RemovalRecord};
use crate::transition;
use ick_client::{Retry, Store, TokenSource};
use ick_core::build::BuildStatus;
use ick_core::digest::Digest;
use ick_core::name::{BlobName, BuildId};
use ick_http::{Refusal, Shutdown};
use std::time::Duration;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(2);

/// How many removals are done before it looks whether it is to end.
const AT_ONCE: usize = 50;

/// The longest wait until something that could not be removed is tried again.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Removes what is to be removed, until the daemon ends.
pub fn run(app: &App, shutdown: &Shutdown) {
    while !shutdown.sleep(EVERY) {
        loop {
            match app.clean() {
                Ok(done) if done == AT_ONCE && !shutdown.is_requested() => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!("cannot look for what is to be removed: {error}");
                    break;
                }
            }
        }
    }
}

/// After how many tries a removal that fails is told about.
const QUIET: u32 = 6;

/// What became of one removal.
enum Cleaned {
    Done,
    Later(Duration),
}

impl App {
    /// Deletes a build that has ended.
    ///
    /// # Errors
    /// 404 when there is none, 409 when it has not ended; what `allowed` says of it.
    pub fn delete_build(
        &self,
        id: &BuildId,
        allowed: impl FnOnce(&crate::state::BuildRecord) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let now = self.now();
        self.state.write(|tx| {
            let build = tx
                .build(id)?
                .ok_or_else(|| Refusal::not_found(format!("there is no build {id}")))?;
            allowed(&build)?;
            match build.state.status {
                BuildStatus::Done | BuildStatus::Failed | BuildStatus::Cancelled => {}
                status => {
                    return Err(Refusal::conflict(format!(
                        "build {id} is {status}: cancel it or wait, then delete it"
                    )));
                }
            }
            for (name, digest) in tx.artifacts_of_only(build.key)? {
                tx.insert_removal(&Removal::Blob(name, digest), now)?;
            }
            tx.insert_removal(&Removal::Log(id.clone()), now)?;
            tx.delete_build(build.key)?;
            Ok(())
        })
    }

    /// Does some of the removals that are due; how many.
    ///
    /// # Errors
    /// Those of the state.
    pub fn clean(&self) -> Result<usize, crate::state::Error> {
        let now = self.now();
        let removals = self.state.read(|tx| tx.removals(now, AT_ONCE))?;
        for removal in &removals {
            match self.remove(removal)? {
                Cleaned::Done => self.state.write(|tx| tx.delete_removal(removal.id))?,
                Cleaned::Later(wait) => {
                    let due = self.now().plus(wait);
                    self.state.write(|tx| tx.put_off_removal(removal.id, due))?;
                }
            }
        }
        Ok(removals.len())
    }

    fn remove(&self, removal: &RemovalRecord) -> Result<Cleaned, crate::state::Error> {
        let later = Duration::from_secs(1 << removal.tries.min(10)).min(LONGEST_WAIT);
        match &removal.what {
            Removal::Log(build) => match self.logs.delete(build) {
                Ok(()) => Ok(Cleaned::Done),
                Err(error) => {
                    tracing::warn!("cannot delete the log of build {build}: {error}");
                    Ok(Cleaned::Later(later))
                }
            },
            Removal::Blob(name, digest) => {
                // Recorded anew since: then it goes with that build.
                if self.state.read(|tx| tx.is_recorded(name, digest))? {
                    return Ok(Cleaned::Done);
                }
                if self.is_being_written(name)? {
                    return Ok(Cleaned::Later(Duration::from_secs(10)));
                }
                match self.remove_blob(name, *digest) {
                    Ok(()) => Ok(Cleaned::Done),
                    Err(why) => {
                        // A store that is away for a minute is nothing to tell anyone.
                        if removal.tries == QUIET {
                            tracing::warn!("cannot remove {digest} of the blob {name}: {why}");
                        }
                        Ok(Cleaned::Later(later))
                    }
                }
            }
        }
    }

    /// Whether an action that may write this blob is being executed: what it writes may be the very
    /// content, and it is recorded only when the action ends.
    fn is_being_written(&self, name: &BlobName) -> Result<bool, crate::state::Error> {
        let held = self.leases.all();
        self.state.read(|tx| {
            for one in &held {
                let Some(build) = tx.build_by_key(one.key)? else {
                    continue;
                };
                let terms = tx.terms(&build)?;
                if transition::writable(&build, &terms).contains(name) {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    fn remove_blob(&self, name: &BlobName, digest: Digest) -> Result<(), String> {
        let token = self
            .tokens
            .for_removal(name, self.now())
            .map_err(|error| error.to_string())?;
        let store = Store::new(&self.config.artifact_store)
            .map_err(|error| error.to_string())?
            .with_authorities(&self.config.authorities)
            .with_retry(Retry::NEVER)
            .with_token(TokenSource::fixed(token));
        match store.delete(name, Some(digest)) {
            Err(error) if error.status() != Some(404) => Err(error.for_daemon()),
            _ => Ok(()),
        }
    }
}
