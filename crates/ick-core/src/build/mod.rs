//! A build's life: its states, why it ended, and the one transition function (DESIGN.md, section 4).

mod cause;
mod status;

pub use cause::{Cause, CauseKind};
pub use status::{ActionStatus, BuildStatus, Place, When};
