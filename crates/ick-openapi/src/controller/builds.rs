//! Builds and their logs.

use super::work::wait;
use crate::api::Api;
use ick_api::controller::{Build, Builds, LogRecord};
use ick_api::scope;
use ick_core::build::BuildStatus;
use ick_core::name::{BuildId, ProjectName};
use serde_json::json;

const ID: &str = "The build: PROJECT/NUMBER.";

pub(super) fn describe(api: &mut Api) {
    api.get("/builds", "List builds", |call| {
        call.scope::<scope::BuildsGet>()
            .query_of::<ProjectName>("project", "Only those of this project.")
            .query_of::<BuildStatus>("status", "Only those with this status.")
            .pages()
            .gives::<Builds>(200, "A page of them, newest first.")
            .says(200, "Link", "The next page, where there is one.")
    });
    api.get("/builds/{id}", "Read a build", |call| {
        call.name::<BuildId>("id", ID)
            .scope::<scope::BuildsIdGet>()
            .query(
                "wait",
                "How long to wait for the build's end, like 30s; a minute at most.",
                &wait(),
            )
            .gives::<Build>(200, "The build.")
            .says(200, "ETag", "Its revision.")
            .refuses(&[404])
    });
    api.delete("/builds/{id}", "Delete a build that has ended", |call| {
        call.name::<BuildId>("id", ID)
            .scope::<scope::BuildsIdDelete>()
            .if_match()
            .gives_nothing(200, "It is gone.")
            .refuses(&[404, 409, 507])
    });
    api.post("/builds/{id}/+cancel", "Cancel a build", |call| {
        call.name::<BuildId>("id", ID)
            .scope::<scope::BuildsIdCancelPost>()
            .gives::<Build>(200, "The build; it ends soon, or has ended before.")
            .refuses(&[404, 409, 507])
    });
    let number = json!({"type": "integer", "minimum": 0});
    api.get("/logs/{id}", "Read or follow a log", |call| {
        call.name::<BuildId>("id", ID)
            .scope::<scope::LogsIdGet>()
            .note("With Accept: application/x-ndjson a record a line, each a LogRecord or, as a sign of life, {}.")
            .query(
                "attempt",
                "Only what this attempt wrote.",
                &json!({"type": "integer", "minimum": 1, "maximum": u32::MAX}),
            )
            .query(
                "follow",
                "Until the build has ended.",
                &json!({"type": "boolean"}),
            )
            .query("offset", "From this byte of the text on.", &number)
            .query("after", "From the record after this one on.", &number)
            .header("Accept", "text/plain or application/x-ndjson.")
            .header("Range", "One range of bytes of the text.")
            .gives_kind(200, "The log.", "text/plain", &json!({"type": "string"}))
            .gives_kind_of::<LogRecord>(200, "", "application/x-ndjson")
            .gives_kind(206, "The range.", "text/plain", &json!({"type": "string"}))
            .says(206, "Content-Range", "Which bytes these are.")
            .refuses(&[404, 416])
    });
}
