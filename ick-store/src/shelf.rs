//! Names and contents together, and the order in which they change so that a crash at any moment
//! leaves every name with its content and no content without a name.
//!
//! - Putting: the content is made durable in its place, then the index names it. Until then a mark
//!   tells the next start that it may belong to nobody.
//! - Removing: the index forgets the content and, in the same commit, lists it as unreferenced; then
//!   it is removed; then the list forgets it.
//! - A content that is being put is not removed meanwhile, and one that is being removed is not put
//!   meanwhile, though the same bytes may come and go under several names at a time.

use crate::blobs::{Arrived, Blobs, Content, Expected, Incoming};
use crate::metrics::Traffic;
use crate::names::{Named, Names, Recorded, Recording, Removed};
use ick_core::digest::Digest;
use ick_core::name::{BlobName, ClientId};
use ick_core::time::Timestamp;
use ick_state::Error;
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The store's state.
pub struct Shelf {
    names: Names,
    blobs: Box<dyn Blobs>,
    busy: Mutex<HashMap<Digest, Busy>>,
    free: Condvar,
    traffic: Traffic,
}

/// What is being done with a content.
enum Busy {
    /// So many are putting it.
    Put(usize),
    /// Someone is removing it.
    Removing,
}

/// A content that was asked for.
pub struct Found {
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub content: Box<dyn Content>,
}

/// Why a content cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// There is no such name.
    #[error("there is no such name")]
    NoName,
    /// The name never had that content, or it was deleted.
    #[error("the name has no such content")]
    NoVersion,
    /// The index has it, the disk has not.
    #[error("the content {digest} of {name} is damaged: it has {found} instead of {size} bytes")]
    Damaged {
        /// The name.
        name: BlobName,
        /// The content.
        digest: Digest,
        /// The size that the index has.
        size: u64,
        /// What is there.
        found: String,
    },
    /// The disk or the database failed.
    #[error(transparent)]
    State(#[from] Error),
}

/// Keeps a content to whoever puts or removes it.
struct Hold<'a> {
    shelf: &'a Shelf,
    digest: Digest,
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let mut busy = self.shelf.busy();
        match busy.get_mut(&self.digest) {
            Some(Busy::Put(count)) if *count > 1 => *count -= 1,
            _ => {
                busy.remove(&self.digest);
                self.shelf.free.notify_all();
            }
        }
    }
}

impl Shelf {
    /// Puts index and contents together, and finishes what an earlier process had begun.
    ///
    /// # Errors
    /// Those of the disk and the database.
    pub fn open(names: Names, blobs: Box<dyn Blobs>) -> Result<Self, Error> {
        let shelf = Self {
            names,
            blobs,
            busy: Mutex::default(),
            free: Condvar::new(),
            traffic: Traffic::default(),
        };
        for digest in shelf.blobs.left()? {
            shelf.remove_unless_named(&digest)?;
        }
        shelf.blobs.settle_left()?;
        for digest in shelf.names.unreferenced()? {
            shelf.remove_unless_named(&digest)?;
        }
        Ok(shelf)
    }

    /// What came and went.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The index.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Begins to receive a content, of `size` bytes where that is known beforehand.
    ///
    /// # Errors
    /// When there is no room; those of the disk and the database.
    pub fn receive(&self, size: Option<u64>) -> Result<Box<dyn Incoming>, Error> {
        // Contents of exactly the same size mostly are the same one, made by the same build again.
        let known = match size {
            Some(size) => self.names.has_size(size)?,
            None => false,
        };
        self.blobs.receive(Expected { size, known })
    }

    /// Gives a name the content that has arrived, unless `allowed` says no to what the name has by
    /// then. When it returns, both are durable, or nothing has changed.
    ///
    /// # Errors
    /// Those of the disk and the database.
    pub fn put(
        &self,
        arrived: Box<dyn Arrived>,
        name: &BlobName,
        who: &ClientId,
        now: Timestamp,
        allowed: impl FnOnce(Option<&Digest>) -> bool,
    ) -> Result<Recorded, Error> {
        let (digest, size) = (arrived.digest(), arrived.size());
        let recording = Recording {
            name,
            digest: &digest,
            size,
            who,
            now,
        };
        let hold = self.hold_to_put(digest);
        let placed = arrived.place();
        let recorded = placed.and_then(|placed| {
            let recorded = self.names.record(recording, allowed);
            Ok((placed, recorded?))
        });
        drop(hold);
        let (placed, recorded) = match recorded {
            Ok(both) => both,
            Err(error) => {
                self.remove_unless_named(&digest)?;
                return Err(error);
            }
        };
        if recorded == Recorded::Refused {
            self.remove_unless_named(&digest)?;
        }
        placed.settle()?;
        Ok(recorded)
    }

