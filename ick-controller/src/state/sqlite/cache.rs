//! What builds run, kept for those that were asked for lately: it never changes, and is needed for
//! every action that is handed out.

use crate::state::{BuildKey, BuildTerms};
use ick_core::time::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many builds' terms are kept, and how many bytes of their text. Those of a thousand workers'
/// builds would be read anew now and then, which is slower but right.
const KEPT: usize = 512;
const KEPT_BYTES: usize = 8 << 20;

/// A build's key and when it was triggered: a key alone may be given again when the commit of the
/// build that had it fails.
type Name = (BuildKey, Timestamp);

#[derive(Debug, Default)]
pub(super) struct Terms {
    kept: Mutex<Kept>,
}

/// Two generations: when the young one is full, the old one goes.
#[derive(Debug, Default)]
struct Kept {
    young: HashMap<Name, Arc<BuildTerms>>,
    old: HashMap<Name, Arc<BuildTerms>>,
    young_bytes: usize,
}

impl Terms {
    pub(super) fn get(&self, name: Name) -> Option<Arc<BuildTerms>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.young.get(&name).or_else(|| kept.old.get(&name));
        found.cloned()
    }

    pub(super) fn keep(&self, name: Name, terms: &Arc<BuildTerms>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.young.contains_key(&name) {
            return;
        }
        let bytes = terms.text().len();
        if kept.young.len() >= KEPT / 2 || kept.young_bytes + bytes > KEPT_BYTES / 2 {
            kept.old = std::mem::take(&mut kept.young);
            kept.young_bytes = 0;
        }
        kept.young_bytes += bytes;
        kept.young.insert(name, Arc::clone(terms));
    }
}
