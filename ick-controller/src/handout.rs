//! Work for a slot: what it has already, else the oldest build that its worker may have.

use crate::app::App;
use crate::idle::Slot;
use crate::state::{BuildRecord, BuildTerms, Error, Queued, Read, Write};
use crate::transition::{self, Moved, Stuck};
use ick_api::controller::{Cache, NextWork, WorkItem};
use ick_core::build::{Event, LeaseId, Outcome};
use ick_core::definition::CREATE_WORKSPACE;
use ick_core::name::WorkerId;
use ick_core::schedule::{Allows, Needs};
use ick_core::time::Timestamp;
use ick_http::Refusal;
use std::time::Duration;

/// How many builds of a class of needs are looked at for a worker that should rather not have the
/// first ones, because it lost them.
const LOOK: usize = 8;

/// How long a build that was lost on a worker is kept for another one.
const PREFER_ANOTHER: Duration = Duration::from_secs(60);

/// What decides whether a slot may take a build.
#[derive(Clone, Debug)]
pub struct Taker {
    /// Who.
    pub slot: Slot,
    /// What its worker allows.
    pub allows: Allows,
    /// Whether its worker makes a run's workspace by itself.
    makes_workspaces: bool,
    /// For each class of needs, whether another worker that is there could have it.
    another: [bool; Needs::CLASSES as usize],
}

impl App {
    /// A registered worker's slot as one that takes builds; none while the worker is drained, or there is
    /// too little room here for what it would write.
    pub fn taker(&self, slot: &Slot, now: Timestamp) -> Option<Taker> {
        let worker = self.roster.get(&slot.worker)?;
        if worker.drained || !self.has_room() {
            return None;
        }
        let allows = worker.said.allows;
        Some(
            Taker {
                slot: slot.clone(),
                allows,
                makes_workspaces: worker.said.makes_workspaces(),
                another: [false; Needs::CLASSES as usize],
            }
            .with_others(self, now),
        )
    }

    /// What a slot has already, for one that takes nothing new.
    ///
    /// # Errors
    /// Those of the state.
    pub fn held_by(&self, slot: &Slot) -> Result<NextWork, Refusal> {
        if let Some(held) = self.leases.of_slot(&slot.worker, slot.slot) {
            let found = self.state.read(|tx| {
                let build = tx.build_by_key(held.key)?;
                build
                    .map(|build| Ok::<_, Error>((tx.terms(&build)?, build)))
                    .transpose()
            })?;
            if let Some((terms, build)) = found
                && build
                    .state
                    .lease
                    .as_ref()
                    .is_some_and(|lease| lease.id == held.lease)
            {
                return self.item(&build, &terms);
            }
        }
        Ok(NextWork::Nothing)
    }

    /// The work of a slot: what it has, or else the oldest build that it may have.
    ///
    /// # Errors
    /// Those of the state.
    pub fn work_for(&self, slot: &Slot) -> Result<NextWork, Refusal> {
        let held = self.held_by(slot)?;
        if let NextWork::Item(_) = held {
            return Ok(held);
        }
        let now = self.now();
        let Some(taker) = self.taker(slot, now) else {
            return Ok(NextWork::Nothing);
        };
        // Most who ask find nothing; they need no turn of the writer.
        let any = self.state.read(|tx| taker.any(tx, now))?;
        if !any {
            return Ok(NextWork::Nothing);
        }
        let lease = new_lease()?;
        let moved = self
            .state
            .write(|tx| take(tx, &taker, &lease, now).map_err(|stuck| self.stuck(stuck)))?;
        for one in &moved {
            self.settle(one);
        }
        match moved.last().filter(|one| one.build.state.lease.is_some()) {
            Some(one) => self.item(&one.build, &one.terms),
            None => Ok(NextWork::Nothing),
        }
    }

    /// The work item of the action that a build executes now, or nothing when it executes none.
    ///
    /// # Errors
    /// Those of the logs and of signing.
    pub fn item(&self, build: &BuildRecord, terms: &BuildTerms) -> Result<NextWork, Refusal> {
        let now = self.now();
        let (Some(lease), Some(deadline)) = (&build.state.lease, build.state.deadline) else {
            return Ok(NextWork::Nothing);
        };
        let Some(action) = transition::current(build, terms) else {
            return Ok(NextWork::Nothing);
        };
        let step = transition::step(build, action)
            .map_err(|error| Refusal::internal_text(&format!("build {}: {error}", build.id)))?;
        let Ok((_, lease_expires)) = self.leases.renew(lease.id.as_str(), &lease.worker, now)
        else {
            // It ended since it was read.
            return Ok(NextWork::Nothing);
        };
        let log_offset = self.logs.length(&build.id, &lease.id)?;
        let log_size = self.logs.size(&build.id)?;
        Ok(NextWork::Item(Box::new(WorkItem {
            build_id: build.id.clone(),
            build_number: build.id.number,
            attempt: build.state.attempt,
            run: action.run.clone(),
            project: build.id.project.clone(),
            parameters: action.parameters.clone(),
            git_ref: build.request.git_ref.clone(),
            commit: build.request.commit.clone(),
            action_id: action.action_id.clone(),
            store_token: self.tokens.for_step(&step, &action.parameters, now)?,
            step,
            worker: lease.worker.clone(),
            lease: lease.id.to_string(),
            lease_expires,
            log: format!("/logs/{}", build.id),
            log_offset,
            deadline,
            cancelled: build.state.cancel,
            log_left: Some(self.config.log_limit.saturating_sub(log_size)),
            artifact_store: self.config.artifact_store.clone(),
            cache: cache(build, terms, &action.action_id),
            now,
        })))
    }

