//! The leases that hold, in memory: what a call that names a lease needs to know, without the database.
//!
//! The database has who holds what; when a lease expires is known only here, so that every lease gets
//! its full time anew after the controller was away. Kept up to date after each commit by
//! [`Leases::note`], in any order: a build's later revision wins, and a lease that has ended stays so.

use crate::state::{BuildKey, BuildRecord};
use ick_core::build::LeaseId;
use ick_core::name::{BuildId, WorkerId};
use ick_core::schedule;
use ick_core::time::Timestamp;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many leases that have ended are remembered, so that news about them which come late are known
/// to be old.
const REMEMBERED: usize = 4096;

/// What a lease is for.
#[derive(Clone, Debug)]
pub struct Held {
    /// The lease.
    pub lease: LeaseId,
    /// Who has it.
    pub worker: WorkerId,
    /// On which slot.
    pub slot: u32,
    /// The build.
    pub build: BuildId,
    /// The build's key.
    pub key: BuildKey,
    /// The build's attempt.
    pub attempt: u32,
    /// The action that is being executed.
    pub action_id: String,
    /// 0 no, 1 cancelled, 2 cancelled twice.
    pub cancel: u8,
    /// The end of the build's time-out.
    pub deadline: Timestamp,
    /// Names what can change of the lease while an action is executed: deadline and cancel.
    pub version: u64,
    /// The build's revision that this is of.
    revision: u64,
}

/// Why a call that names a lease is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the lease is not, or no longer, this worker's: stop what runs under it, and ask for work")]
pub struct Lost;

/// The leases that hold.
#[derive(Debug)]
pub struct Leases {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    times: schedule::Leases<()>,
    held: HashMap<LeaseId, Arc<Held>>,
    slots: HashMap<WorkerId, HashMap<u32, LeaseId>>,
    ended: HashSet<LeaseId>,
    ended_order: VecDeque<LeaseId>,
}

impl Leases {
    /// None yet; each will hold for `length` when its worker is not heard of.
    pub fn new(length: Duration) -> Self {
        Self {
            inner: Mutex::new(Inner {
                times: schedule::Leases::new(length),
                held: HashMap::new(),
                slots: HashMap::new(),
                ended: HashSet::new(),
                ended_order: VecDeque::new(),
            }),
        }
    }
}

impl Leases {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes notice of a build as it was committed. `ended` are the leases that this ended.
    pub fn note<'a>(
        &self,
        build: &BuildRecord,
        ended: impl IntoIterator<Item = &'a LeaseId>,
        now: Timestamp,
    ) {
        let mut inner = self.lock();
        for lease in ended {
            inner.end(lease);
        }
        let state = &build.state;
        let (Some(lease), Some(deadline)) = (&state.lease, state.deadline) else {
            return;
        };
        let known = inner.held.get(&lease.id).map(|held| held.revision);
        if inner.ended.contains(&lease.id) || known.is_some_and(|known| known >= build.revision) {
            return;
        }
        let held = Held {
            lease: lease.id.clone(),
            worker: lease.worker.clone(),
            slot: lease.slot,
            build: build.id.clone(),
            key: build.key,
            attempt: state.attempt,
            action_id: state
                .current()
                .map(|action| action.action_id.clone())
                .unwrap_or_default(),
            cancel: state.cancel,
            deadline,
            version: state.lease_version(),
            revision: build.revision,
        };
        if known.is_none() {
            inner.times.begin(lease.id.clone(), (), now);
            inner
                .slots
                .entry(lease.worker.clone())
                .or_default()
                .insert(lease.slot, lease.id.clone());
        }
        inner.held.insert(lease.id.clone(), Arc::new(held));
    }

    /// Renews a worker's lease; what it is for, and until when it holds.
    ///
    /// # Errors
    /// When the worker does not have it.
    pub fn renew(
        &self,
        lease: &str,
        worker: &WorkerId,
        now: Timestamp,
    ) -> Result<(Arc<Held>, Timestamp), Lost> {
        let mut inner = self.lock();
        let held = inner.held.get(lease).filter(|held| held.worker == *worker);
        let held = Arc::clone(held.ok_or(Lost)?);
        let expires = inner.times.renew(lease, now).ok_or(Lost)?;
        Ok((held, expires))
    }

    /// What a slot of a worker has.
    pub fn of_slot(&self, worker: &WorkerId, slot: u32) -> Option<Arc<Held>> {
        let inner = self.lock();
        let lease = inner.slots.get(worker)?.get(&slot)?;
        inner.held.get(lease).cloned()
    }

    /// How many slots of a worker have something.
    pub fn busy(&self, worker: &WorkerId) -> u32 {
        let inner = self.lock();
        let slots = inner.slots.get(worker).map_or(0, HashMap::len);
        u32::try_from(slots).unwrap_or(u32::MAX)
    }

    /// The leases whose workers have not been heard of in time. To be called about every second.
    pub fn expired(&self, now: Timestamp) -> Vec<Arc<Held>> {
        let mut inner = self.lock();
        let expired = inner.times.expired(now);
        expired
            .iter()
            .filter_map(|lease| inner.held.get(lease).cloned())
            .collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().held.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every lease.
    pub fn all(&self) -> Vec<Arc<Held>> {
        self.lock().held.values().cloned().collect()
    }

    /// Forgets a lease that the database does not have.
    pub fn forget(&self, lease: &LeaseId) {
        self.lock().end(lease);
    }
}

