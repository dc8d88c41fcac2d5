//! The HTTP API (DESIGN.md, section 5): one file for each group of calls. A handler checks what it was
//! sent and enters the synchronous part of the program; nothing is decided here.

mod apply;
mod builds;
mod listing;
mod log_stream;
mod logs;
mod objects;
mod version;
mod wait;
mod work;
mod workers;

use crate::app::App;
use ick_http::axum::Router;
use ick_http::axum::extract::State;
use std::sync::Arc;

/// The paths that need no token, besides those of every daemon.
pub const PUBLIC: &[&str] = &[version::JWKS];

/// What every handler is given.
type Controller = State<Arc<App>>;

/// The controller's routes.
pub fn router(app: Arc<App>) -> Router {
    let limits = app.config.limits;
    Router::new()
        .merge(version::routes())
        .merge(objects::routes(&limits))
        .merge(apply::routes(&limits))
        .merge(builds::routes())
        .merge(logs::routes())
        .merge(workers::routes(&limits))
        .merge(work::routes(&limits))
        .with_state(app)
}
