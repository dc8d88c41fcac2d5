//! `GET /jwks.json`: the keys of the tokens for the store. (`GET /version` is answered by `ick_http`
//! with what [`crate::serve`] gives it.)

use super::Controller;
use crate::app::App;
use crate::serve::jwks_max_age;
use ick_http::axum::Router;
use ick_http::axum::extract::State;
use ick_http::axum::response::{IntoResponse, Response};
use ick_http::axum::routing::get;
use std::sync::Arc;

pub(super) const JWKS: &str = "/jwks.json";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route(JWKS, get(jwks))
}

async fn jwks(State(app): Controller) -> Response {
    let cache = format!("public, max-age={}", jwks_max_age().as_secs());
    let headers = [
        ("content-type", "application/jwk-set+json".to_owned()),
        ("cache-control", cache),
    ];
    (headers, app.tokens.jwks().to_string()).into_response()
}
