//! `DELETE /blobs/NAME` takes the name; `DELETE /blobs/NAME?version=` one of its contents.

use super::{Version, blob_name, expect_conditions, state};
use crate::names::Removed;
use crate::shelf::Shelf;
use http::HeaderMap;
use ick_api::scope::BlobsIdDelete;
use ick_http::axum::Json;
use ick_http::axum::extract::State;
use ick_http::axum::response::IntoResponse;
use ick_http::{Caller, NamePath, Query, Refusal, Response, blocking};
use std::sync::Arc;

pub(super) async fn delete(
    State(shelf): State<Arc<Shelf>>,
    caller: Caller,
    path: NamePath,
    Query(Version { version }): Query<Version>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    caller.authorize_for::<BlobsIdDelete>(&path.name)?;
    let name = blob_name(&path)?;
    blocking(move || {
        let mut refusal = None;
        let allowed = |current: Option<&_>| {
            refusal = expect_conditions(&headers, current).err();
            refusal.is_none()
        };
        let removed = match &version {
            None => shelf.take(&name, allowed),
            Some(digest) => shelf.forget(&name, digest, allowed),
        };
        match (removed.map_err(state)?, version) {
            (Removed::Gone, _) => Ok(Json(serde_json::json!({})).into_response()),
            (Removed::None, None) => Err(Refusal::not_found(format!("there is no blob {name}"))),
            (Removed::None, Some(_)) => Err(Refusal::not_found(format!(
                "the blob {name} has and had no such content, or it was deleted already"
            ))),
            (Removed::Refused, _) => {
                Err(refusal.unwrap_or_else(|| Refusal::precondition_failed("it was changed")))
            }
        }
    })
    .await
}
