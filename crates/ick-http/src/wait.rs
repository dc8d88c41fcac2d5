//! Waiting for something to change, asynchronously: a waiter is some hundred bytes of memory, not a
//! thread.
//!
//! A hint says only that it is worth looking again. So: watch, then read the state, then wait; what
//! changes between the reading and the waiting is not missed.

use crate::Shutdown;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tokio::time::Instant;

/// Why a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// Something may have changed: look again.
    Changed,
    /// The time is over.
    TimedOut,
    /// The daemon is ending: answer with what there is.
    ShuttingDown,
}

type Watched<K> = Mutex<HashMap<K, watch::Sender<()>>>;

/// Hints by key. Clones share them.
pub struct Hints<K: Hash + Eq + Clone> {
    watched: Arc<Watched<K>>,
    shutdown: Shutdown,
}

impl<K: Hash + Eq + Clone> Clone for Hints<K> {
    fn clone(&self) -> Self {
        Self {
            watched: Arc::clone(&self.watched),
            shutdown: self.shutdown.clone(),
        }
    }
}

impl<K: Hash + Eq + Clone> Hints<K> {
    /// Nobody waits yet. Every wait ends when the daemon does.
    pub fn new(shutdown: Shutdown) -> Self {
        Self {
            watched: Arc::default(),
            shutdown,
        }
    }

    /// Begins to watch a key: hints from now on are not missed.
    pub fn watch(&self, key: K) -> Watcher<K> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = watched
            .entry(key.clone())
            .or_insert_with(|| watch::Sender::new(()))
            .subscribe();
        Watcher {
            receiver: Some(receiver),
            key,
            watched: Arc::clone(&self.watched),
            shutdown: self.shutdown.clone(),
        }
    }

    /// Wakes all who watch a key. From any thread; after the commit.
    pub fn notify<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = watched.get(key) {
            sender.send_replace(());
        }
    }

    /// How many keys are watched.
    pub fn watched(&self) -> usize {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.len()
    }
}

/// Someone who watches a key.
pub struct Watcher<K: Hash + Eq + Clone> {
    receiver: Option<watch::Receiver<()>>,
    key: K,
    watched: Arc<Watched<K>>,
    shutdown: Shutdown,
}

impl<K: Hash + Eq + Clone> Watcher<K> {
    /// Waits for a hint since the watching began or the last wait ended, but not after `deadline`.
    pub async fn changed(&mut self, deadline: std::time::Instant) -> Woken {
        let Some(receiver) = &mut self.receiver else {
            return Woken::TimedOut;
        };
        tokio::select! {
            biased;
            changed = receiver.changed() => match changed {
                Ok(()) => Woken::Changed,
                Err(_) => Woken::TimedOut,
            },
            () = self.shutdown.requested() => Woken::ShuttingDown,
            () = tokio::time::sleep_until(Instant::from_std(deadline)) => Woken::TimedOut,
        }
    }
}

impl<K: Hash + Eq + Clone> Drop for Watcher<K> {
    fn drop(&mut self) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        // Counted only after this one's own receiver is gone, under the lock that watch() takes.
        self.receiver = None;
        if watched
            .get(&self.key)
            .is_some_and(|sender| sender.receiver_count() == 0)
        {
            watched.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn hints_are_not_missed_and_keys_not_kept() {
        let shutdown = Shutdown::new();
        let hints: Hints<String> = Hints::new(shutdown.clone());
        let far = std::time::Instant::now() + Duration::from_secs(60);
        let mut one = hints.watch("a".to_owned());
        let mut two = hints.watch("a".to_owned());
        hints.notify("b");
        hints.notify("a");
        assert_eq!(one.changed(far).await, Woken::Changed);
        assert_eq!(two.changed(far).await, Woken::Changed);
        let past = std::time::Instant::now();
        assert_eq!(one.changed(past).await, Woken::TimedOut);
        drop(one);
        assert_eq!(hints.watched(), 1);
        shutdown.request();
        assert_eq!(two.changed(far).await, Woken::ShuttingDown);
        drop(two);
        assert_eq!(hints.watched(), 0);
    }
}
