//! The rows of the state, as the rest of the controller sees them.

use ick_api::MAKES_WORKSPACES;
use ick_core::build::{BuildStatus, LeaseId, Shape, ShapeError, State};
use ick_core::definition::Plan;
use ick_core::digest::Digest;
use ick_core::name::{BlobName, BuildId, ClientId, ProjectName, WorkerId};
use ick_core::schedule::{Allows, Needs};
use ick_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// What can go wrong with the state.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The database or the disk.
    #[error(transparent)]
    Storage(#[from] ick_state::Error),
    /// A row that this program did not write so.
    #[error("the state is damaged: {0}")]
    Damaged(String),
    /// A row is not what it was when it was read. Never seen while there is one writer at a time.
    #[error("{0} was changed by somebody else in the meantime")]
    Changed(String),
}

/// What a definition is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A project.
    Project,
    /// A pipeline.
    Pipeline,
}

impl Kind {
    /// The word for it, on the wire too.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Pipeline => "pipeline",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who made a row, who changed it last, and how often it was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Who created it.
    pub owner: String,
    /// Counts the changes, from 1.
    pub revision: u64,
    /// Who changed it last.
    pub updated_by: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
}

impl Stamp {
    /// The stamp of what is new.
    pub fn new(by: &ClientId, now: Timestamp) -> Self {
        Self {
            owner: by.to_string(),
            revision: 1,
            updated_by: by.to_string(),
            created: now,
            updated: now,
        }
    }

    /// The stamp after a change.
    #[must_use]
    pub fn changed(&self, by: &ClientId, now: Timestamp) -> Self {
        Self {
            owner: self.owner.clone(),
            revision: self.revision + 1,
            updated_by: by.to_string(),
            created: self.created,
            updated: now,
        }
    }

    /// Names this version of the row; what is deleted and made again has other versions.
    pub fn version(&self) -> String {
        format!("{}-{}", self.revision, self.created.as_millis())
    }
}

/// A project or a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectRecord {
    /// Which of the two.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its definition in the file's form.
    pub definition: Map<String, Value>,
    /// The label of the apply set that made it.
    pub made_by: Option<String>,
    /// Who and when.
    pub stamp: Stamp,
}

/// A build's place in the order of all triggers; never used twice.
pub type BuildKey = u64;

/// Who triggered a build, and with what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Whose token it was.
    pub triggered_by: String,
    /// When.
    pub created: Timestamp,
    /// The ref that was asked for.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<String>,
    /// The commit that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What never changes of a build: what it runs, and the limits that held when it was triggered.
#[derive(Clone, Debug)]
pub struct BuildTerms {
    /// What it runs.
    pub plan: Plan,
    /// The same as the state machine sees it.
    pub shape: Shape,
    /// Both as they are kept.
    text: Arc<str>,
}

/// [`BuildTerms`] as they are written.
#[derive(Serialize, Deserialize)]
struct WrittenTerms<P> {
    v: u32,
    queue_timeout_ms: u64,
    automatic_attempts: u32,
    plan: P,
}

const TERMS_VERSION: u32 = 1;

impl BuildTerms {
    /// The terms of a build that runs `plan`.
    ///
    /// # Errors
    /// When the plan's actions cannot be a build.
    pub fn new(
        plan: Plan,
        queue_timeout: Duration,
        automatic_attempts: u32,
    ) -> Result<Self, TermsError> {
        let ms = queue_timeout.as_millis();
        let text = serde_json::to_string(&WrittenTerms {
            v: TERMS_VERSION,
            queue_timeout_ms: u64::try_from(ms).unwrap_or(u64::MAX),
            automatic_attempts,
            plan: &plan,
        })?;
        Self::of(plan, queue_timeout, automatic_attempts, text.into())
    }

    fn of(
        plan: Plan,
        queue_timeout: Duration,
        automatic_attempts: u32,
        text: Arc<str>,
    ) -> Result<Self, TermsError> {
        let shape = Shape::new(
            plan.shapes(),
            plan.timeout,
            queue_timeout,
            automatic_attempts,
        )?;
        Ok(Self { plan, shape, text })
    }

