//! `GET /jwks.json` (RFC 7517) and `GET /.well-known/openid-configuration` (OpenID Connect Discovery).

use super::Idp;
use ick_api::idp::Discovery;
use ick_http::Body;
use ick_http::axum::Json;
use ick_http::axum::extract::State;
use ick_http::axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use ick_http::axum::response::IntoResponse;

pub(super) async fn jwks(State(idp): State<Idp>) -> impl IntoResponse {
    let keys = idp.0.keyring.jwks();
    (
        [
            (CONTENT_TYPE, "application/json".to_owned()),
            (CACHE_CONTROL, for_as_long(&idp)),
        ],
        Body::from(keys.to_string()),
    )
}

pub(super) async fn discovery(State(idp): State<Idp>) -> impl IntoResponse {
    let issuer = &idp.0.issuer;
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let discovery = Discovery {
        issuer: issuer.clone(),
        token_endpoint: format!("{issuer}/token"),
        jwks_uri: format!("{issuer}/jwks.json"),
        grant_types_supported: words(&["client_credentials"]),
        token_endpoint_auth_methods_supported: words(&[
            "client_secret_basic",
            "client_secret_post",
        ]),
        id_token_signing_alg_values_supported: words(&["EdDSA"]),
        response_types_supported: Vec::new(),
        subject_types_supported: words(&["public"]),
    };
    ([(CACHE_CONTROL, for_as_long(&idp))], Json(discovery))
}

/// How often servers fetch the keys; a new one is shown for twice as long before it signs.
fn for_as_long(idp: &Idp) -> String {
    format!("public, max-age={}", idp.0.rotation.refresh.as_secs())
}
