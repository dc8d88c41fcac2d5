//! `/work…`: workers ask for work, renew their leases, and report.

use super::Controller;
use super::wait::until;
use crate::app::{App, Hint};
use crate::idle::Slot;
use crate::limits::Limits;
use crate::transition;
use http::header;
use ick_api::controller::{Lease, NextWork, Report};
use ick_api::scope;
use ick_core::name::WorkerId;
use ick_http::axum::extract::State;
use ick_http::axum::response::IntoResponse;
use ick_http::axum::routing::get;
use ick_http::axum::{Json, Router};
use ick_http::{Authorized, BodyLimit, Query, Refusal, Response, Woken, blocking};
use serde::Deserialize;
use std::sync::Arc;

/// The longest word on why a worker is paused, in bytes.
const MAX_PAUSED: usize = 1000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedWork {
    wait: Option<String>,
    slot: Option<u32>,
    /// The worker relies on its registration: it would rather be refused than taken for one with the
    /// defaults when that is gone.
    #[serde(default)]
    registered: bool,
    /// Why the worker takes nothing new at present. What the slot has already it is given all the same.
    paused: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedReport {
    /// The slot takes another build when its run has ended: it is in the same answer.
    #[serde(default)]
    next: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedLease {
    lease: String,
    wait: Option<String>,
    seen: Option<u64>,
}

pub(super) fn routes(limits: &Limits) -> Router<Arc<App>> {
    let limit = BodyLimit(limits.report_body);
    Router::new()
        .route("/work", get(work).post(report).layer(limit))
        .route("/work/+lease", get(lease))
}

/// An answer that nothing on the way may keep: it may hold a token.
fn unkept(body: impl serde::Serialize) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

async fn work(
    State(app): Controller,
    by: Authorized<scope::WorkGet>,
    Query(asked): Query<AskedWork>,
) -> Result<Response, Refusal> {
    let deadline = until(asked.wait.as_deref())?;
    let slot = Slot {
        worker: by.sub().clone(),
        slot: asked.slot.unwrap_or(1),
    };
    if asked
        .paused
        .as_ref()
        .is_some_and(|why| why.len() > MAX_PAUSED)
    {
        return Err(Refusal::bad_request(format!(
            "paused has at most {MAX_PAUSED} bytes"
        )));
    }
    if !asked.registered && app.roster.get(&slot.worker).is_none() {
        // Three calls are enough for a small worker: token, work, report.
        let (app, worker) = (Arc::clone(&app), slot.worker.clone());
        blocking(move || app.register_by_default(&worker)).await?;
    }
    let paused = asked.paused.is_some();
    app.roster.pause(&slot.worker, asked.paused);
    loop {
        let allows = check_slot(&app, &slot)?.filter(|_| !paused);
        // First among those who wait, then the look: what comes in between is not missed.
        let mut watcher = app.hints.watch(Hint::Slot(slot.clone()));
        let place = allows.map(|allows| app.idle.enter(slot.clone(), allows));
        let found = {
            let (app, slot) = (Arc::clone(&app), slot.clone());
            blocking(move || match paused {
                true => app.held_by(&slot),
                false => app.work_for(&slot),
            })
            .await?
        };
        if let NextWork::Item(_) = found {
            drop(place);
            return Ok(unkept(found));
        }
        let woken = watcher.changed(deadline).await;
        drop(place);
        if woken != Woken::Changed {
            return Ok(unkept(NextWork::Nothing));
        }
    }
}

/// Whether the slot is one of a registered worker, and what that allows if it may take new work.
fn check_slot(app: &App, slot: &Slot) -> Result<Option<ick_core::schedule::Allows>, Refusal> {
    let worker = &slot.worker;
    let record = app.roster.get(worker).ok_or_else(|| {
        Refusal::conflict(format!(
            "worker {worker} is not registered: POST /workers first"
        ))
    })?;
    app.roster.seen(worker, app.now());
    // What a slot has it keeps, also when the worker registered with fewer of them since.
    let is_one = (1..=record.said.slots).contains(&slot.slot);
    if !is_one && app.leases.of_slot(worker, slot.slot).is_none() {
        return Err(Refusal::unprocessable(format!(
            "worker {worker} is registered with {} slots, and {} is none of them",
            record.said.slots, slot.slot
        )));
    }
    Ok((is_one && !record.drained).then_some(record.said.allows))
}

async fn lease(
    State(app): Controller,
    by: Authorized<scope::WorkGet>,
    Query(asked): Query<AskedLease>,
) -> Result<Response, Refusal> {
    let deadline = until(asked.wait.as_deref())?;
    let worker: WorkerId = by.sub().clone();
    app.roster.seen(&worker, app.now());
    let mut watcher = None;
    loop {
        let (held, _) = app.leases.renew(&asked.lease, &worker, app.now())?;
        let news = asked.seen.is_none_or(|seen| seen != held.version);
        let Some(watching) = &mut watcher else {
            // Only a worker's own lease is watched.
            watcher = Some(app.hints.watch(Hint::Lease(held.lease.clone())));
            if news || asked.wait.is_none() {
                break;
            }
            continue;
        };
        if news || watching.changed(deadline).await != Woken::Changed {
            break;
        }
    }
    blocking(move || {
        let now = app.now();
        let (held, lease_expires) = app.leases.renew(&asked.lease, &worker, now)?;
        let store_token = app.token_of(&held)?;
        Ok(unkept(Lease {
            seen: held.version,
            lease_expires,
            deadline: held.deadline,
            cancelled: held.cancel,
            store_token,
            now,
        }))
    })
    .await
}

impl App {
    /// A fresh token for the blobs of the action that is executed under a lease.
    fn token_of(
        &self,
        held: &crate::leases::Held,
    ) -> Result<Option<ick_core::secret::Secret>, Refusal> {
        let found = self.state.read(|tx| match tx.build_by_key(held.key)? {
            Some(build) => Ok::<_, crate::state::Error>(Some((tx.terms(&build)?, build))),
            None => Ok(None),
        })?;
        let Some((terms, build)) = found else {
            return Ok(None);
        };
        let Some(action) = transition::current(&build, &terms) else {
            return Ok(None);
        };
        let Ok(step) = transition::step(&build, action) else {
            return Ok(None);
        };
        self.tokens.for_step(&step, &action.parameters, self.now())
    }
}

async fn report(
    State(app): Controller,
    by: Authorized<scope::WorkPost>,
    Query(asked): Query<AskedReport>,
    ick_http::Json(report): ick_http::Json<Report>,
) -> Result<Response, Refusal> {
    let worker: WorkerId = by.sub().clone();
    app.roster.seen(&worker, app.now());
    blocking(move || app.report(&worker, &report, asked.next))
        .await
        .map(unkept)
}