    /// How they are kept.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn from_text(text: String) -> Result<Self, Error> {
        let damaged = |why: String| Error::Damaged(format!("a build's plan: {why}"));
        let written: WrittenTerms<Plan> =
            serde_json::from_str(&text).map_err(|e| damaged(e.to_string()))?;
        if written.v != TERMS_VERSION {
            return Err(damaged(format!("its version is {}", written.v)));
        }
        let queue_timeout = Duration::from_millis(written.queue_timeout_ms);
        let attempts = written.automatic_attempts;
        Self::of(written.plan, queue_timeout, attempts, text.into())
            .map_err(|e| damaged(e.to_string()))
    }
}

/// Why a plan cannot be a build's.
#[derive(Debug, thiserror::Error)]
pub enum TermsError {
    /// Its actions do not go together.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// It cannot be written.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// A build that is to be recorded.
#[derive(Clone, Debug)]
pub struct NewBuild {
    /// Its project and number.
    pub id: BuildId,
    /// Who wants it.
    pub request: Request,
    /// What it runs.
    pub terms: Arc<BuildTerms>,
    /// Its first state.
    pub state: State,
}

/// A build.
#[derive(Clone, Debug)]
pub struct BuildRecord {
    /// Its place in the order of all triggers.
    pub key: BuildKey,
    /// Its project and number.
    pub id: BuildId,
    /// Counts the changes of its state, from 1.
    pub revision: u64,
    /// What a worker has to allow.
    pub needs: Needs,
    /// Who wanted it.
    pub request: Request,
    /// Where it is in its life.
    pub state: State,
}

/// A build that waits for a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The build.
    pub key: BuildKey,
    /// The worker that lost it.
    pub avoid: Option<WorkerId>,
}

/// Which builds to list.
#[derive(Clone, Debug, Default)]
pub struct BuildFilter {
    /// Only this project's.
    pub project: Option<ProjectName>,
    /// Only those with this status.
    pub status: Option<BuildStatus>,
}

/// A place in a list of builds: what comes after this one in it, which was triggered before it. The
/// build itself may be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// Its key.
    pub key: BuildKey,
    /// Its number in its project.
    pub number: u64,
}

impl Before {
    /// The place of a build.
    pub fn of(build: &BuildRecord) -> Self {
        Self {
            key: build.key,
            number: build.id.number,
        }
    }
}

impl std::fmt::Display for Before {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.key, self.number)
    }
}

impl std::str::FromStr for Before {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, number) = text.split_once('.').unwrap_or((text, ""));
        Ok(Self {
            key: key.parse()?,
            number: number.parse()?,
        })
    }
}

/// What a worker said of itself when it registered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Words that describe it.
    pub keywords: Vec<String>,
    /// How many builds it executes at a time.
    pub slots: u32,
    /// What it allows.
    pub allows: Allows,
    /// The version of the worker protocol that it speaks.
    pub protocol: u32,
    /// What else it said.
    pub rest: Map<String, Value>,
}

impl Said {
    /// Whether it makes a run's workspace by itself ([`MAKES_WORKSPACES`]).
    pub fn makes_workspaces(&self) -> bool {
        self.rest.get(MAKES_WORKSPACES) == Some(&Value::Bool(true))
    }
}

/// A worker.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerRecord {
    /// Its identity.
    pub worker: WorkerId,
    /// What it said.
    pub said: Said,
    /// Whether it gets no new work.
    pub drained: bool,
    /// When it was last heard of, as far as that was recorded.
    pub last_seen: Option<Timestamp>,
    /// Who and when.
    pub stamp: Stamp,
}

/// A lease that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRecord {
    /// Its id.
    pub lease: LeaseId,
    /// Who has it.
    pub worker: WorkerId,
    /// On which slot.
    pub slot: u32,
    /// For which build.
    pub build: BuildKey,
    /// For which run of it.
    pub run: String,
    /// The how-manieth of the build.
    pub epoch: u64,
}

/// Something outside the database that is to be removed because nothing refers to it any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// A deleted build's log.
    Log(BuildId),
    /// A content of a blob that no build records any more.
    Blob(BlobName, Digest),
}

/// A removal that is still to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovalRecord {
    /// Names the record.
    pub id: u64,
    /// What to remove.
    pub what: Removal,
    /// How often it was tried.
    pub tries: u32,
}
