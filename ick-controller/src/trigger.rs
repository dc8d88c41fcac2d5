//! A trigger becomes a build, and where a slot waits for one, work in the same transaction.

use crate::app::App;
use crate::definitions;
use crate::handout::{self, Taker};
use crate::show::{self, Waits};
use crate::state::{BuildRecord, BuildTerms, Error, Kind, NewBuild, Read, Request, Write};
use crate::transition::{Moved, Stuck};
use ick_api::controller::{Build, Trigger};
use ick_core::build::{BuildStatus, LeaseId, State};
use ick_core::name::{BuildId, ClientId, ProjectName};
use ick_core::time::Timestamp;
use ick_http::Refusal;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The longest `Idempotency-Key`, in bytes.
const MAX_KEY: usize = 200;

/// The longest text of a trigger (ref, commit, reason), in bytes.
const MAX_TEXT: usize = 4096;

/// How often a trigger is planned anew because its project was changed at the same moment.
const TRIES: usize = 5;

/// When to try again while too many builds wait.
const QUEUE_RETRY: Duration = Duration::from_secs(5);

/// What a trigger led to.
#[derive(Debug)]
pub enum Triggered {
    /// A new build.
    New(Box<Build>),
    /// The build that the same key made before.
    Before(Box<Build>),
}

/// A trigger that makes sense, as far as the definitions have not changed since.
struct Planned {
    terms: Arc<BuildTerms>,
    /// The version of the project that it was planned with.
    project: String,
}

/// How a write ended.
enum Written {
    New(BuildRecord, Vec<Moved>),
    Before(BuildRecord),
    PlanAgain,
    QueueFull,
}

impl App {
    /// Triggers a build.
    ///
    /// # Errors
    /// 404 when there is no such project, 422 with every reason when it cannot be built so, 503 when
    /// too many builds wait already, 507 when there is too little room for new work.
    pub fn trigger(
        &self,
        project: &ProjectName,
        client: &ClientId,
        key: Option<&str>,
        trigger: &Trigger,
    ) -> Result<Triggered, Refusal> {
        check_texts(key, trigger)?;
        for _ in 0..TRIES {
            let planned = match self.plan(project, client, key, trigger)? {
                Ok(planned) => planned,
                Err(before) => return Ok(Triggered::Before(Box::new(self.shown(&before)?))),
            };
            self.expect_room()?;
            let now = self.now();
            let request = Request {
                triggered_by: client.to_string(),
                created: now,
                git_ref: trigger.git_ref.clone(),
                commit: trigger.commit.clone(),
                reason: trigger.reason.clone(),
            };
            match self.record(project, client, key, request, &planned, now)? {
                Written::PlanAgain => {}
                Written::QueueFull => return Err(self.queue_full()),
                Written::Before(build) => {
                    return Ok(Triggered::Before(Box::new(self.shown(&build)?)));
                }
                Written::New(build, moved) => {
                    self.counts.triggered();
                    let waits = moved.iter().all(|one| one.build.key != build.key);
                    for one in &moved {
                        self.settle(one);
                    }
                    if waits {
                        self.offer(build.needs, None);
                    }
                    // As it was made: what becomes of it is told by its own address.
                    let why = waits.then(|| Waits::new(self).why(&build)).flatten();
                    let shown = show::build(&build, &planned.terms, why);
                    return Ok(Triggered::New(Box::new(shown)));
                }
            }
        }
        Err(Refusal::conflict(format!(
            "project {project} is being changed all the time: try again"
        )))
    }

    fn shown(&self, build: &BuildRecord) -> Result<Build, Refusal> {
        let terms = self.state.read(|tx| tx.terms(build))?;
        Ok(Waits::new(self).show(build, &terms))
    }

    fn queue_full(&self) -> Refusal {
        let most = self.config.limits.queued_builds;
        Refusal::unavailable(
            format!(
                "{most} builds wait for a worker already, and the controller takes no more \
                 (limits: queued_builds): trigger it again later, or have more workers"
            ),
            QUEUE_RETRY,
        )
    }

