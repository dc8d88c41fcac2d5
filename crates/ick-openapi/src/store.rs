//! The artifact store's calls.

use crate::api::Api;
use crate::call::Call;
use crate::daemon;
use ick_api::scope::{BlobsGet, BlobsIdDelete, BlobsIdGet, BlobsIdPut};
use ick_api::store::{Blobs, Stored};
use ick_core::digest::Digest;
use ick_core::name::BlobName;
use serde_json::{Value, json};

const BLOB: &str = "/blobs/{name}";

/// The description of `ick-store`.
pub fn store() -> Value {
    let mut api = Api::new(
        "Ick's artifact store",
        "Named files. A name may contain \"/\", which stands as it is in a path.",
    );
    daemon::describe(&mut api);
    let bytes = json!({"type": "string", "format": "binary"});
    api.get("/blobs", "List blobs", |call| {
        call.scope::<BlobsGet>()
            .query(
                "prefix",
                "How their names begin.",
                &json!({"type": "string"}),
            )
            .pages()
            .gives::<Blobs>(200, "A page of them, in the order of their names.")
            .says(200, "Link", "The next page, where there is one.")
    });
    for method in ["get", "head"] {
        api.call(method, BLOB, "Read a blob", |call| {
            let call = named(call)
                .scope::<BlobsIdGet>()
                .query_of::<Digest>("version", "An older content of this name.")
                .header("If-Match", "Digests as entity tags.")
                .header("If-None-Match", "Digests that are known already.")
                .header("Range", "One range of bytes.")
                .header("If-Range", "The digest that the range is meant for.")
                .gives_no_body(304, "The content is one that is known already.");
            let call = if method == "head" {
                call.gives_no_body(200, "It is there.")
            } else {
                call.gives_kind(200, "The content.", "application/octet-stream", &bytes)
                    .gives_kind(206, "The range.", "application/octet-stream", &bytes)
                    .says(206, "Content-Range", "Which bytes these are.")
                    .refuses(&[416])
            };
            call.says(200, "ETag", "The digest.")
                .says(200, "Repr-Digest", "The digest (RFC 9530).")
                .refuses(&[404, 412])
        });
    }
    api.put(BLOB, "Put a blob", |call| {
        named(call)
            .scope::<BlobsIdPut>()
            .if_match()
            .if_none_match()
            .header(
                "Repr-Digest",
                "The SHA-256 that the content must have (RFC 9530).",
            )
            .takes_kind("application/octet-stream", &bytes, false)
            .gives::<Stored>(200, "The content is the blob's present one.")
            .gives::<Stored>(201, "The blob is new.")
            .refuses(&[404, 415, 422, 507])
    });
    api.delete(BLOB, "Delete a blob, or one of its contents", |call| {
        named(call)
            .scope::<BlobsIdDelete>()
            .query_of::<Digest>("version", "The content; without it the name is taken.")
            .if_match()
            .if_none_match()
            .gives_nothing(200, "It is gone.")
            .refuses(&[404, 507])
    });
    api.described()
}

fn named(call: Call<'_>) -> Call<'_> {
    call.name::<BlobName>("name", "The blob's name.")
        .note("The scope alone is for every blob; followed by \":NAME\" it is for that one.")
}
