//! `/logs/…` and `/work/+log`: logs are read, followed, and appended to.

use super::Controller;
use super::log_stream::{RECORDS, Reading};
use crate::app::App;
use crate::logs::Place;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use ick_api::controller::Appended;
use ick_api::{logframe, scope};
use ick_core::name::WorkerId;
use ick_http::axum::extract::State;
use ick_http::axum::response::IntoResponse;
use ick_http::axum::routing::{get, post};
use ick_http::axum::{Json, Router};
use ick_http::{
    Authorized, BodyLimit, Methods, NamePath, Query, Refusal, Response, Whole, blocking,
};
use serde::Deserialize;
use std::sync::Arc;

/// What can be asked of a log.
const LOG: Methods = Methods {
    name: "GET",
    below: &[],
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    attempt: Option<u32>,
    #[serde(default)]
    follow: bool,
    offset: Option<u64>,
    after: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedAppend {
    lease: String,
    offset: u64,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/logs/{*rest}", get(log)).route(
        "/work/+log",
        post(append).layer(BodyLimit(logframe::MAX_BODY)),
    )
}

async fn append(
    State(app): Controller,
    by: Authorized<scope::WorkPost>,
    Query(asked): Query<AskedAppend>,
    headers: HeaderMap,
    Whole(body): Whole,
) -> Result<Response, Refusal> {
    let kind = headers.get(CONTENT_TYPE);
    if !body.is_empty() && kind.is_none_or(|kind| kind != logframe::MEDIA_TYPE) {
        return Err(Refusal::unsupported_media(logframe::MEDIA_TYPE));
    }
    let worker: WorkerId = by.sub().clone();
    app.roster.seen(&worker, app.now());
    let (held, _) = app.leases.renew(&asked.lease, &worker, app.now())?;
    blocking(move || {
        let place = Place {
            build: &held.build,
            lease: &held.lease,
            attempt: held.attempt,
            action_id: &held.action_id,
        };
        if !body.is_empty() {
            app.room.expect_for_running(body.len() as u64)?;
        }
        let appended = app.logs.append(&place, asked.offset, &body)?;
        let now = app.now();
        // What has changed since the body was sent is told, too.
        let (held, lease_expires) = app.leases.renew(&asked.lease, &worker, now)?;
        let answer = Json(Appended {
            length: appended.length,
            durable: appended.durable,
            cancelled: held.cancel,
            lease_expires,
            now,
        });
        Ok(answer.into_response())
    })
    .await
}

async fn log(
    State(app): Controller,
    _: Authorized<scope::LogsIdGet>,
    path: NamePath,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    LOG.expect_name(&path)?;
    let reading = Reading::new(app, path.parse()?, asked.attempt).await?;
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.contains(RECORDS)) {
        return Ok(reading.records(asked.after.unwrap_or(0), asked.follow));
    }
    if asked.after.is_some() {
        return Err(Refusal::bad_request(
            "after belongs to records (Accept: application/x-ndjson); for text it is offset",
        ));
    }
    if asked.follow {
        reading.follow_text(asked.offset.unwrap_or(0)).await
    } else {
        reading.text(asked.offset, &headers).await
    }
}
