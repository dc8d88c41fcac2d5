//! A build's next state, inside a transaction: the core decides, the state and the leases are
//! recorded, and what is handed out is expanded, so that nothing is handed out that cannot be.

use crate::state::{BuildRecord, BuildTerms, Error, LeaseRecord, Write};
use ick_core::build::{
    ActionStatus, Cause, CauseKind, Effect, Event, LeaseId, Outcome, Refused, State, apply,
};
use ick_core::definition::{Context, ExpandError, PlannedAction, expand};
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
    let before = build.state.clone();
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
    if build.state != before {
        for artifact in &build.state.artifacts {
            if !before.artifacts.contains(artifact) {
                tx.record_artifact(build.key, artifact)?;
            }
        }
        tx.save_build(&mut build, &terms)?;
    }
    Ok(Moved {
        build,
        before,
        terms,
        effects,
    })
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
