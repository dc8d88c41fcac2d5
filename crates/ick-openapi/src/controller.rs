//! The controller's calls.

mod builds;
mod objects;
mod work;
mod workers;

use crate::api::Api;
use crate::daemon;
use ick_api::controller::Version;
use ick_api::idp::Jwks;
use serde_json::Value;

/// The description of `ick-controller`.
pub fn controller() -> Value {
    let mut api = Api::new(
        "Ick's controller",
        "Projects, pipelines, builds, logs, workers and work. A name may contain \"/\", which stands as it is in a path; a segment that begins with \"+\" is never part of a name.",
    );
    daemon::describe(&mut api);
    api.get(daemon::VERSION, "Which version this is", |call| {
        call.gives::<Version>(200, "The version, and where the other services are.")
    });
    api.get(
        "/jwks.json",
        "The keys of its tokens for the store",
        |call| {
            call.gives_kind_of::<Jwks>(
                200,
                "A JSON Web Key Set (RFC 7517).",
                "application/jwk-set+json",
            )
        },
    );
    objects::describe(&mut api);
    builds::describe(&mut api);
    workers::describe(&mut api);
    work::describe(&mut api);
    api.described()
}
