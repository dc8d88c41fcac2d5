//! Which leases hold, in memory only: when the controller was away, every lease begins anew.

use crate::build::LeaseId;
use crate::time::Timestamp;
use std::collections::HashMap;
use std::time::Duration;

/// How long a lease holds when it is not renewed.
pub const LEASE_LENGTH: Duration = Duration::from_secs(60);

/// The shortest pause between two looks that counts as a standstill.
const STALL: Duration = Duration::from_secs(5);

/// The leases that hold, each with what it is for.
///
/// [`Leases::expired`] is meant to be called about every second. When much more time than that has
/// passed since it was last called, or the clock went back, it was this process or the clock that
/// stood still, not the workers: then all leases begin anew.
#[derive(Debug)]
pub struct Leases<T> {
    length: Duration,
    held: HashMap<LeaseId, Held<T>>,
    last_look: Option<Timestamp>,
}

#[derive(Debug)]
struct Held<T> {
    what: T,
    expires: Timestamp,
}

impl<T> Leases<T> {
    /// No lease yet; each will hold for `length`.
    pub fn new(length: Duration) -> Self {
        Self {
            length,
            held: HashMap::new(),
            last_look: None,
        }
    }

    /// Begins a lease, and says until when it holds.
    pub fn begin(&mut self, lease: LeaseId, what: T, now: Timestamp) -> Timestamp {
        let expires = now.plus(self.length);
        self.held.insert(lease, Held { what, expires });
        expires
    }

    /// Renews a lease, and says until when it holds; none when there is no such lease.
    ///
    /// A lease that has expired but was not yet taken away is renewed too: its worker is there.
    pub fn renew(&mut self, lease: &str, now: Timestamp) -> Option<Timestamp> {
        let held = self.held.get_mut(lease)?;
        held.expires = now.plus(self.length);
        Some(held.expires)
    }

    /// What a lease is for, and until when it holds.
    pub fn get(&self, lease: &str) -> Option<(&T, Timestamp)> {
        self.held.get(lease).map(|held| (&held.what, held.expires))
    }

    /// Ends a lease.
    pub fn end(&mut self, lease: &str) -> Option<T> {
        self.held.remove(lease).map(|held| held.what)
    }

    /// The leases that have expired. They stay until [`Leases::end`], so that what is done about them
    /// can fail and be done again.
    pub fn expired(&mut self, now: Timestamp) -> Vec<LeaseId> {
        let last = self.last_look.replace(now).unwrap_or(now);
        if now < last || now.since(last) > STALL.max(self.length / 4) {
            self.begin_anew(now);
            return Vec::new();
        }
        let expired = self.held.iter().filter(|(_, held)| held.expires <= now);
        expired.map(|(lease, _)| lease.clone()).collect()
    }

    /// Gives every lease its whole length again.
    pub fn begin_anew(&mut self, now: Timestamp) {
        for held in self.held.values_mut() {
            held.expires = now.plus(self.length);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}
