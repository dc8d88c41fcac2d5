//! The room for the worker's state: whether there is enough for a new build, and making some by removing
//! what is kept between builds.

use crate::caches::Caches;
use crate::config::Config;
use crate::engine::EngineConfig;
use crate::kept::{self, Kept};
use crate::trees::Trees;
use crate::workspace;
use ick_core::yaml::format_size;
use ick_state::Room;
use ick_state::room::Bytes;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often the state is measured, at most, where it need not be at once.
const PAUSE: Duration = Duration::from_secs(5);

/// The folders of what is kept between builds: how big they are is known without measuring.
const KEPT: [&str; 2] = ["caches", "trees"];

/// The room for the worker's state.
#[derive(Debug)]
pub(super) struct Space {
    state: PathBuf,
    room: Room,
    /// `limits.caches`.
    most_of_caches: u64,
    /// `state_size`.
    most: Option<u64>,
    caches: Caches,
    /// `limits.trees`.
    most_of_trees: u64,
    trees: Trees,
    /// Held by who looks.
    looking: Mutex<()>,
    looked: Mutex<Looked>,
}

/// What was seen last.
#[derive(Debug, Default)]
struct Looked {
    at: Option<Instant>,
    /// How the state is too big, in words.
    too_big: Option<String>,
}

impl Space {
    pub(super) fn new(config: &Config, engine: &EngineConfig) -> Self {
        Self {
            room: Room::new(&config.state, config.free_space),
            most_of_caches: config.limits.caches,
            most: config.state_size,
            caches: engine.caches(),
            most_of_trees: config.limits.trees,
            trees: engine.trees(),
            state: config.state.clone(),
            looking: Mutex::default(),
            looked: Mutex::default(),
        }
    }

    /// Looks before the first build is asked for, if that could change whether one is.
    pub(super) fn look_first(&self) {
        if self.most.is_some() {
            self.look();
        }
    }

    /// Removes what a process before this one has left half removed.
    pub(super) fn sweep(&self) {
        if let Err(why) = self.caches.sweep() {
            tracing::warn!("cannot remove what is left of a cache: {why}");
        }
        self.look();
    }

    /// Whether a new build can be taken now.
    pub(super) fn is_enough(&self) -> bool {
        self.refusal_as_seen().is_none()
    }

    /// Why no new build can be taken, after trying to change that.
    pub(super) fn refusal(&self) -> Option<String> {
        self.refusal_as_seen()?;
        let looked = self.looked().at;
        if looked.is_none_or(|at| at.elapsed() >= PAUSE) {
            self.look();
        }
        self.refusal_as_seen()
    }

    fn refusal_as_seen(&self) -> Option<String> {
        match self.room.expect(0) {
            Err(why) => Some(why.to_string()),
            Ok(()) => self.looked().too_big.clone(),
        }
    }

    /// Looks at what there is, and removes what is too much.
    pub(super) fn look(&self) {
        let _turn = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(why) = self.caches.settle() {
            tracing::warn!("cannot sync the caches: {why}");
        }
        self.caches.hold_to(self.most_of_caches);
        if let Err(why) = self.trees.clean() {
            tracing::warn!("cannot remove what is left of a system tree: {why}");
        }
        self.trees.hold_to(self.most_of_trees);
        let too_big = self.most.and_then(|most| self.shrink_to(most));
        kept::evict(&self.kept(), |_| self.room.expect(0).is_ok());
        let mut looked = self.looked();
        match (&looked.too_big, &too_big) {
            (None, Some(why)) => tracing::error!("nothing new is taken on: {why}"),
            (Some(_), None) => tracing::info!("the state is small enough again"),
            _ => {}
        }
        *looked = Looked {
            at: Some(Instant::now()),
            too_big,
        };
    }

    /// What can be removed when there is too little room.
    fn kept(&self) -> [&dyn Kept; 2] {
        [&self.caches, &self.trees]
    }

    /// Removes what is kept until the state takes no more than so many bytes; how it still takes more, in
    /// words.
    fn shrink_to(&self, most: u64) -> Option<String> {
        let size = self.measure();
        let mut left = size;
        kept::evict(&self.kept(), |freed| {
            left = size.saturating_sub(freed);
            left <= most
        });
        (left > most).then(|| {
            format!(
                "{} has {}, and may have {} (state_size)",
                self.state.display(),
                Bytes(left),
                format_size(most)
            )
        })
    }

    /// How many bytes the state takes on disk.
    fn measure(&self) -> u64 {
        let entries = fs::read_dir(&self.state).into_iter().flatten().flatten();
        let rest = entries.filter(|entry| !KEPT.iter().any(|name| entry.file_name() == *name));
        let rest = rest.map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => workspace::size(&entry.path(), u64::MAX),
            _ => 0,
        });
        rest.sum::<u64>().saturating_add(kept::size(&self.kept()))
    }

    fn looked(&self) -> MutexGuard<'_, Looked> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
