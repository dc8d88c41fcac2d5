//! The workers as they are at the moment, in memory: what each registered, and when it was heard of.
//!
//! Changes of the registration go through the database first, one at a time; when a worker was last
//! heard of is written back lazily by [`crate::sweep`], for people only.

use crate::leases::Leases;
use crate::state::WorkerRecord;
use ick_core::name::WorkerId;
use ick_core::schedule::Candidate;
use ick_core::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A worker that was not heard of for so long counts as absent. A worker that waits for work asks
/// every 30 seconds at least; one that executes renews its lease.
pub const PRESENT: Duration = Duration::from_secs(90);

/// The registered workers.
#[derive(Debug, Default)]
pub struct Roster {
    workers: Mutex<BTreeMap<WorkerId, Entry>>,
    /// Held over a change in the database and here, so that both happen in one order.
    changing: Mutex<()>,
}

#[derive(Debug)]
struct Entry {
    record: WorkerRecord,
    unwritten: bool,
    /// Why it takes nothing new, as it said when it last asked for work. Of no use after a restart.
    paused: Option<String>,
}

/// How many workers there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Registered ones.
    pub registered: u64,
    /// Those that were heard of lately.
    pub seen: u64,
    /// Those that get no new work.
    pub drained: u64,
    /// The slots of all of them.
    pub slots: u64,
}

/// Proves that the registration of workers changes only here for as long as it lives.
#[derive(Debug)]
pub struct Changing<'a> {
    roster: &'a Roster,
    _turn: MutexGuard<'a, ()>,
}

impl Roster {
    /// The workers that the database has.
    pub fn new(workers: Vec<WorkerRecord>) -> Self {
        let roster = Self::default();
        let changing = roster.change();
        for record in workers {
            changing.put(record);
        }
        drop(changing);
        roster
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<WorkerId, Entry>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the turn to change registrations.
    pub fn change(&self) -> Changing<'_> {
        Changing {
            roster: self,
            _turn: self.changing.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// A worker.
    pub fn get(&self, worker: &WorkerId) -> Option<WorkerRecord> {
        self.lock().get(worker).map(|entry| entry.record.clone())
    }

    /// Workers in the order of their names, those after `after`, at most `limit`.
    pub fn list(&self, after: Option<&WorkerId>, limit: usize) -> Vec<WorkerRecord> {
        use std::ops::Bound;
        let workers = self.lock();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        workers
            .range::<WorkerId, _>((from, Bound::Unbounded))
            .take(limit)
            .map(|(_, entry)| entry.record.clone())
            .collect()
    }

    /// The worker was heard of; whether it is registered.
    pub fn seen(&self, worker: &WorkerId, now: Timestamp) -> bool {
        let mut workers = self.lock();
        let Some(entry) = workers.get_mut(worker) else {
            return false;
        };
        entry.record.last_seen = Some(now);
        entry.unwritten = true;
        true
    }

    /// What a worker that asks for work says about taking nothing new.
    pub fn pause(&self, worker: &WorkerId, why: Option<String>) {
        if let Some(entry) = self.lock().get_mut(worker) {
            entry.paused = why;
        }
    }

    /// Why a worker takes nothing new; none when it does.
    pub fn paused(&self, worker: &WorkerId) -> Option<String> {
        self.lock().get(worker)?.paused.clone()
    }

    /// When workers were last heard of, as far as that was not given out here before.
    pub fn unwritten(&self) -> Vec<(WorkerId, Timestamp)> {
        let mut workers = self.lock();
        let mut unwritten = Vec::new();
        for (worker, entry) in workers.iter_mut() {
            if std::mem::take(&mut entry.unwritten)
                && let Some(at) = entry.record.last_seen
            {
                unwritten.push((worker.clone(), at));
            }
        }
        unwritten
    }

    /// How many workers there are.
    pub fn figures(&self, now: Timestamp, seen: Duration) -> Figures {
        let workers = self.lock();
        let mut figures = Figures::default();
        for Entry { record, .. } in workers.values() {
            let last = record.last_seen;
            figures.registered += 1;
            figures.seen += u64::from(last.is_some_and(|at| now.since(at) < seen));
            figures.drained += u64::from(record.drained);
            figures.slots += u64::from(record.said.slots);
        }
        figures
    }

    /// All workers as the scheduler sees them.
    pub fn candidates(&self, leases: &Leases, now: Timestamp) -> Vec<Candidate> {
        let workers = self.lock();
        workers
            .values()
            .map(|entry| candidate(&entry.record, leases, now))
            .collect()
    }

    /// Whether another worker than this one may have a build with these needs and is there.
    pub fn is_another_for(
        &self,
        worker: &WorkerId,
        needs: ick_core::schedule::Needs,
        now: Timestamp,
    ) -> bool {
        self.lock().values().any(|entry| {
            let other = &entry.record;
            other.worker != *worker
                && !other.drained
                && is_present(other, now)
                && needs.allowed_by(other.said.allows).is_ok()
        })
    }
}

impl Changing<'_> {
    /// A worker is registered, or registered anew.
    pub fn put(&self, record: WorkerRecord) {
        let mut workers = self.roster.lock();
        let before = workers.get(&record.worker);
        let seen = before.and_then(|entry| entry.record.last_seen);
        let paused = before.and_then(|entry| entry.paused.clone());
        let mut record = record;
        record.last_seen = record.last_seen.max(seen);
        let worker = record.worker.clone();
        workers.insert(
            worker,
            Entry {
                record,
                unwritten: false,
                paused,
            },
        );
    }

    /// A worker is no longer registered.
    pub fn delete(&self, worker: &WorkerId) {
        self.roster.lock().remove(worker);
    }
}

fn is_present(record: &WorkerRecord, now: Timestamp) -> bool {
    record
        .last_seen
        .is_some_and(|seen| now.since(seen) < PRESENT)
}

fn candidate(record: &WorkerRecord, leases: &Leases, now: Timestamp) -> Candidate {
    let busy = leases.busy(&record.worker);
    Candidate {
        worker: record.worker.clone(),
        allows: record.said.allows,
        drained: record.drained,
        present: busy > 0 || is_present(record, now),
        slots: record.said.slots,
        busy,
    }
}
