//! What workers ask and report.

use crate::api::Api;
use crate::call::Call;
use ick_api::controller::{Appended, Lease, Report, WorkItem};
use ick_api::{logframe, scope};
use ick_core::duration;
use serde_json::{Value, json};

pub(super) fn describe(api: &mut Api) {
    api.get("/work", "Ask for work", |call| {
        waiting(call.scope::<scope::WorkGet>())
            .query(
                "slot",
                "Which of the worker's slots; 1 when left out.",
                &json!({"type": "integer", "minimum": 1, "maximum": u32::MAX}),
            )
            .query(
                "registered",
                "Rather be refused than taken for a worker with the defaults.",
                &json!({"type": "boolean"}),
            )
            .gives_or_nothing::<WorkItem>(200, "What to do, or {} when there is nothing.")
            .refuses(&[409, 422, 507])
    });
    api.post("/work", "Report a result", |call| {
        call.scope::<scope::WorkPost>()
            .query(
                "next",
                "Whether the slot takes another build in the same call when the run has ended.",
                &json!({"type": "boolean"}),
            )
            .takes::<Report>()
            .gives_or_nothing::<WorkItem>(200, "The run's next action, or {}.")
            .refuses(&[409, 507])
    });
    api.get("/work/+lease", "Renew a lease", |call| {
        waiting(lease(call.scope::<scope::WorkGet>()))
            .query(
                "seen",
                "What the last answer said; the wait ends when that is no longer so.",
                &json!({"type": "integer", "minimum": 0}),
            )
            .gives::<Lease>(200, "The lease.")
            .refuses(&[409])
    });
    api.post("/work/+log", "Append to the log", |call| {
        let frames = json!({"type": "string", "format": "binary", "maxLength": logframe::MAX_BODY});
        lease(call.scope::<scope::WorkPost>())
            .note("Frames of: stream u8 (1 stdout, 2 stderr, 3 ick), time u64 ms, length u32 (big endian), bytes. Taken whole or not at all; an empty body only asks.")
            .query(
                "offset",
                "How many bytes of this lease's log there are: else 409, with the length.",
                &json!({"type": "integer", "minimum": 0}),
            )
            .required()
            .takes_kind(logframe::MEDIA_TYPE, &frames, false)
            .gives::<Appended>(200, "How much there is now.")
            .refuses(&[409, 415, 422, 507])
    });
}

fn lease(call: Call<'_>) -> Call<'_> {
    call.query("lease", "The lease.", &json!({"type": "string"}))
        .required()
}

fn waiting(call: Call<'_>) -> Call<'_> {
    call.query(
        "wait",
        "How long to wait, like 30s; a minute at most.",
        &wait(),
    )
}

/// How long something may be waited for.
pub(super) fn wait() -> Value {
    json!({"type": "string", "pattern": duration::PATTERN, "minLength": 2})
}