    /// The content that a name has now, or an older one of its contents.
    ///
    /// # Errors
    /// Says why there is none.
    pub fn find(&self, name: &BlobName, version: Option<&Digest>) -> Result<Found, FindError> {
        // What is removed between the two looks is not there the second time.
        for _ in 0..2 {
            let (digest, size) = match version {
                Some(digest) => {
                    let size = self.names.version(name, digest)?;
                    (*digest, size.ok_or(FindError::NoVersion)?)
                }
                None => {
                    let named = self.names.find(name)?.ok_or(FindError::NoName)?;
                    (named.digest, named.size)
                }
            };
            if let Some(content) = self.blobs.open(&digest)? {
                if content.size() == size {
                    return Ok(Found { digest, content });
                }
                return Err(FindError::Damaged {
                    name: name.clone(),
                    digest,
                    size,
                    found: content.size().to_string(),
                });
            }
            if self.names.version(name, &digest)? == Some(size)
                && self.blobs.open(&digest)?.is_none()
            {
                return Err(FindError::Damaged {
                    name: name.clone(),
                    digest,
                    size,
                    found: "none".to_owned(),
                });
            }
        }
        Err(FindError::NoVersion)
    }

    /// Takes a name away. Its contents stay readable as versions.
    ///
    /// # Errors
    /// Those of the database.
    pub fn take(
        &self,
        name: &BlobName,
        allowed: impl FnOnce(Option<&Digest>) -> bool,
    ) -> Result<Removed, Error> {
        self.names.take(name, allowed)
    }

    /// Deletes one of the contents that a name has or had; the bytes go when no other name needs them.
    ///
    /// # Errors
    /// Those of the disk and the database.
    pub fn forget(
        &self,
        name: &BlobName,
        digest: &Digest,
        allowed: impl FnOnce(Option<&Digest>) -> bool,
    ) -> Result<Removed, Error> {
        let removed = self.names.forget(name, digest, allowed)?;
        if removed == Removed::Gone
            && let Err(error) = self.remove_unless_named(digest)
        {
            // For the client it is gone; the next start removes the bytes.
            tracing::warn!(%digest, %error, "cannot remove a content that nothing refers to");
        }
        Ok(removed)
    }

    /// Names in order; see [`Names::list`].
    ///
    /// # Errors
    /// Those of the database.
    pub fn list(&self, prefix: &str, after: &str, limit: u32) -> Result<Vec<Named>, Error> {
        self.names.list(prefix, after, limit)
    }

    fn busy(&self) -> MutexGuard<'_, HashMap<Digest, Busy>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is being done with contents, once this one is not being removed.
    fn not_removing(&self, digest: &Digest) -> MutexGuard<'_, HashMap<Digest, Busy>> {
        let mut busy = self.busy();
        while let Some(Busy::Removing) = busy.get(digest) {
            busy = self.free.wait(busy).unwrap_or_else(PoisonError::into_inner);
        }
        busy
    }

    fn hold_to_put(&self, digest: Digest) -> Hold<'_> {
        let mut busy = self.not_removing(&digest);
        match busy.entry(digest).or_insert(Busy::Put(0)) {
            Busy::Put(count) => *count += 1,
            Busy::Removing => {}
        }
        Hold {
            shelf: self,
            digest,
        }
    }

    /// `None` when someone is putting it, who then names it or removes it.
    fn hold_to_remove(&self, digest: Digest) -> Option<Hold<'_>> {
        let mut busy = self.not_removing(&digest);
        if busy.contains_key(&digest) {
            return None;
        }
        busy.insert(digest, Busy::Removing);
        Some(Hold {
            shelf: self,
            digest,
        })
    }

    fn remove_unless_named(&self, digest: &Digest) -> Result<(), Error> {
        let Some(_hold) = self.hold_to_remove(*digest) else {
            return Ok(());
        };
        if self.names.refers(digest)? {
            return Ok(());
        }
        self.blobs.remove(digest)?;
        self.names.removed(digest)
    }
}