    /// Turns what stopped a build from going on into an answer.
    pub fn stuck(&self, stuck: Stuck) -> Refusal {
        match stuck {
            Stuck::Refused(refused) => Refusal::conflict(refused.to_string()),
            Stuck::State(error) => error.into(),
        }
    }
}

/// What of the workspace is kept, for the worker that executes this action.
fn cache(build: &BuildRecord, terms: &BuildTerms, action_id: &str) -> Option<Cache> {
    let cache = terms.plan.cache.clone()?;
    Some(Cache {
        paths: cache.paths,
        git_ref: cache.git_ref,
        default_ref: cache.default_ref,
        keep: build.state.may_be_done() && terms.plan.ends_with(action_id),
    })
}

/// A lease that was never used before: 128 random bits.
///
/// # Errors
/// When the system has no random bytes.
pub fn new_lease() -> Result<LeaseId, Refusal> {
    Ok(LeaseId::new(ick_token::random::text::<16>()?))
}

impl Taker {
    fn with_others(mut self, app: &App, now: Timestamp) -> Self {
        for class in self.allows.classes() {
            let needs = Needs::of_class(class);
            self.another[usize::from(class)] =
                app.roster.is_another_for(&self.slot.worker, needs, now);
        }
        self
    }

    fn may_have(
        &self,
        tx: &(impl Read + ?Sized),
        class: u8,
        queued: &Queued,
        now: Timestamp,
    ) -> Result<bool, Error> {
        if queued.avoid.as_ref() != Some(&self.slot.worker) || !self.another[usize::from(class)] {
            return Ok(true);
        }
        let build = match tx.build_by_key(queued.key) {
            // The one who takes it sees to it.
            Err(Error::Damaged(_)) => return Ok(true),
            other => other?,
        };
        Ok(build.is_some_and(|build| now.since(build.state.queued) >= PREFER_ANOTHER))
    }

    /// The oldest build that it may have and that is not one of `damaged`.
    fn next(
        &self,
        tx: &(impl Read + ?Sized),
        damaged: &[u64],
        now: Timestamp,
    ) -> Result<Option<u64>, Error> {
        let mut oldest: Option<u64> = None;
        for class in self.allows.classes() {
            for queued in tx.queued(class, LOOK)? {
                if oldest.is_some_and(|oldest| oldest < queued.key) {
                    break;
                }
                if !damaged.contains(&queued.key) && self.may_have(tx, class, &queued, now)? {
                    oldest = Some(queued.key);
                    break;
                }
            }
        }
        Ok(oldest)
    }

    fn any(&self, tx: &(impl Read + ?Sized), now: Timestamp) -> Result<bool, Error> {
        Ok(self.next(tx, &[], now)?.is_some())
    }
}

/// Gives a slot that has nothing the oldest build that it may have. What it has already is left
/// alone. The last that went on is the build that it has now, if that has a lease: those before it ended
/// at once, for a definition that turned out wrong, or are the same build before its workspace was made.
///
/// # Errors
/// Those of the state.
pub fn take(
    tx: &dyn Write,
    taker: &Taker,
    lease: &LeaseId,
    now: Timestamp,
) -> Result<Vec<Moved>, Stuck> {
    let Slot { worker, slot } = &taker.slot;
    let mut moved = Vec::new();
    if let Some(held) = tx.lease_of(worker, *slot)? {
        if let Some(build) = tx.build_by_key(held.build)? {
            moved.push(Moved {
                terms: tx.terms(&build)?,
                before: build.state.clone(),
                build,
                effects: Vec::new(),
            });
        }
        return Ok(moved);
    }
    let mut damaged = Vec::new();
    // Each build that ends at once is one less; the bound is for the length of one transaction.
    while moved.len() + damaged.len() < LOOK {
        let Some(key) = taker.next(tx, &damaged, now)? else {
            break;
        };
        let build = match whole(tx, key) {
            Ok(build) => build,
            // It waits for `ick-controller check` and a person; those behind it do not.
            Err(Error::Damaged(what)) => {
                tracing::error!("cannot hand out build {key}: {what}");
                damaged.push(key);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let event = Event::HandOut {
            worker: WorkerId::clone(worker),
            slot: *slot,
            lease: lease.clone(),
        };
        let one = transition::happen(tx, build, event, now)?;
        let made = match taker.makes_workspaces {
            true => workspace_made(tx, &one, now)?,
            false => None,
        };
        moved.push(one);
        moved.extend(made);
        if moved
            .last()
            .is_some_and(|one| one.build.state.lease.is_some())
        {
            break;
        }
    }
    Ok(moved)
}

/// What follows when the action that was handed out is `create_workspace`, and is done with that.
fn workspace_made(
    tx: &dyn Write,
    handed_out: &Moved,
    now: Timestamp,
) -> Result<Option<Moved>, Stuck> {
    let build = &handed_out.build;
    let (Some(lease), Some(action)) = (
        &build.state.lease,
        transition::current(build, &handed_out.terms),
    ) else {
        return Ok(None);
    };
    if action.kind != CREATE_WORKSPACE {
        return Ok(None);
    }
    let event = Event::Report {
        lease: lease.id.clone(),
        action_id: action.action_id.clone(),
        outcome: Box::new(Outcome {
            exit_code: Some(0),
            ..Outcome::default()
        }),
    };
    transition::happen(tx, build.clone(), event, now).map(Some)
}

/// A queued build of which everything can be read.
fn whole(tx: &dyn Write, key: u64) -> Result<BuildRecord, Error> {
    let build = tx
        .build_by_key(key)?
        .ok_or_else(|| Error::Damaged(format!("the queue has build {key}, which is none")))?;
    tx.terms(&build)?;
    Ok(build)
}
