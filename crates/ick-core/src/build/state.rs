//! The part of a build that changes: one value, kept whole in one column of the database.

use super::{ActionStatus, Artifact, BuildStatus, Cause, Shape, Source};
use crate::name::WorkerId;
use crate::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// The version of [`State`]'s form on disk.
pub const STATE_VERSION: u32 = 1;

/// A lease: the right to execute a run, named in every call about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeaseId(String);

impl LeaseId {
    /// The lease that `text` names. What a lease looks like is the controller's affair.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The lease as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for LeaseId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Who executes a build now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Names the lease.
    pub id: LeaseId,
    /// The worker.
    pub worker: WorkerId,
    /// Its slot, from 1.
    pub slot: u32,
    /// Counts the build's leases, from 1.
    pub epoch: u64,
    /// The run.
    pub run: String,
}

/// A lease that its worker gave back by reporting the last that it had to report. Its reports may come
/// again; those of a lease that was lost are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// The lease.
    pub lease: Lease,
    /// The actions that ended under it.
    pub actions: Vec<String>,
}

/// Where an action is in the present attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionState {
    /// "1", "2", …
    pub action_id: String,
    /// Where it is in its life.
    pub status: ActionStatus,
    /// Why it ended `failed` or `cancelled`; set exactly then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The exit code, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// When it was handed out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When it ended; skipped actions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
}

/// Where a build is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// [`STATE_VERSION`].
    v: Version,
    /// Triggered, building, or ended.
    pub status: BuildStatus,
    /// 1, 2, …
    pub attempt: u32,
    /// How many attempts were given because a lease expired.
    #[serde(default)]
    pub automatic_used: u32,
    /// Why it ended `failed` or `cancelled`; set exactly then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The cause that it will end with, once something has gone wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Cause>,
    /// 0 no, 1 cancelled, 2 cancelled twice.
    #[serde(default)]
    pub cancel: u8,
    /// Whether this attempt went beyond the build's time-out.
    #[serde(default)]
    pub timed_out: bool,
    /// Whether an action with `once` was ever handed out, in any attempt.
    #[serde(default)]
    pub once_started: bool,
    /// Since when it waits or last waited for a worker.
    pub queued: Timestamp,
    /// When its present attempt was first handed out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// The end of its time-out; after a cancel or the time-out, that of the last 60 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// Who executes it; set exactly while it is `building`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// How many leases it has had.
    #[serde(default)]
    pub epoch: u64,
    /// The worker that has it or had it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerId>,
    /// The worker that the next attempt should rather not go to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avoid: Option<WorkerId>,
    /// The leases that their workers gave back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub released: Vec<Released>,
    /// Its actions, in the shape's order.
    pub actions: Vec<ActionState>,
    /// What the present attempt put into the store.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// What the present attempt checked out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// What the present attempt's actions set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
}

impl State {
    /// A build that was just triggered.
    pub fn new(shape: &Shape, now: Timestamp) -> Self {
        Self {
            v: Version,
            status: BuildStatus::Triggered,
            attempt: 1,
            automatic_used: 0,
            cause: None,
            trouble: None,
            cancel: 0,
            timed_out: false,
            once_started: false,
            queued: now,
            started: None,
            deadline: None,
            ended: None,
            lease: None,
            epoch: 0,
            worker: None,
            avoid: None,
            released: Vec::new(),
            actions: fresh_actions(shape),
            artifacts: Vec::new(),
            sources: Vec::new(),
            outputs: BTreeMap::new(),
        }
    }

    /// The action that was handed out and has not ended; there is one exactly while the build is
    /// `building`.
    pub fn current(&self) -> Option<&ActionState> {
        self.actions
            .iter()
            .find(|action| action.status == ActionStatus::Building)
    }

    /// The first commit that this attempt checked out: `${ick.commit}`.
    pub fn commit(&self) -> Option<&str> {
        self.sources.first().map(|source| source.commit.as_str())
    }

    /// The lease of this id, held or given back, but not one that was lost.
    pub fn lease(&self, id: &LeaseId) -> Option<&Lease> {
        let released = self.released.iter().map(|one| &one.lease);
        self.lease.iter().chain(released).find(|one| one.id == *id)
    }

    /// Whether a cancel was asked for and the build has not ended yet.
    pub fn cancel_requested(&self) -> bool {
        self.cancel > 0 && !self.status.has_ended()
    }

    /// Whether nothing has happened in this attempt for which the build could not be done.
    pub fn may_be_done(&self) -> bool {
        self.trouble.is_none() && self.cancel == 0 && !self.timed_out
    }

    /// When [`super::Event::Tick`] will next change something, if nothing else happens before.
    pub fn due(&self, shape: &Shape) -> Option<Timestamp> {
        match self.status {
            BuildStatus::Triggered => Some(self.queued.plus(shape.queue_timeout)),
            BuildStatus::Building => self.deadline.map(|at| at.plus(super::OVERDUE)),
            BuildStatus::Done | BuildStatus::Failed | BuildStatus::Cancelled => None,
        }
    }

    /// Names what [`super::Event`]s can change of the lease as its worker sees it: the deadline and
    /// the cancel. Two answers with one number say the same.
    pub fn lease_version(&self) -> u64 {
        // The deadline changes only together with one of these.
        self.epoch << 4 | u64::from(self.timed_out) << 2 | u64::from(self.cancel)
    }
}

pub(super) fn fresh_actions(shape: &Shape) -> Vec<ActionState> {
    let fresh = |action: &super::ActionShape| ActionState {
        action_id: action.action_id.clone(),
        status: ActionStatus::Blocked,
        cause: None,
        exit_code: None,
        started: None,
        ended: None,
    };
    let mut actions: Vec<_> = shape.actions().iter().map(fresh).collect();
    for (action, shape) in actions.iter_mut().zip(shape.actions()) {
        // Nothing has failed yet, so what waits for a failure stays blocked until the build starts.
        if shape.depends.is_empty() && shape.when != super::When::OnFailure {
            action.status = ActionStatus::Ready;
        }
    }
    actions
}

/// Written as the number [`STATE_VERSION`]; any other is refused when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version;

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u32(STATE_VERSION)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match u32::deserialize(d)? {
            STATE_VERSION => Ok(Self),
            other => Err(serde::de::Error::custom(format!(
                "a build's state of version {other}; this program knows version {STATE_VERSION}"
            ))),
        }
    }
}
