//! `POST /+make-it-so`.

use super::Controller;
use crate::app::App;
use ick_api::controller::{Applied, MakeItSo};
use ick_api::scope;
use ick_http::axum::extract::State;
use ick_http::axum::routing::post;
use ick_http::axum::{Json, Router};
use ick_http::{Authorized, Query, Refusal, blocking};
use serde::Deserialize;
use std::sync::Arc;

/// The largest body: definition files of ten thousand projects fit well.
const MAX_BODY: usize = 32 << 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    dry_run: bool,
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/+make-it-so", post(make_it_so))
}

async fn make_it_so(
    State(app): Controller,
    by: Authorized<scope::MakeItSoPost>,
    Query(asked): Query<Asked>,
    ick_http::Json(wanted): ick_http::Json<MakeItSo, MAX_BODY>,
) -> Result<Json<Applied>, Refusal> {
    let by = by.sub().clone();
    blocking(move || app.make_it_so(&wanted, asked.dry_run, &by))
        .await
        .map(Json)
}
