//! The calls that all three services have.

use crate::api::Api;
use ick_api::scope::MetricsGet;
use serde_json::json;

/// Also the controller's, which says more.
pub(crate) const VERSION: &str = "/version";

pub(crate) fn describe(api: &mut Api) {
    let text = json!({"type": "string"});
    let version = json!({
        "type": "object",
        "required": ["api", "version"],
        "properties": {
            "api": {"type": "integer", "description": "The version of the HTTP API."},
            "version": {"type": "string", "description": "The program's version."},
        },
    });
    api.get(VERSION, "Which version this is", |call| {
        call.gives_kind(200, "The version.", "application/json", &version)
    });
    api.get("/healthz", "Whether it serves", |call| {
        call.gives_kind(200, "It does.", "text/plain", &text)
    });
    api.get("/metrics", "Figures for Prometheus", |call| {
        call.scope::<MetricsGet>().gives_kind(
            200,
            "The figures.",
            "application/openmetrics-text",
            &text,
        )
    });
}
