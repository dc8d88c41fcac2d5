//! Which worker may have which build, and how long it may keep it.

mod leases;
mod matching;
mod waiting;

pub use leases::{LEASE_LENGTH, Leases};
pub use matching::{Allows, Candidate, Need, Needs, Unfit, fit};
pub use waiting::{Waiting, why_waiting};
