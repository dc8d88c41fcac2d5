//! The slots that wait for work, so that a new build wakes one that may have it, and never all.
//!
//! Only a hint stands on this: a slot that is woken looks at the queue itself, and [`crate::sweep`]
//! looks every second whether something waits that an idle slot could have.

use ick_core::name::WorkerId;
use ick_core::schedule::{Allows, Needs};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A slot of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    /// The worker.
    pub worker: WorkerId,
    /// The slot, from 1.
    pub slot: u32,
}

type Ticket = u64;

/// The slots that wait, by what their workers allow, those that have waited longest first.
#[derive(Clone, Debug, Default)]
pub struct Idle {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: [BTreeMap<Ticket, Slot>; Needs::CLASSES as usize],
    last: Ticket,
}

/// Keeps a slot among those that wait until it is dropped or chosen.
#[derive(Debug)]
pub struct Place {
    idle: Idle,
    class: usize,
    ticket: Ticket,
}

/// What a worker allows, as the place of its row.
fn row(allows: Allows) -> usize {
    let all = Needs {
        host: allows.host,
        chroot: allows.chroot,
        network: allows.network,
    };
    usize::from(all.class())
}

impl Idle {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A slot begins to wait.
    pub fn enter(&self, slot: Slot, allows: Allows) -> Place {
        let class = row(allows);
        let mut inner = self.lock();
        inner.last += 1;
        let ticket = inner.last;
        inner.waiting[class].insert(ticket, slot);
        drop(inner);
        Place {
            idle: self.clone(),
            class,
            ticket,
        }
    }

    /// Takes the slot that has waited longest of those that may have a build with these needs; rather
    /// one of another worker than `avoid`.
    pub fn choose(&self, needs: Needs, avoid: Option<&WorkerId>) -> Option<Slot> {
        let mut inner = self.lock();
        let fitting =
            |class: &usize| *class & usize::from(needs.class()) == usize::from(needs.class());
        let oldest = |inner: &Inner, avoiding: bool| {
            let classes = (0..inner.waiting.len()).filter(fitting);
            classes
                .filter_map(|class| {
                    let mut slots = inner.waiting[class].iter();
                    let first = slots.find(|(_, slot)| !avoiding || avoid != Some(&slot.worker));
                    first.map(|(ticket, _)| (*ticket, class))
                })
                .min()
        };
        let (ticket, class) = oldest(&inner, true).or_else(|| oldest(&inner, false))?;
        inner.waiting[class].remove(&ticket)
    }

    /// How many slots wait.
    pub fn len(&self) -> usize {
        self.lock().waiting.iter().map(BTreeMap::len).sum()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.idle.lock().waiting[self.class].remove(&self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(worker: &str) -> Slot {
        Slot {
            worker: worker.parse().unwrap(),
            slot: 1,
        }
    }

    #[test]
    fn the_longest_waiting_that_fits_is_chosen_once() {
        let idle = Idle::default();
        let all = Allows::default();
        let none = Allows {
            host: false,
            chroot: false,
            network: false,
        };
        let host = Needs {
            host: true,
            ..Needs::default()
        };
        let _a = idle.enter(slot("a"), none);
        let _b = idle.enter(slot("b"), all);
        let c = idle.enter(slot("c"), all);
        assert_eq!(idle.choose(host, None), Some(slot("b")));
        assert_eq!(idle.choose(Needs::default(), None), Some(slot("a")));
        let avoid = slot("c").worker;
        assert_eq!(idle.choose(host, Some(&avoid)), Some(slot("c")));
        assert_eq!(idle.choose(host, None), None);
        drop(c);
        let _d = idle.enter(slot("d"), all);
        let _e = idle.enter(slot("e"), all);
        assert_eq!(idle.choose(host, Some(&slot("d").worker)), Some(slot("e")));
        assert_eq!(idle.len(), 1);
    }

    #[test]
    fn who_goes_away_is_not_chosen() {
        let idle = Idle::default();
        drop(idle.enter(slot("a"), Allows::default()));
        assert_eq!(idle.choose(Needs::default(), None), None);
        assert!(idle.is_empty());
    }
}
