//! HTTP: `/blobs` and `/blobs/NAME`. Names are data: they are checked here, once, and go to the index.

mod delete;
mod download;
mod list;
mod upload;

use crate::limits::Limits;
use crate::shelf::{FindError, Shelf};
use ick_core::digest::Digest;
use ick_core::name::BlobName;
use ick_http::axum::routing::get;
use ick_http::axum::{Extension, Router};
use ick_http::{NamePath, Refusal, if_match, if_none_match};
use ick_state::Error;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// The store's routes.
pub fn router(shelf: Arc<Shelf>, limits: &Limits) -> Router {
    let largest = upload::Largest(limits.blob);
    Router::new()
        .route("/blobs", get(list::list))
        .route(
            "/blobs/{*name}",
            get(download::download)
                .put(upload::upload)
                .delete(delete::delete)
                .layer(Extension(largest)),
        )
        .with_state(shelf)
}

/// `?version=sha256:…`, and nothing else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Version {
    version: Option<Digest>,
}

/// No query.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn blob_name(path: &NamePath) -> Result<BlobName, Refusal> {
    match &path.suffix {
        None => path.parse(),
        Some(suffix) => Err(Refusal::not_found(format!(
            "blobs have no {suffix}, and no name has a part that begins with \"+\""
        ))),
    }
}

/// Refuses a change to a blob that is not as the request's conditions want it.
fn expect_conditions(headers: &http::HeaderMap, current: Option<&Digest>) -> Result<(), Refusal> {
    let tag = current.map(Digest::to_string);
    if_match(headers, tag.as_deref())?;
    if if_none_match(headers, tag.as_deref())? {
        return Err(changed(current));
    }
    Ok(())
}

fn changed(current: Option<&Digest>) -> Refusal {
    Refusal::precondition_failed(match current {
        Some(digest) => format!("the blob has the content {digest}, which the request excludes"),
        None => "the blob is not there, and the request wants it to be".to_owned(),
    })
}

fn state(error: Error) -> Refusal {
    match error {
        Error::Full(why) => Refusal::no_room(why),
        Error::Busy(why) => {
            tracing::warn!("{why}");
            Refusal::unavailable(
                "the artifact store is busy: come again",
                Duration::from_secs(1),
            )
        }
        other => Refusal::internal(&other),
    }
}

fn missing(name: &BlobName, error: FindError) -> Refusal {
    match error {
        FindError::NoName => Refusal::not_found(format!("there is no blob {name}")),
        FindError::NoVersion => Refusal::not_found(format!(
            "the blob {name} has and had no such content, or it was deleted"
        )),
        FindError::Damaged { .. } => Refusal::internal(&error),
        FindError::State(error) => state(error),
    }
}
