//! What clients see of the identity provider.

mod clients;
mod keys;
mod token;

pub use clients::with_secret;

use crate::clients::Clients;
use crate::limits::Limits;
use crate::metrics::Counts;
use ick_http::BodyLimit;
use ick_http::NamePath;
use ick_http::axum::Router;
use ick_http::axum::routing::{get, post};
use ick_state::Room;
use ick_token::{Keyring, Rotation};
use std::sync::Arc;

/// The paths that need no token: `POST /token` authenticates clients by itself, and the keys are for
/// everyone.
pub const PUBLIC: &[&str] = &["/token", "/jwks.json", "/.well-known/openid-configuration"];

/// What the calls work with. Clones share it.
#[derive(Clone)]
pub struct Idp(Arc<Inner>);

struct Inner {
    clients: Clients,
    keyring: Arc<Keyring>,
    issuer: String,
    audience: String,
    rotation: Rotation,
    room: Room,
    counts: Counts,
}

impl Idp {
    /// What became of requests for a token.
    pub fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// An identity provider with these clients and keys. New clients have to leave what `room` is to
    /// keep.
    pub fn new(
        clients: Clients,
        keyring: Arc<Keyring>,
        issuer: String,
        audience: String,
        rotation: Rotation,
        room: Room,
    ) -> Self {
        Self(Arc::new(Inner {
            clients,
            keyring,
            issuer,
            audience,
            rotation,
            room,
            counts: Counts::default(),
        }))
    }
}

/// The calls of DESIGN.md, section 5.
pub fn router(idp: Idp, limits: &Limits) -> Router {
    let token = BodyLimit(limits.token_body);
    let client = BodyLimit(limits.client_body);
    Router::new()
        .route("/token", post(token::issue).layer(token))
        .route("/jwks.json", get(keys::jwks))
        .route("/.well-known/openid-configuration", get(keys::discovery))
        .route(
            "/clients",
            get(clients::list).post(clients::create).layer(client),
        )
        .route(
            "/clients/{*rest}",
            get(clients::get)
                .delete(clients::delete)
                .post(clients::post_below)
                .fallback(async |path: NamePath| clients::CLIENT.refusal(&path)),
        )
        .with_state(idp)
}
