//! `GET /blobs?prefix=`: the names that there are, in pages.

use super::state;
use crate::shelf::Shelf;
use ick_api::scope::BlobsGet;
use ick_api::store::{Blob, Blobs};
use ick_http::axum::extract::State;
use ick_http::{Authorized, Page, Query, Refusal, Response, blocking};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
pub(super) struct Prefix {
    #[serde(default)]
    prefix: String,
}

pub(super) async fn list(
    State(shelf): State<Arc<Shelf>>,
    _: Authorized<BlobsGet>,
    Query(Prefix { prefix }): Query<Prefix>,
    page: Page,
) -> Result<Response, Refusal> {
    blocking(move || {
        let after = page.after.as_deref().unwrap_or_default();
        let mut names = shelf.list(&prefix, after, page.limit + 1).map_err(state)?;
        let next = page.cut(&mut names, |named| named.name.clone());
        let blobs = names
            .into_iter()
            .map(|named| {
                let name = named.name.parse().map_err(|error| {
                    Refusal::internal_text(&format!(
                        "the index has the name {:?}: {error}",
                        named.name
                    ))
                })?;
                Ok(Blob {
                    name,
                    digest: named.digest,
                    size: named.size,
                    created: named.created,
                })
            })
            .collect::<Result<_, Refusal>>()?;
        Ok(page.answer(&Blobs { blobs }, next.as_deref()))
    })
    .await
}
