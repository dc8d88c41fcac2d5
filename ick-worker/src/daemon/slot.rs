//! A slot: waits for a run, executes it, waits for the next.

use super::record::Record;
use super::stop::Mode;
use super::{Shared, leftover, register, run};
use ick_api::controller::NextWork;
use ick_client::{Backoff, Error, Retry};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the controller is asked to wait for work: not so long that the disk could fill meanwhile
/// without it hearing of that before it hands out the next build.
const WAIT: Duration = Duration::from_secs(10);

/// The same while nothing new can be taken: then it is time to look whether that has changed.
const PAUSE: Duration = Duration::from_secs(2);

/// How many answers without work may come early, one after the other, before there is a pause.
const EARLY: u32 = 3;

/// A slot and what it knows.
pub(super) struct Slot {
    pub(super) number: u32,
    pub(super) record: Record,
    folder: PathBuf,
}

/// Works until it is time to stop.
pub(super) fn work(shared: &Shared, number: u32, folder: &Path) {
    let Some(record) = open_record(shared, number, folder) else {
        return;
    };
    let mut slot = Slot {
        number,
        record,
        folder: folder.to_owned(),
    };
    let mut leftover = slot.leftover();
    shared.engine.prepare_run(number);
    let mut troubles = Troubles::default();
    while shared.stop.mode() == Mode::Work {
        let paused = shared.space.refusal();
        // What the controller knows of this slot is asked before anything that is here is removed.
        let wait = match (&paused, leftover.is_empty()) {
            (_, false) => Duration::ZERO,
            (None, true) => WAIT,
            (Some(_), true) => PAUSE,
        };
        let wait = shared.polls.at_most(wait);
        let asked = Instant::now();
        let pause = match shared.polls.work(number, wait, paused.as_deref()) {
            Ok(answer) => {
                let item = match answer {
                    NextWork::Item(item) => Some(item),
                    NextWork::Nothing => None,
                };
                let lease = item.as_ref().map(|item| item.lease.clone());
                for run in leftover.drain(..) {
                    if lease
                        .as_ref()
                        .is_none_or(|lease| !leftover::is_of(&run, lease))
                    {
                        leftover::end_actions(&run);
                        slot.remove(shared, &run);
                    }
                }
                let nothing = item.is_none();
                let mut next = item;
                while let Some(item) = next {
                    next = run::execute(shared, &mut slot, item);
                }
                troubles.none(nothing && asked.elapsed() < wait / 10)
            }
            Err(_) if shared.stop.mode() != Mode::Work => return,
            Err(error) if matches!(error.status(), Some(404 | 409)) => {
                tracing::info!("the controller does not know this worker: {error}");
                match register::register(&shared.config, &shared.controller, &shared.clock) {
                    Ok(()) => Duration::ZERO,
                    Err(error) => troubles.one(&error),
                }
            }
            Err(error) => troubles.one(&error),
        };
        if !pause.is_zero() {
            shared.stop.wait(pause);
        }
    }
}

/// Opens a slot's record, tried until there is room for it; none when told to stop before.
fn open_record(shared: &Shared, number: u32, folder: &Path) -> Option<Record> {
    let mut backoff = Retry::FOR_EVER.begin();
    loop {
        match Record::open(folder) {
            Ok(record) => return Some(record),
            Err(why) if backoff.tries() == 0 => {
                tracing::error!("slot {number} cannot work yet: {}: {why}", folder.display());
            }
            Err(_) => {}
        }
        let wait = backoff.next_wait(None).unwrap_or_default();
        if shared.stop.wait(wait) != Mode::Work {
            return None;
        }
    }
}

impl Slot {
    /// The runs of the process before this one. What is executed in them goes on until it is known
    /// whether they are still this slot's.
    fn leftover(&self) -> Vec<PathBuf> {
        leftover::runs(&self.folder).unwrap_or_else(|why| {
            tracing::error!("cannot look at {}: {why}", self.folder.display());
            Vec::new()
        })
    }

    fn remove(&self, shared: &Shared, run: &Path) {
        let lease = run.file_name().and_then(|name| name.to_str());
        match lease.map(|lease| shared.engine.open_run(self.number, lease)) {
            Some(Ok(run)) => leftover::remove(&shared.cleaner, run),
            _ => tracing::warn!("{} is no run of this worker's", run.display()),
        }
    }
}

/// What goes wrong between worker and controller.
#[derive(Default)]
struct Troubles {
    backoff: Option<Backoff>,
    early: u32,
}

impl Troubles {
    /// Nothing did; how long to wait all the same.
    fn none(&mut self, early: bool) -> Duration {
        if self.backoff.take().is_some() {
            tracing::info!("the controller answers again");
        }
        self.early = if early {
            self.early.saturating_add(1)
        } else {
            0
        };
        if self.early > EARLY {
            Duration::from_secs(1)
        } else {
            Duration::ZERO
        }
    }

    /// Something did; how long to wait.
    fn one(&mut self, error: &Error) -> Duration {
        if self.backoff.is_none() {
            tracing::warn!("no work can be had: {}", error.for_daemon());
        }
        let backoff = self.backoff.get_or_insert_with(|| Retry::FOR_EVER.begin());
        let wait = backoff.next_wait(error.retry_after()).unwrap_or_default();
        // What will not pass by itself is not asked often.
        if error.is_transient(true) {
            wait
        } else {
            wait.max(Duration::from_secs(1))
        }
    }
}
