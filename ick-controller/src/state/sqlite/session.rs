//! One transaction on one connection, as [`Read`] and [`Write`].

use super::{builds, cache, lists, objects, removals, work, workers};
use crate::state::{
    Before, BuildFilter, BuildKey, BuildRecord, BuildTerms, Error, Kind, LeaseRecord, NewBuild,
    ObjectRecord, Queued, Read, Removal, RemovalRecord, WorkerRecord, Write,
};
use ick_core::build::{Artifact, BuildStatus, LeaseId};
use ick_core::digest::Digest;
use ick_core::name::{BlobName, BuildId, ProjectName, WorkerId};
use ick_core::time::Timestamp;
use rusqlite::Connection;
use std::sync::Arc;

pub(super) struct Session<'a> {
    conn: &'a Connection,
    kept: &'a cache::Terms,
}

impl<'a> Session<'a> {
    pub(super) fn new(conn: &'a Connection, kept: &'a cache::Terms) -> Self {
        Self { conn, kept }
    }
}

impl Read for Session<'_> {
    fn object(&self, kind: Kind, name: &str) -> Result<Option<ObjectRecord>, Error> {
        objects::get(self.conn, kind, name)
    }

    fn objects(
        &self,
        kind: Kind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectRecord>, Error> {
        objects::list(self.conn, kind, after, limit)
    }

    fn names(&self, kind: Kind) -> Result<Vec<String>, Error> {
        objects::names(self.conn, kind)
    }

    fn objects_of_set(&self, kind: Kind, set: &str) -> Result<Vec<String>, Error> {
        objects::of_set(self.conn, kind, set)
    }

    fn next_build(&self, project: &ProjectName) -> Result<Option<BuildId>, Error> {
        lists::oldest(self.conn, project, BuildStatus::Triggered)
    }

    fn unfinished_build(&self, project: &ProjectName) -> Result<Option<BuildId>, Error> {
        match lists::oldest(self.conn, project, BuildStatus::Building)? {
            Some(build) => Ok(Some(build)),
            None => lists::oldest(self.conn, project, BuildStatus::Triggered),
        }
    }

    fn build(&self, id: &BuildId) -> Result<Option<BuildRecord>, Error> {
        builds::get(self.conn, id)
    }

    fn build_by_key(&self, key: BuildKey) -> Result<Option<BuildRecord>, Error> {
        builds::by_key(self.conn, key)
    }

    fn terms(&self, build: &BuildRecord) -> Result<Arc<BuildTerms>, Error> {
        let terms = self.terms_once(build)?;
        self.kept.keep((build.key, build.request.created), &terms);
        Ok(terms)
    }

    fn terms_once(&self, build: &BuildRecord) -> Result<Arc<BuildTerms>, Error> {
        match self.kept.get((build.key, build.request.created)) {
            Some(terms) => Ok(terms),
            None => builds::terms(self.conn, build.key).map(Arc::new),
        }
    }

    fn builds(
        &self,
        filter: &BuildFilter,
        before: Option<Before>,
        limit: usize,
    ) -> Result<Vec<BuildRecord>, Error> {
        lists::list(self.conn, filter, before, limit)
    }

    fn queued(&self, class: u8, limit: usize) -> Result<Vec<Queued>, Error> {
        lists::queued(self.conn, class, limit)
    }

    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<BuildKey>, Error> {
        lists::due(self.conn, now, limit)
    }

    fn count(&self, status: BuildStatus) -> Result<u64, Error> {
        lists::count(self.conn, status)
    }

    fn triggered_with(
        &self,
        project: &ProjectName,
        client: &str,
        key: &str,
    ) -> Result<Option<BuildKey>, Error> {
        builds::triggered_with(self.conn, project, client, key)
    }

    fn lease_of(&self, worker: &WorkerId, slot: u32) -> Result<Option<LeaseRecord>, Error> {
        work::lease_of(self.conn, worker, slot)
    }

    fn leases(&self) -> Result<Vec<LeaseRecord>, Error> {
        work::leases(self.conn)
    }

    fn worker(&self, worker: &WorkerId) -> Result<Option<WorkerRecord>, Error> {
        workers::get(self.conn, worker)
    }

    fn workers(&self) -> Result<Vec<WorkerRecord>, Error> {
        workers::all(self.conn)
    }

    fn is_recorded(&self, name: &BlobName, digest: &Digest) -> Result<bool, Error> {
        builds::is_recorded(self.conn, name, digest)
    }

    fn removals(&self, now: Timestamp, limit: usize) -> Result<Vec<RemovalRecord>, Error> {
        removals::due(self.conn, now, limit)
    }
}

impl Write for Session<'_> {
    fn put_object(&self, object: &ObjectRecord) -> Result<(), Error> {
        objects::put(self.conn, object)
    }

    fn delete_object(&self, kind: Kind, name: &str) -> Result<bool, Error> {
        objects::delete(self.conn, kind, name)
    }

    fn next_number(&self, project: &ProjectName) -> Result<u64, Error> {
        builds::next_number(self.conn, project)
    }

    fn insert_build(&self, build: NewBuild) -> Result<BuildRecord, Error> {
        let terms = Arc::clone(&build.terms);
        let build = builds::insert(self.conn, build)?;
        self.kept.keep((build.key, build.request.created), &terms);
        Ok(build)
    }

    fn save_build(&self, build: &mut BuildRecord, terms: &BuildTerms) -> Result<(), Error> {
        builds::save(self.conn, build, terms)
    }

    fn delete_build(&self, key: BuildKey) -> Result<(), Error> {
        builds::delete(self.conn, key)
    }

    fn remember_trigger(
        &self,
        project: &ProjectName,
        client: &str,
        key: &str,
        build: BuildKey,
    ) -> Result<(), Error> {
        builds::remember_trigger(self.conn, project, client, key, build)
    }

    fn insert_lease(&self, lease: &LeaseRecord) -> Result<(), Error> {
        work::insert_lease(self.conn, lease)
    }

    fn delete_lease(&self, worker: &WorkerId, slot: u32, lease: &LeaseId) -> Result<(), Error> {
        work::delete_lease(self.conn, worker, slot, lease)
    }

    fn record_artifact(&self, build: BuildKey, artifact: &Artifact) -> Result<(), Error> {
        builds::record_artifact(self.conn, build, artifact)
    }

    fn artifacts_of_only(&self, build: BuildKey) -> Result<Vec<(BlobName, Digest)>, Error> {
        builds::artifacts_of_only(self.conn, build)
    }

    fn put_worker(&self, worker: &WorkerRecord) -> Result<(), Error> {
        workers::put(self.conn, worker)
    }

    fn delete_worker(&self, worker: &WorkerId) -> Result<bool, Error> {
        workers::delete(self.conn, worker)
    }

    fn seen(&self, seen: &[(WorkerId, Timestamp)]) -> Result<(), Error> {
        workers::seen(self.conn, seen)
    }

    fn insert_removal(&self, what: &Removal, due: Timestamp) -> Result<(), Error> {
        removals::insert(self.conn, what, due)
    }

    fn put_off_removal(&self, id: u64, due: Timestamp) -> Result<(), Error> {
        removals::put_off(self.conn, id, due)
    }

    fn delete_removal(&self, id: u64) -> Result<(), Error> {
        removals::delete(self.conn, id)
    }
}
