//! The worker's side: work, leases, log, reports.

use super::Controller;
use crate::address::query;
use crate::call::Call;
use crate::error::Error;
use ick_api::controller::{Appended, Lease, NextWork, Report};
use ick_core::duration;
use std::time::Duration;

/// What became of an append.
#[derive(Clone, Debug)]
pub enum Append {
    /// The controller has it.
    Taken(Appended),
    /// The controller's log has another length than the offset: go on from there.
    At(u64),
}

impl Controller {
    /// `GET /work`: the item for this worker's slot, waited for. The worker relies on what it
    /// registered, so it asks not to be registered with the defaults. With `paused`, which says why, it
    /// takes nothing new, and is given what the slot has already.
    ///
    /// # Errors
    /// Those of any call; 409 for a worker that is not registered.
    pub fn work(&self, slot: u32, wait: Duration, paused: Option<&str>) -> Result<NextWork, Error> {
        let query = query(&[
            ("wait", Some(duration::format(wait))),
            ("slot", Some(slot.to_string())),
            ("registered", Some("true".to_owned())),
            ("paused", paused.map(str::to_owned)),
        ]);
        self.server
            .json(&Call::get(format!("/work{query}")).wait(wait))
    }

    /// `GET /work/+lease`: renews a lease; answers at once when its state is not `seen`, else when
    /// the wait ends.
    ///
    /// # Errors
    /// Those of any call; 409 when the lease is lost.
    pub fn lease(&self, lease: &str, wait: Duration, seen: Option<u64>) -> Result<Lease, Error> {
        let query = query(&[
            ("lease", Some(lease.to_owned())),
            ("wait", Some(duration::format(wait))),
            ("seen", seen.map(|v| v.to_string())),
        ]);
        self.server
            .json(&Call::get(format!("/work/+lease{query}")).wait(wait))
    }

    /// `POST /work`: reports an action's end; the answer is the run's next item. When the run has ended
    /// and another is wanted (`next`), it may be that one's first.
    ///
    /// # Errors
    /// Those of any call; 409 when the lease is lost or `log_length` differs.
    pub fn report(&self, report: &Report, next: bool) -> Result<NextWork, Error> {
        let query = query(&[("next", next.then(|| "true".to_owned()))]);
        self.server.json(
            &Call::post(format!("/work{query}"))
                .repeatable()
                .json(report)?,
        )
    }

    /// `POST /work/+log`: appends a body of frames that begins at `offset`. An empty body only asks.
    ///
    /// # Errors
    /// Those of any call; 409 without a length when the lease is lost.
    pub fn append_log(&self, lease: &str, offset: u64, frames: &[u8]) -> Result<Append, Error> {
        let query = query(&[
            ("lease", Some(lease.to_owned())),
            ("offset", Some(offset.to_string())),
        ]);
        // Repeatable: what arrived already is answered with the length.
        let call = Call::post(format!("/work/+log{query}"))
            .repeatable()
            .bytes(ick_api::logframe::MEDIA_TYPE, frames);
        match self.server.json(&call) {
            Ok(appended) => Ok(Append::Taken(appended)),
            Err(Error::Problem { problem, .. })
                if problem.status == 409 && problem.length.is_some() =>
            {
                Ok(Append::At(problem.length.unwrap_or_default()))
            }
            Err(error) => Err(error),
        }
    }
}
