//! What can happen to a build, what follows from it, and why it can be refused.

use super::{ActionStatus, BuildStatus, Lease, LeaseId, Outcome};
use crate::name::WorkerId;

/// What can happen to a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A worker takes it.
    HandOut {
        /// The worker.
        worker: WorkerId,
        /// Its slot, from 1.
        slot: u32,
        /// The new lease, never used before.
        lease: LeaseId,
    },
    /// A worker, or the controller in its place, says how an action ended.
    Report {
        /// The lease under which the action was handed out.
        lease: LeaseId,
        /// The action.
        action_id: String,
        /// How it ended.
        outcome: Box<Outcome>,
    },
    /// A person wants it to end.
    Cancel,
    /// The worker has not been heard of for too long.
    LeaseExpired {
        /// The lease.
        lease: LeaseId,
    },
    /// Time has passed.
    Tick,
}

/// What follows from an event, beyond the new state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The build's status changed.
    Build {
        /// From this.
        from: BuildStatus,
        /// To this.
        to: BuildStatus,
    },
    /// An action's status changed. To `building`: it was handed out.
    Action {
        /// The action.
        action_id: String,
        /// From this.
        from: ActionStatus,
        /// To this.
        to: ActionStatus,
    },
    /// It waits for a worker again.
    NewAttempt {
        /// The attempt that begins.
        attempt: u32,
        /// The worker to rather not use.
        avoid: WorkerId,
    },
    /// A lease begins.
    LeaseGiven(Lease),
    /// What a lease's worker must know changed: the deadline or the cancel.
    LeaseChanged(LeaseId),
    /// A lease has ended: given back or lost.
    LeaseEnded(LeaseId),
}

/// Why an event was refused. The state is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Handed out without waiting for a worker.
    #[error("the build is {0} and does not wait for a worker")]
    NotWaiting(BuildStatus),
    /// A lease that this build does not have, or no more.
    #[error("the lease is not, or no longer, one of this build")]
    NoSuchLease,
    /// A new lease with the id of an old one.
    #[error("the lease was used before")]
    LeaseUsed,
    /// An action that this build does not have.
    #[error("the build has no action {0:?}")]
    NoSuchAction(String),
    /// An action that was not handed out under this lease.
    #[error("action {0} was not handed out under this lease")]
    NotHandedOut(String),
    /// A state that does not belong to the shape.
    #[error("the build's state has other actions than its plan")]
    OtherShape,
}
