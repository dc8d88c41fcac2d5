//! What decides in the controller's place: the core's state machine, for one build, in memory.

use crate::commands::verdict::now;
use ick_api::controller::{Artifact, Build, BuildAction, Cache, Source, WorkItem};
use ick_core::build::{
    self, Cause, CauseKind, Event, LeaseId, Outcome, Refused, Shape, ShapeError, State, apply,
};
use ick_core::definition::{Context, ExpandError, Plan, PlannedAction, Trigger, expand};
use ick_core::name::{BuildId, WorkerId};
use ick_core::time::Timestamp;
use serde_json::{Map, Value};
use std::time::Duration;

/// One build, from its trigger to its end.
#[derive(Debug)]
pub struct Brain {
    id: BuildId,
    plan: Plan,
    trigger: Trigger,
    shape: Shape,
    state: State,
    lease: LeaseId,
    worker: WorkerId,
    created: Timestamp,
}

/// Why a build could not go on: a mistake in Ick.
#[derive(Debug, thiserror::Error)]
pub enum Stuck {
    /// The plan is none.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The event cannot happen.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl Brain {
    /// A build of this plan that is handed out at once. It is attempted once.
    ///
    /// # Errors
    /// When the plan is none that can be executed.
    pub fn begin(
        id: BuildId,
        plan: Plan,
        trigger: Trigger,
        worker: WorkerId,
        slot: u32,
        lease: &str,
    ) -> Result<Self, Stuck> {
        let shape = Shape::new(plan.shapes(), plan.timeout, Duration::from_secs(60), 0)?;
        let created = now();
        let lease = LeaseId::new(lease);
        let mut brain = Self {
            state: State::new(&shape, created),
            id,
            plan,
            trigger,
            shape,
            lease: lease.clone(),
            worker: worker.clone(),
            created,
        };
        brain.happen(Event::HandOut {
            worker,
            slot,
            lease,
        })?;
        Ok(brain)
    }

    /// Lets something happen.
    ///
    /// # Errors
    /// When it cannot happen now.
    pub fn happen(&mut self, event: Event) -> Result<(), Stuck> {
        let (state, _) = apply(&self.shape, &self.state, event, now())?;
        self.state = state;
        Ok(())
    }

    /// Says how an action ended.
    ///
    /// # Errors
    /// When it was not being executed.
    pub fn report(&mut self, action_id: &str, outcome: Outcome) -> Result<(), Stuck> {
        self.happen(Event::Report {
            lease: self.lease.clone(),
            action_id: action_id.to_owned(),
            outcome: Box::new(outcome),
        })
    }

    /// The action to execute now; none when the build has ended. One whose `${…}` has no value fails
    /// with `bad_definition`, and the build goes on as after any failure.
    ///
    /// # Errors
    /// When the state machine refuses, which is a mistake in Ick.
    pub fn next(&mut self, log_left: u64) -> Result<Option<WorkItem>, Stuck> {
        while let Some(action) = self.current().cloned() {
            match self.step(&action) {
                Ok(step) => return Ok(Some(self.item(&action, step, log_left))),
                Err(why) => {
                    let cause = Cause {
                        kind: CauseKind::BadDefinition,
                        code: None,
                        action_id: Some(action.action_id.clone()),
                        detail: why.to_string(),
                    };
                    self.report(&action.action_id, Outcome::failed(cause))?;
                }
            }
        }
        Ok(None)
    }

    fn current(&self) -> Option<&PlannedAction> {
        self.plan.action(&self.state.current()?.action_id)
    }

    fn step(&self, action: &PlannedAction) -> Result<Map<String, Value>, ExpandError> {
        expand(
            &action.step,
            &Context {
                parameters: &action.parameters,
                build: &self.id,
                commit: self.state.commit().or(self.trigger.commit.as_deref()),
                outputs: &self.state.outputs,
            },
        )
    }

    fn item(&self, action: &PlannedAction, step: Map<String, Value>, log_left: u64) -> WorkItem {
        WorkItem {
            build_id: self.id.clone(),
            build_number: self.id.number,
            attempt: self.state.attempt,
            run: action.run.clone(),
            project: self.id.project.clone(),
            parameters: action.parameters.clone(),
            git_ref: self.trigger.git_ref.clone(),
            commit: self.trigger.commit.clone(),
            action_id: action.action_id.clone(),
            step,
            worker: self.worker.clone(),
            lease: self.lease.to_string(),
            lease_expires: self.deadline(),
            log: String::new(),
            log_offset: 0,
            deadline: self.deadline(),
            cancelled: self.state.cancel,
            store_token: None,
            log_left: Some(log_left),
            artifact_store: String::new(),
            cache: self.plan.cache.clone().map(|cache| Cache {
                paths: cache.paths,
                git_ref: cache.git_ref,
                default_ref: cache.default_ref,
                keep: self.state.may_be_done() && self.plan.ends_with(&action.action_id),
            }),
            now: now(),
        }
    }

    /// When what is being executed has to be ended.
    pub fn deadline(&self) -> Timestamp {
        self.state.deadline.unwrap_or(self.created)
    }

    /// The build as the API shows it.
    pub fn build(&self) -> Build {
        let state = &self.state;
        Build {
            build_id: self.id.clone(),
            build_number: self.id.number,
            project: self.id.project.clone(),
            worker: state.worker.clone(),
            attempt: state.attempt,
            status: state.status,
            cause: state.cause.clone(),
            cancel_requested: state.cancel_requested(),
            waiting: None,
            parameters: self.plan.parameters.clone(),
            git_ref: self.trigger.git_ref.clone(),
            commit: self.trigger.commit.clone(),
            actions: std::iter::zip(&self.plan.actions, &state.actions)
                .map(|(plan, state)| BuildAction {
                    action_id: plan.action_id.clone(),
                    run: plan.run.clone(),
                    depends: plan.depends.clone(),
                    name: plan.name.clone(),
                    action: plan.kind.clone(),
                    place: plan.place.as_str().to_owned(),
                    status: state.status,
                    cause: state.cause.clone(),
                    exit_code: state.exit_code,
                    started: state.started,
                    ended: state.ended,
                })
                .collect(),
            artifacts: state.artifacts.iter().map(shown_artifact).collect(),
            sources: state.sources.iter().map(shown_source).collect(),
            outputs: state.outputs.clone(),
            triggered_by: self.worker.to_string(),
            reason: None,
            created: self.created,
            started: state.started,
            ended: state.ended,
            log: String::new(),
        }
    }
}

fn shown_artifact(artifact: &build::Artifact) -> Artifact {
    Artifact {
        name: artifact.name.clone(),
        digest: artifact.digest,
        size: artifact.size,
    }
}

fn shown_source(source: &build::Source) -> Source {
    Source {
        dir: source.dir.clone(),
        url: source.url.clone(),
        git_ref: source.git_ref.clone(),
        commit: source.commit.clone(),
    }
}

/// What the engine says about an action, in the core's words.
pub fn outcome(engine: ick_worker::engine::Outcome) -> Outcome {
    Outcome {
        exit_code: engine.exit_code,
        cause: engine.cause,
        artifacts: engine
            .artifacts
            .into_iter()
            .map(|one| build::Artifact {
                name: one.name,
                digest: one.digest,
                size: one.size,
            })
            .collect(),
        sources: engine
            .sources
            .into_iter()
            .map(|one| build::Source {
                dir: one.dir,
                url: one.url,
                git_ref: one.git_ref,
                commit: one.commit,
            })
            .collect(),
        outputs: engine.outputs,
    }
}