impl Inner {
    fn end(&mut self, lease: &LeaseId) {
        self.times.end(lease.as_str());
        if let Some(held) = self.held.remove(lease)
            && let Some(slots) = self.slots.get_mut(&held.worker)
        {
            slots.retain(|_, other| other != lease);
            if slots.is_empty() {
                self.slots.remove(&held.worker);
            }
        }
        if self.ended.insert(lease.clone()) {
            self.ended_order.push_back(lease.clone());
            if self.ended_order.len() > REMEMBERED
                && let Some(oldest) = self.ended_order.pop_front()
            {
                self.ended.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::conformance::{at, go, new_build};
    use crate::state::{Error, State};
    use ick_core::build::Event;

    #[test]
    fn news_may_come_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let worker: WorkerId = "w".parse().unwrap();
        let lease = LeaseId::new("l");
        let (building, cancelled, lost) = state
            .write(|tx| {
                let event = Event::HandOut {
                    worker: worker.clone(),
                    slot: 2,
                    lease: lease.clone(),
                };
                let building = go(tx, &new_build(tx, "p", "host", at(0)), event, at(1));
                let cancelled = go(tx, &building, Event::Cancel, at(2));
                let event = Event::LeaseExpired {
                    lease: lease.clone(),
                };
                let lost = go(tx, &cancelled, event, at(3));
                Ok::<_, Error>((building, cancelled, lost))
            })
            .unwrap();

        let leases = Leases::new(std::time::Duration::from_secs(60));
        leases.note(&cancelled, [], at(2));
        leases.note(&building, [], at(2));
        let (held, expires) = leases.renew("l", &worker, at(2)).unwrap();
        assert_eq!((held.cancel, held.action_id.as_str()), (1, "1"));
        assert_eq!(expires, at(60_002));
        assert_eq!(leases.busy(&worker), 1);
        assert!(leases.of_slot(&worker, 2).is_some());
        let other = "other".parse().unwrap();
        assert_eq!(leases.renew("l", &other, at(2)).err(), Some(Lost));

        leases.note(&lost, [&lease], at(3));
        leases.note(&cancelled, [], at(3));
        assert_eq!(leases.renew("l", &worker, at(3)).err(), Some(Lost));
        assert_eq!(leases.busy(&worker), 0);
        assert!(leases.of_slot(&worker, 2).is_none());
    }
}
