//! What one transaction can see and do, in domain words. `state::conformance` says by examples what
//! any implementation has to do; every call goes through an index and reads no more than it returns.

use super::{
    Before, BuildFilter, BuildKey, BuildRecord, BuildTerms, Error, Kind, LeaseRecord, NewBuild,
    ObjectRecord, Queued, Removal, RemovalRecord, WorkerRecord,
};
use ick_core::build::{Artifact, BuildStatus, LeaseId};
use ick_core::digest::Digest;
use ick_core::name::{BlobName, BuildId, ProjectName, WorkerId};
use ick_core::time::Timestamp;
use std::sync::Arc;

/// What a transaction can see. All it reads is of one moment.
pub trait Read {
    /// A project or pipeline.
    fn object(&self, kind: Kind, name: &str) -> Result<Option<ObjectRecord>, Error>;

    /// Projects or pipelines in the order of their names, those after `after`, at most `limit`.
    fn objects(
        &self,
        kind: Kind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectRecord>, Error>;

    /// The names of all projects or pipelines, in order.
    fn names(&self, kind: Kind) -> Result<Vec<String>, Error>;

    /// The names of the projects or pipelines that an apply with this label made, in order.
    fn objects_of_set(&self, kind: Kind, set: &str) -> Result<Vec<String>, Error>;

    /// The project's oldest build that waits for a worker.
    fn next_build(&self, project: &ProjectName) -> Result<Option<BuildId>, Error>;

    /// One of the project's builds that have not ended.
    fn unfinished_build(&self, project: &ProjectName) -> Result<Option<BuildId>, Error>;

    /// A build by its name.
    fn build(&self, id: &BuildId) -> Result<Option<BuildRecord>, Error>;

    /// A build by its key.
    fn build_by_key(&self, key: BuildKey) -> Result<Option<BuildRecord>, Error>;

    /// What a build runs. It never changes, so implementations keep what was asked for lately.
    fn terms(&self, build: &BuildRecord) -> Result<Arc<BuildTerms>, Error>;

    /// The same for a list, which must not push out what is kept.
    fn terms_once(&self, build: &BuildRecord) -> Result<Arc<BuildTerms>, Error>;

    /// Builds, newest first, those before `before`, at most `limit`.
    fn builds(
        &self,
        filter: &BuildFilter,
        before: Option<Before>,
        limit: usize,
    ) -> Result<Vec<BuildRecord>, Error>;

    /// The oldest builds of a class of needs that wait for a worker, at most `limit`.
    fn queued(&self, class: u8, limit: usize) -> Result<Vec<Queued>, Error>;

    /// Builds about which the passing of time has something to say by `now`, at most `limit`.
    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<BuildKey>, Error>;

    /// How many builds have a status. They are counted as they change, not when this is asked.
    fn count(&self, status: BuildStatus) -> Result<u64, Error>;

    /// The build that an earlier trigger with the same key made.
    fn triggered_with(
        &self,
        project: &ProjectName,
        client: &str,
        key: &str,
    ) -> Result<Option<BuildKey>, Error>;

    /// What a slot of a worker has.
    fn lease_of(&self, worker: &WorkerId, slot: u32) -> Result<Option<LeaseRecord>, Error>;

    /// Every lease.
    fn leases(&self) -> Result<Vec<LeaseRecord>, Error>;

    /// A worker.
    fn worker(&self, worker: &WorkerId) -> Result<Option<WorkerRecord>, Error>;

    /// Every worker, in the order of their names.
    fn workers(&self) -> Result<Vec<WorkerRecord>, Error>;

    /// Whether any build records this content of this blob.
    fn is_recorded(&self, name: &BlobName, digest: &Digest) -> Result<bool, Error>;

    /// Removals that are due, at most `limit`.
    fn removals(&self, now: Timestamp, limit: usize) -> Result<Vec<RemovalRecord>, Error>;
}

/// What a writing transaction can do. Nothing of it happened unless all of it did.
pub trait Write: Read {
    /// Creates or replaces a project or pipeline.
    fn put_object(&self, object: &ObjectRecord) -> Result<(), Error>;

    /// Deletes a project or pipeline; whether it was there.
    fn delete_object(&self, kind: Kind, name: &str) -> Result<bool, Error>;

    /// The next number of a project's builds. Numbers go on when a project is deleted and made again.
    fn next_number(&self, project: &ProjectName) -> Result<u64, Error>;

    /// Records a new build.
    fn insert_build(&self, build: NewBuild) -> Result<BuildRecord, Error>;

    /// Records a build's new state, provided that it still is at the record's revision, which is
    /// counted up in the record.
    fn save_build(&self, build: &mut BuildRecord, terms: &BuildTerms) -> Result<(), Error>;

    /// Deletes a build, what it recorded, and the keys that triggered it.
    fn delete_build(&self, key: BuildKey) -> Result<(), Error>;

    /// Remembers that a client's key triggered this build.
    fn remember_trigger(
        &self,
        project: &ProjectName,
        client: &str,
        key: &str,
        build: BuildKey,
    ) -> Result<(), Error>;

    /// Records a lease. A slot has one at most.
    fn insert_lease(&self, lease: &LeaseRecord) -> Result<(), Error>;

    /// Forgets a lease of a slot.
    fn delete_lease(&self, worker: &WorkerId, slot: u32, lease: &LeaseId) -> Result<(), Error>;

    /// Records that a build made this content of a blob.
    fn record_artifact(&self, build: BuildKey, artifact: &Artifact) -> Result<(), Error>;

    /// The contents that this build alone recorded.
    fn artifacts_of_only(&self, build: BuildKey) -> Result<Vec<(BlobName, Digest)>, Error>;

    /// Creates or replaces a worker.
    fn put_worker(&self, worker: &WorkerRecord) -> Result<(), Error>;

    /// Deletes a worker; whether it was there.
    fn delete_worker(&self, worker: &WorkerId) -> Result<bool, Error>;

    /// Records when workers were last heard of.
    fn seen(&self, seen: &[(WorkerId, Timestamp)]) -> Result<(), Error>;

    /// Asks for a removal.
    fn insert_removal(&self, what: &Removal, due: Timestamp) -> Result<(), Error>;

    /// Puts a removal off, and counts the try.
    fn put_off_removal(&self, id: u64, due: Timestamp) -> Result<(), Error>;

    /// A removal is done.
    fn delete_removal(&self, id: u64) -> Result<(), Error>;
}
