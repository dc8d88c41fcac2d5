//! A build's next state, inside a transaction: the core decides, the state and the leases are
//! recorded, and what is handed out is expanded, so that nothing is handed out that cannot be.

use crate::state::{BuildRecord, BuildTerms, Error, LeaseRecord, Write};
use ick_core::build::{
    ActionStatus, Cause, CauseKind, Effect, Event, LeaseId, Outcome, Refused, State, apply,
};
use ick_core::definition::{Access, Context, ExpandError, PlannedAction, blob_access, expand};
use ick_core::name::BlobName;
use ick_core::time::Timestamp;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A build that went on, as it was recorded. After the commit it goes to [`crate::settle`].
#[derive(Clone, Debug)]
pub struct Moved {
    /// The build.
    pub build: BuildRecord,
    /// What it was before.
    pub before: State,
    /// What it runs.
    pub terms: Arc<BuildTerms>,
    /// What followed.
    pub effects: Vec<Effect>,
}

/// Why a build did not go on.
#[derive(Debug, thiserror::Error)]
pub enum Stuck {
    /// The event cannot happen to it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The state.
    #[error(transparent)]
    State(#[from] Error),
}

impl Moved {
    /// The leases that ended.
    pub fn ended_leases(&self) -> impl Iterator<Item = &LeaseId> {
        self.effects.iter().filter_map(|effect| match effect {
            Effect::LeaseEnded(lease) => Some(lease),
            _ => None,
        })
    }
}

/// Lets something happen to a build, and records what it becomes. Nothing is written when nothing
/// changes.
///
/// # Errors
/// When it is refused, or cannot be recorded.
pub fn happen(
    tx: &dyn Write,
    mut build: BuildRecord,
    event: Event,
    now: Timestamp,
) -> Result<Moved, Stuck> {
    let terms = tx.terms(&build)?;
    let mut effects = Vec::new();
    let mut next = Some(event);
    let before = build.clone();
    while let Some(event) = next.take() {
        let (state, followed) = apply(&terms.shape, &build.state, event, now)?;
        for effect in &followed {
            match effect {
                Effect::LeaseGiven(lease) => tx.insert_lease(&LeaseRecord {
                    lease: lease.id.clone(),
                    worker: lease.worker.clone(),
                    slot: lease.slot,
                    build: build.key,
                    run: lease.run.clone(),
                    epoch: lease.epoch,
                })?,
                Effect::LeaseEnded(id) => {
                    // It was held before this event, or released by it.
                    let lease = build.state.lease.as_ref().or(state.lease.as_ref());
                    let lease = lease.filter(|lease| lease.id == *id);
                    let lease = lease.or_else(|| state.lease(id)).ok_or_else(|| {
                        Error::Damaged(format!("build {}: lease {id} is nobody's", build.id))
                    })?;
                    tx.delete_lease(&lease.worker, lease.slot, id)?;
                }
                _ => {}
            }
        }
        let handed_out = followed.iter().any(|effect| {
            matches!(
                effect,
                Effect::Action {
                    to: ActionStatus::Building,
                    ..
                }
            )
        });
        build.state = state;
        effects.extend(followed);
        if handed_out {
            next = bad_definition(&build, &terms);
        }
    }
    if build.state != before.state {
        record_artifacts(tx, &before, &build, &terms)?;
        tx.save_build(&mut build, &terms)?;
    }
    let before = before.state;
    Ok(Moved {
        build,
        before,
        terms,
        effects,
    })
}

/// Records what a report says was put into the store, for the removal of what no build records any
/// more. A worker can say what it likes, but only what its action was allowed to write is ever
/// removed because of it.
fn record_artifacts(
    tx: &dyn Write,
    before: &BuildRecord,
    after: &BuildRecord,
    terms: &BuildTerms,
) -> Result<(), Error> {
    let known = &before.state.artifacts;
    let new = after.state.artifacts.iter();
    let mut new = new.filter(|one| !known.contains(one)).peekable();
    if new.peek().is_none() {
        return Ok(());
    }
    let writable = writable(before, terms);
    for artifact in new.filter(|one| writable.contains(&one.name)) {
        tx.record_artifact(after.key, artifact)?;
    }
    Ok(())
}

/// The blobs that the action which is being executed may write.
pub fn writable(build: &BuildRecord, terms: &BuildTerms) -> Vec<BlobName> {
    let Some(action) = current(build, terms) else {
        return Vec::new();
    };
    let step = step(build, action).unwrap_or_default();
    let access = blob_access(&step, &action.parameters).into_iter();
    access
        .filter(|(_, access)| *access == Access::Write)
        .map(|(name, _)| name)
        .collect()
}

/// What follows when the action that was just handed out turns out to be wrong: it fails at once, and
/// the build goes on as after any failure.
fn bad_definition(build: &BuildRecord, terms: &BuildTerms) -> Option<Event> {
    let lease = build.state.lease.as_ref()?;
    let action = current(build, terms)?;
    let error = step(build, action).err()?;
    let cause = Cause {
        kind: CauseKind::BadDefinition,
        code: None,
        action_id: Some(action.action_id.clone()),
        detail: error.to_string(),
    };
    Some(Event::Report {
        lease: lease.id.clone(),
        action_id: action.action_id.clone(),
        outcome: Box::new(Outcome::failed(cause)),
    })
}

/// The action that is being executed, as planned.
pub fn current<'a>(build: &BuildRecord, terms: &'a BuildTerms) -> Option<&'a PlannedAction> {
    terms.plan.action(&build.state.current()?.action_id)
}

/// An action's step as a worker gets it. The same for as long as the action is executed, as only an
/// action's end changes what `${…}` can stand for.
///
/// # Errors
/// When something in `${…}` has no value.
pub fn step(
    build: &BuildRecord,
    action: &PlannedAction,
) -> Result<Map<String, Value>, ExpandError> {
    let state: &State = &build.state;
    let commit = state.commit().or(build.request.commit.as_deref());
    let context = Context {
        parameters: &action.parameters,
        build: &build.id,
        commit,
        outputs: &state.outputs,
    };
    expand(&action.step, &context)
}
