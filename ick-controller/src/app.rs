//! What every handler and the sweep work with.

use crate::config::Config;
use crate::idle::Idle;
use crate::leases::Leases;
use crate::logs::Logs;
use crate::metrics::Counts;
use crate::roster::Roster;
use crate::state::State;
use crate::store_token::StoreTokens;
use ick_core::build::LeaseId;
use ick_core::time::Timestamp;
use ick_http::{Hints, Refusal};
use ick_state::Room;

/// What can be waited for. A hint says only that it is worth looking again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Hint {
    /// There may be work for a slot of a worker.
    Slot(crate::idle::Slot),
    /// What a worker must know of its lease has changed: deadline, cancel, or that it has ended.
    Lease(LeaseId),
}

/// The controller.
pub struct App {
    /// Its configuration.
    pub config: Config,
    /// What it knows, on disk.
    pub state: State,
    /// The logs of the builds, on disk.
    pub logs: Logs,
    /// The leases that hold, in memory.
    pub leases: Leases,
    /// The registered workers, in memory.
    pub roster: Roster,
    /// The slots that wait for work.
    pub idle: Idle,
    /// The room on the state folder's disk.
    pub room: Room,
    /// Signs tokens for the store.
    pub tokens: StoreTokens,
    /// What has happened to builds, for metrics.
    pub counts: Counts,
    /// Wakes those who wait, after the commit.
    pub hints: Hints<Hint>,
}

impl App {
    /// The present time.
    pub fn now(&self) -> Timestamp {
        ick_http::now()
    }

    /// Whether something new may be taken on.
    ///
    /// # Errors
    /// 507 when the disk has too little room for it.
    pub fn expect_room(&self) -> Result<(), Refusal> {
        Ok(self.room.expect(0)?)
    }

    /// Whether there is room to hand out what waits.
    pub fn has_room(&self) -> bool {
        self.room.expect(0).is_ok()
    }
}

impl From<crate::state::Error> for Refusal {
    fn from(error: crate::state::Error) -> Self {
        use crate::state::Error;
        use ick_state::Error as Storage;
        let soon = std::time::Duration::from_secs(2);
        match &error {
            Error::Storage(Storage::Full(why)) => Self::no_room(why),
            Error::Storage(Storage::Busy(_)) => Self::unavailable(
                "the controller's database is in use by something else; try again",
                soon,
            ),
            Error::Changed(_) => Self::unavailable(error.to_string(), soon),
            Error::Storage(_) | Error::Damaged(_) => Self::internal(&error),
        }
    }
}

impl From<crate::leases::Lost> for Refusal {
    fn from(lost: crate::leases::Lost) -> Self {
        Self::conflict(lost.to_string())
    }
}
