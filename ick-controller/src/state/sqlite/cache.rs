//! What builds run, kept for those that were asked for lately: it never changes, and is needed for
//! every action that is handed out.

use crate::state::{BuildKey, BuildTerms};
use ick_core::time::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many builds' terms are kept. Those of a thousand workers' builds would be read anew now and
/// then, which is slower but right.
const KEPT: usize = 512;

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
}

impl Terms {
    pub(super) fn get(&self, name: Name) -> Option<Arc<BuildTerms>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(terms) = kept.young.get(&name) {
            return Some(Arc::clone(terms));
        }
        let terms = kept.old.get(&name).cloned()?;
        kept.keep(name, &terms);
        Some(terms)
    }

    pub(super) fn keep(&self, name: Name, terms: &Arc<BuildTerms>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.keep(name, terms);
    }
}

impl Kept {
    fn keep(&mut self, name: Name, terms: &Arc<BuildTerms>) {
        if self.young.len() >= KEPT / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name, Arc::clone(terms));
    }
}
