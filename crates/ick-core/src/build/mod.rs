//! A build's life: its states, why it ended, and the one transition function (DESIGN.md, section 4).
//!
//! A [`Shape`] is what never changes, a [`State`] what does. [`apply`] gives the state after an
//! [`Event`] and what follows from it, or says why it refuses.

mod cause;
mod event;
mod product;
mod shape;
mod state;
mod status;
mod transition;

pub use cause::{Cause, CauseKind};
pub use event::{Effect, Event, Refused};
pub use product::{Artifact, Outcome, Source};
pub use shape::{ActionShape, Shape, ShapeError};
pub use state::{ActionState, Lease, LeaseId, Released, STATE_VERSION, State};
pub use status::{ActionStatus, BuildStatus, Place, When};
pub use transition::{FINAL_GRACE, MAX_ATTEMPTS, OVERDUE, apply};
