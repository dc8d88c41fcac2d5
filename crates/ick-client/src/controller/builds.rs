//! Builds and their logs.

use super::Controller;
use crate::address::query;
use crate::call::Call;
use crate::error::Error;
use crate::follow::{self, FollowLog, FollowRecords};
use ick_api::controller::{Build, Builds, Trigger};
use ick_core::build::BuildStatus;
use ick_core::name::{BuildId, ProjectName};
use std::hash::{BuildHasher, RandomState};
use std::io::Read;

/// Which builds to list.
#[derive(Clone, Debug, Default)]
pub struct BuildFilter {
    /// Only those of this project.
    pub project: Option<ProjectName>,
    /// Only those with this status.
    pub status: Option<BuildStatus>,
    /// At most so many, the newest; all when none.
    pub limit: Option<usize>,
}

/// Which part of a log to read.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogPart {
    /// Only this attempt; all when none.
    pub attempt: Option<u32>,
    /// From this byte on.
    pub from: Option<u64>,
}

/// A triggered build.
#[derive(Clone, Debug)]
pub struct Triggered {
    /// The build.
    pub build: Build,
    /// False when the same key had triggered it before.
    pub new: bool,
}

impl Controller {
    /// `POST /projects/NAME/+trigger`. Made idempotent by a key, drawn at random when none is
    /// given, so that a lost answer triggers no second build.
    ///
    /// # Errors
    /// Those of any call; 422 with every reason.
    pub fn trigger(
        &self,
        project: &ProjectName,
        trigger: &Trigger,
        key: Option<&str>,
    ) -> Result<Triggered, Error> {
        let key = key.map_or_else(random_key, str::to_owned);
        let call = Call::post(format!("/projects/{project}/+trigger"))
            .repeatable()
            .header("idempotency-key", key)
            .json(trigger)?;
        let answer = self.server.send(&call)?;
        let new = answer.status().as_u16() == 201;
        Ok(Triggered {
            build: self.server.read_json(answer)?,
            new,
        })
    }

    /// `GET /builds`, newest first.
    ///
    /// # Errors
    /// Those of any call.
    pub fn builds(&self, filter: &BuildFilter) -> Result<Vec<Build>, Error> {
        let pairs = [
            ("project", filter.project.as_ref().map(ToString::to_string)),
            ("status", filter.status.map(|s| s.to_string())),
        ];
        self.server
            .list("/builds", &pairs, filter.limit, |page: Builds| page.builds)
    }

    /// `GET /projects/NAME/+builds`, newest first: 404 where `GET /builds?project=` is empty.
    ///
    /// # Errors
    /// Those of any call.
    pub fn builds_of(
        &self,
        project: &ProjectName,
        limit: Option<usize>,
    ) -> Result<Vec<Build>, Error> {
        self.server.list(
            &format!("/projects/{project}/+builds"),
            &[],
            limit,
            |page: Builds| page.builds,
        )
    }

    /// `GET /builds/ID`.
    ///
    /// # Errors
    /// Those of any call.
    pub fn build(&self, id: &BuildId) -> Result<Build, Error> {
        self.server.json(&Call::get(format!("/builds/{id}")))
    }

    /// `GET /builds/ID?wait=`, until the build has ended: through cut connections and restarts of the
    /// server.
    ///
    /// # Errors
    /// Those of any call, a server that stays unreachable for a minute among them.
    pub fn ended_build(&self, id: &BuildId) -> Result<Build, Error> {
        follow::ended_build(self.server.clone(), id)
    }

    /// `DELETE /builds/ID`.
    ///
    /// # Errors
    /// Those of any call; 409 while it is unfinished.
    pub fn delete_build(&self, id: &BuildId) -> Result<(), Error> {
        self.server.done(&Call::delete(format!("/builds/{id}")))
    }

    /// `POST /builds/ID/+cancel`.
    ///
    /// # Errors
    /// Those of any call.
    pub fn cancel_build(&self, id: &BuildId) -> Result<(), Error> {
        // Idempotent, but not to be repeated unasked: a second cancel also skips `always` actions.
        self.server
            .done(&Call::post(format!("/builds/{id}/+cancel")))
    }

    /// `GET /logs/ID`: the log as it is now, streamed. Ends with an error when it is cut.
    ///
    /// # Errors
    /// Those of any call.
    pub fn log(&self, id: &BuildId, part: LogPart) -> Result<impl Read + use<>, Error> {
        let query = query(&[("attempt", part.attempt.map(|n| n.to_string()))]);
        let mut call = Call::get(format!("/logs/{id}{query}")).header("accept", "text/plain");
        if let Some(from) = part.from {
            call = call.header("range", format!("bytes={from}-"));
        }
        Ok(self.server.send(&call)?.into_body().into_reader())
    }

    /// `GET /logs/ID?follow=true`: the bytes from `offset` on until the build has ended, through
    /// cut connections and restarts of the server.
    pub fn follow_log(&self, id: &BuildId, offset: u64) -> FollowLog {
        FollowLog::new(self.server.clone(), id.clone(), offset)
    }

    /// The log's records after `seq` (0: all), with Ick's own lines among them; with `follow` until
    /// the build has ended, through cut connections and restarts of the server.
    pub fn log_records(&self, id: &BuildId, seq: u64, follow: bool) -> FollowRecords {
        FollowRecords::new(self.server.clone(), id.clone(), seq, follow)
    }
}

fn random_key() -> String {
    let half = || RandomState::new().hash_one(std::process::id());
    // Each state's keys count up from a random start: the second half adds the moment.
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    format!("{:016x}{:016x}", half(), RandomState::new().hash_one(now))
}
