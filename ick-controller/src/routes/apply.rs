//! `POST /+make-it-so`.

use super::Controller;
use crate::app::App;
use crate::limits::Limits;
use ick_api::controller::{Applied, MakeItSo};
use ick_api::scope;
use ick_http::axum::extract::State;
use ick_http::axum::routing::post;
use ick_http::axum::{Json, Router};
use ick_http::{Authorized, BodyLimit, Query, Refusal, blocking};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    dry_run: bool,
}

pub(super) fn routes(limits: &Limits) -> Router<Arc<App>> {
    let limit = BodyLimit(limits.make_it_so_body);
    Router::new().route("/+make-it-so", post(make_it_so).layer(limit))
}

async fn make_it_so(
    State(app): Controller,
    by: Authorized<scope::MakeItSoPost>,
    Query(asked): Query<Asked>,
    ick_http::Json(wanted): ick_http::Json<MakeItSo>,
) -> Result<Json<Applied>, Refusal> {
    let by = by.sub().clone();
    blocking(move || app.make_it_so(&wanted, asked.dry_run, &by))
        .await
        .map(Json)
}