    /// What the build would run, or the build that the key has made before.
    fn plan(
        &self,
        name: &ProjectName,
        client: &ClientId,
        key: Option<&str>,
        trigger: &Trigger,
    ) -> Result<Result<Planned, BuildRecord>, Refusal> {
        let found = self.state.read(|tx| {
            if let Some(build) = before(tx, name, client, key)? {
                return Ok(Err(build));
            }
            let Some(project) = tx.object(Kind::Project, name.as_str())? else {
                return Err(Refusal::not_found(format!("there is no project {name}")));
            };
            let version = project.stamp.version();
            let project = definitions::stored_project(&project)?;
            let mut pipelines = BTreeMap::new();
            for wanted in &project.pipelines {
                if let Some(record) = tx.object(Kind::Pipeline, wanted.as_str())? {
                    pipelines.insert(wanted.clone(), definitions::stored_pipeline(&record)?);
                }
            }
            Ok(Ok((version, project, pipelines)))
        })?;
        let (version, project, pipelines) = match found {
            Ok(found) => found,
            Err(build) => return Ok(Err(build)),
        };
        let plan = definitions::plan(&project, &pipelines, trigger)?;
        let terms = BuildTerms::new(
            plan,
            self.config.queue_timeout,
            self.config.automatic_attempts,
        )
        .map_err(|error| Refusal::internal(&error))?;
        Ok(Ok(Planned {
            terms: Arc::new(terms),
            project: version,
        }))
    }

    /// Records the build, and gives it to a slot that waits for one.
    fn record(
        &self,
        project: &ProjectName,
        client: &ClientId,
        key: Option<&str>,
        request: Request,
        planned: &Planned,
        now: Timestamp,
    ) -> Result<Written, Refusal> {
        let chosen = self.idle.choose(planned.terms.plan.needs, None);
        let taker = chosen.as_ref().and_then(|slot| self.taker(slot, now));
        let taker = taker
            .map(|taker| handout::new_lease().map(|lease| (taker, lease)))
            .transpose()?;
        let most = self.config.limits.queued_builds;
        let written = self.state.write(|tx| {
            write(tx, project, client, key, request, planned, taker, most, now)
                .map_err(|stuck| self.stuck(stuck))
        });
        if let Ok(Written::New(_, moved)) = &written {
            // Known in memory before the slot looks.
            for one in moved {
                self.leases.note(&one.build, one.ended_leases(), now);
            }
        }
        if let Some(slot) = &chosen {
            self.wake(slot);
        }
        written
    }
}

fn before(
    tx: &(impl Read + ?Sized),
    project: &ProjectName,
    client: &ClientId,
    key: Option<&str>,
) -> Result<Option<BuildRecord>, Error> {
    let Some(key) = key else { return Ok(None) };
    match tx.triggered_with(project, client.as_str(), key)? {
        Some(key) => tx.build_by_key(key),
        None => Ok(None),
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "each is another thing, and it is called once"
)]
fn write(
    tx: &dyn Write,
    project: &ProjectName,
    client: &ClientId,
    key: Option<&str>,
    request: Request,
    planned: &Planned,
    taker: Option<(Taker, LeaseId)>,
    most_queued: u64,
    now: Timestamp,
) -> Result<Written, Stuck> {
    if let Some(build) = before(tx, project, client, key)? {
        return Ok(Written::Before(build));
    }
    let version = tx
        .object(Kind::Project, project.as_str())?
        .map(|project| project.stamp.version());
    if version.as_ref() != Some(&planned.project) {
        return Ok(Written::PlanAgain);
    }
    if tx.count(BuildStatus::Triggered)? >= most_queued {
        return Ok(Written::QueueFull);
    }
    let id = BuildId {
        project: project.clone(),
        number: tx.next_number(project)?,
    };
    let build = tx.insert_build(NewBuild {
        id,
        request,
        terms: Arc::clone(&planned.terms),
        state: State::new(&planned.terms.shape, now),
    })?;
    if let Some(key) = key {
        tx.remember_trigger(project, client.as_str(), key, build.key)?;
    }
    let moved = match taker {
        Some((taker, lease)) => handout::take(tx, &taker, &lease, now)?,
        None => Vec::new(),
    };
    Ok(Written::New(build, moved))
}

fn check_texts(key: Option<&str>, trigger: &Trigger) -> Result<(), Refusal> {
    if let Some(key) = key
        && (key.is_empty() || key.len() > MAX_KEY || !key.bytes().all(|b| b.is_ascii_graphic()))
    {
        return Err(Refusal::bad_request(format!(
            "an Idempotency-Key has 1 to {MAX_KEY} visible ASCII characters"
        )));
    }
    let texts = [
        ("ref", &trigger.git_ref),
        ("commit", &trigger.commit),
        ("reason", &trigger.reason),
    ];
    for (field, text) in texts {
        if text.as_ref().is_some_and(|text| text.len() > MAX_TEXT) {
            return Err(Refusal::unprocessable(format!(
                "{field} has at most {MAX_TEXT} bytes"
            )));
        }
    }
    Ok(())
}
