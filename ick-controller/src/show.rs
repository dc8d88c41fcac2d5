//! What is in the state, as the API shows it.

use crate::app::App;
use crate::state::{BuildRecord, BuildTerms, Kind, ObjectRecord, WorkerRecord};
use ick_api::controller::{Allows, Artifact, Build, BuildAction, Source, Worker};
use ick_core::build::{ActionState, BuildStatus};
use ick_core::definition::PlannedAction;
use ick_core::name::{BuildId, WorkerId};
use ick_core::schedule::{self, Candidate, Needs, Waiting, why_waiting};
use ick_core::time::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// A project or pipeline with what the controller knows about it.
pub fn object(record: &ObjectRecord, next_build: Option<&BuildId>) -> Value {
    let mut shown: Map<String, Value> = record.definition.clone();
    if record.kind == Kind::Project {
        shown.insert("next_build_id".to_owned(), json!(next_build));
    }
    shown.insert("owner".to_owned(), json!(record.stamp.owner));
    shown.insert("revision".to_owned(), json!(record.stamp.revision));
    shown.insert("updated_by".to_owned(), json!(record.stamp.updated_by));
    Value::Object(shown)
}

/// A worker; `paused` says why it takes nothing new, when it does not.
pub fn worker(record: &WorkerRecord, paused: Option<String>) -> Worker {
    let said = &record.said;
    Worker {
        worker: record.worker.clone(),
        keywords: said.keywords.clone(),
        slots: said.slots,
        allows: Allows {
            host: said.allows.host,
            chroot: said.allows.chroot,
            network: said.allows.network,
        },
        protocol: said.protocol,
        drained: record.drained,
        paused,
        last_seen: record.last_seen,
        owner: record.stamp.owner.clone(),
        revision: record.stamp.revision,
        updated_by: record.stamp.updated_by.clone(),
        rest: said.rest.clone(),
    }
}

/// A build; `waiting` says why it does, where there is more to say.
pub fn build(record: &BuildRecord, terms: &BuildTerms, waiting: Option<String>) -> Build {
    let BuildRecord {
        id, request, state, ..
    } = record;
    let actions = std::iter::zip(&terms.plan.actions, &state.actions);
    Build {
        build_id: id.clone(),
        build_number: id.number,
        project: id.project.clone(),
        worker: state.worker.clone(),
        attempt: state.attempt,
        status: state.status,
        cause: state.cause.clone(),
        cancel_requested: state.cancel_requested(),
        waiting,
        parameters: terms.plan.parameters.clone(),
        git_ref: request.git_ref.clone(),
        commit: request.commit.clone(),
        actions: actions.map(|(plan, state)| action(plan, state)).collect(),
        artifacts: state
            .artifacts
            .iter()
            .map(|one| Artifact {
                name: one.name.clone(),
                digest: one.digest,
                size: one.size,
            })
            .collect(),
        sources: state
            .sources
            .iter()
            .map(|one| Source {
                dir: one.dir.clone(),
                url: one.url.clone(),
                git_ref: one.git_ref.clone(),
                commit: one.commit.clone(),
            })
            .collect(),
        outputs: state.outputs.clone(),
        triggered_by: request.triggered_by.clone(),
        reason: request.reason.clone(),
        created: request.created,
        started: state.started,
        ended: state.ended,
        log: format!("/logs/{id}"),
    }
}

fn action(plan: &PlannedAction, state: &ActionState) -> BuildAction {
    BuildAction {
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
    }
}

/// The version of a build, for its `ETag`.
pub fn build_version(record: &BuildRecord) -> String {
    format!("{}-{}", record.revision, record.key)
}

/// Says why builds wait, looking at the workers once for all builds that are shown together.
pub struct Waits<'a> {
    app: &'a App,
    now: Timestamp,
    candidates: Option<Vec<Candidate>>,
    said: HashMap<(u8, Option<WorkerId>), Option<String>>,
}

impl<'a> Waits<'a> {
    /// The workers are looked at when the first build is seen to wait.
    pub fn new(app: &'a App) -> Self {
        Self {
            app,
            now: app.now(),
            candidates: None,
            said: HashMap::new(),
        }
    }

    /// Why a build waits; none when it does not, or will not for long.
    pub fn why(&mut self, record: &BuildRecord) -> Option<String> {
        if record.state.status != BuildStatus::Triggered {
            return None;
        }
        let key = (record.needs.class(), record.state.avoid.clone());
        if let Some(said) = self.said.get(&key) {
            return said.clone();
        }
        let said = self.look(record.needs, record.state.avoid.as_ref());
        self.said.insert(key, said.clone());
        said
    }

    fn look(&mut self, needs: Needs, avoid: Option<&WorkerId>) -> Option<String> {
        let (app, now) = (self.app, self.now);
        if let Err(ick_state::Error::Full(why)) = app.room.expect(0) {
            return Some(format!(
                "the controller has too little room to start it: {why}"
            ));
        }
        let candidates = self
            .candidates
            .get_or_insert_with(|| app.roster.candidates(&app.leases, now));
        match why_waiting(needs, avoid, candidates.iter()) {
            Waiting::Free(worker) => app
                .roster
                .paused(&worker)
                .map(|why| format!("{worker} takes nothing new at present: {why}")),
            waiting => Some(waiting.to_string()),
        }
    }

    /// A build as the API shows it.
    pub fn show(&mut self, record: &BuildRecord, terms: &BuildTerms) -> Build {
        let waiting = self.why(record);
        build(record, terms, waiting)
    }
}

/// What a registration's `allows` means to the scheduler.
pub fn allows(allows: Option<Allows>) -> schedule::Allows {
    let allows = allows.unwrap_or_default();
    schedule::Allows {
        host: allows.host,
        chroot: allows.chroot,
        network: allows.network,
    }
}
