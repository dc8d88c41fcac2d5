//! `POST /token`: the client credentials grant (RFC 6749, sections 4.4 and 5).

use super::Idp;
use crate::clients::Client;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ick_api::idp::TokenError;
use ick_core::secret::Secret;
use ick_http::axum::Json;
use ick_http::axum::extract::State;
use ick_http::axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, PRAGMA, WWW_AUTHENTICATE,
};
use ick_http::axum::http::{HeaderMap, StatusCode};
use ick_http::axum::response::IntoResponse;
use ick_http::{Refusal, Response, Whole, blocking, now};
use ick_token::{Claims, Scopes};
use serde_json::json;
use url::form_urlencoded;

/// An error of RFC 6749, section 5.2.
#[derive(Debug)]
struct Denied {
    error: &'static str,
    description: String,
}

impl Denied {
    fn new(error: &'static str, description: impl Into<String>) -> Self {
        let description = description.into();
        Self { error, description }
    }

    fn invalid_request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", description)
    }

    /// The same for every reason: who guesses learns nothing.
    fn invalid_client() -> Self {
        Self::new(
            "invalid_client",
            "there is no client of that name with that secret",
        )
    }

    fn answer(self, idp: &Idp) -> Response {
        idp.counts().refused(self.error);
        let status = match self.error {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        let body = Json(TokenError {
            error: self.error.to_owned(),
            error_description: self.description,
        });
        let mut response = (status, NOT_STORED, body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let basic = ick_http::axum::http::HeaderValue::from_static("Basic realm=\"ick\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, basic);
        }
        response
    }
}

const NOT_STORED: [(ick_http::axum::http::HeaderName, &str); 2] =
    [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")];

/// What the form and the header say.
#[derive(Debug)]
struct Asked {
    /// The readings of name and secret, the likelier one first.
    credentials: Vec<(String, Secret)>,
    scope: Option<String>,
}

pub(super) async fn issue(
    State(idp): State<Idp>,
    headers: HeaderMap,
    Whole(body): Whole,
) -> Result<Response, Refusal> {
    let asked = match understand(&headers, &body) {
        Ok(asked) => asked,
        Err(denied) => return Ok(denied.answer(&idp)),
    };
    blocking(move || {
        for (id, secret) in &asked.credentials {
            if let Some(client) = idp.0.clients.authenticate(id, secret.reveal())? {
                return grant(&idp, &client, asked.scope.as_deref());
            }
        }
        Ok(Denied::invalid_client().answer(&idp))
    })
    .await
}

fn grant(idp: &Idp, client: &Client, asked: Option<&str>) -> Result<Response, Refusal> {
    let scopes = match asked.map(str::parse::<Scopes>) {
        None => client.scopes.clone(),
        Some(Err(error)) => {
            return Ok(Denied::new("invalid_scope", error.to_string()).answer(idp));
        }
        Some(Ok(scopes)) => scopes,
    };
    let missing: Vec<&str> = scopes.missing_in(&client.scopes).collect();
    if !missing.is_empty() {
        let description = format!("the client does not have: {}", missing.join(" "));
        return Ok(Denied::new("invalid_scope", description).answer(idp));
    }
    let idp = &idp.0;
    let lifetime = idp.rotation.token_lifetime;
    let now = now();
    let claims = Claims::new(
        &idp.issuer,
        &idp.audience,
        &client.id,
        &scopes,
        lifetime,
        now,
    )?;
    let token = idp
        .keyring
        .sign(&claims, now)
        .map_err(|error| Refusal::internal(&error))?;
    idp.counts.issued();
    let answer = json!({
        "access_token": token.reveal(),
        "token_type": "Bearer",
        "expires_in": lifetime.as_secs(),
        "scope": claims.scope,
    });
    Ok((NOT_STORED, Json(answer)).into_response())
}

fn understand(headers: &HeaderMap, body: &[u8]) -> Result<Asked, Denied> {
    let is_form = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next())
        .is_some_and(|kind| {
            kind.trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
    if !is_form {
        return Err(Denied::invalid_request(
            "the body must be application/x-www-form-urlencoded by its Content-Type",
        ));
    }
    let form = Form::read(body)?;
    match form.grant_type.as_deref() {
        Some("client_credentials") => {}
        Some(_) => {
            return Err(Denied::new(
                "unsupported_grant_type",
                "the only grant type here is client_credentials",
            ));
        }
        None => return Err(Denied::invalid_request("the form has no grant_type")),
    }
    let credentials = match (basic(headers)?, form.client_id, form.client_secret) {
        // The name may be said again in the form, but not the secret.
        (Some(credentials), id, None)
            if id.is_none()
                || credentials
                    .iter()
                    .any(|(name, _)| Some(name) == id.as_ref()) =>
        {
            credentials
        }
        (Some(_), _, _) => {
            return Err(Denied::invalid_request(
                "name and secret must be in the Authorization header or in the form, not in both",
            ));
        }
        (None, Some(id), Some(secret)) => vec![(id, secret)],
        (None, _, _) => return Err(Denied::invalid_client()),
    };
    Ok(Asked {
        credentials,
        scope: form.scope,
    })
}

/// The parameters that count. One without a value is as if it were not there (RFC 6749, section 3.2).
#[derive(Debug, Default)]
struct Form {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    scope: Option<String>,
}

impl Form {
    fn read(body: &[u8]) -> Result<Self, Denied> {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            let value = Some(value.into_owned()).filter(|value| !value.is_empty());
            let again = match &*name {
                "grant_type" => put(&mut form.grant_type, value),
                "client_id" => put(&mut form.client_id, value),
                "client_secret" => put(&mut form.client_secret, value.map(Secret::new)),
                "scope" => put(&mut form.scope, value),
                _ => continue,
            };
            if again {
                return Err(Denied::invalid_request(format!(
                    "the form has {name} more than once"
                )));
            }
        }
        Ok(form)
    }
}

/// Fills a place; whether something was there before.
fn put<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    let again = place.is_some();
    *place = value;
    again
}

/// Name and secret of HTTP Basic. By RFC 6749, section 2.3.1, both are form-encoded inside; many clients
/// leave that out, which makes a difference for a name with "+".
fn basic(headers: &HeaderMap) -> Result<Option<Vec<(String, Secret)>>, Denied> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let pair = || {
        if values.next().is_some() {
            return None;
        }
        let (scheme, text) = value.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let bytes = STANDARD.decode(text.trim()).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (id, secret) = text.split_once(':')?;
        Some((id.to_owned(), secret.to_owned()))
    };
    let (id, secret) = { pair }().ok_or_else(Denied::invalid_client)?;
    let plain = (id.clone(), Secret::new(secret.as_str()));
    let decoded = (decoded(&id), Secret::new(decoded(&secret)));
    Ok(Some(if decoded == plain {
        vec![plain]
    } else {
        vec![decoded, plain]
    }))
}

fn decoded(text: &str) -> String {
    // A single key without a value is the decoded text; "=" and "&" stand encoded in it.
    let mut parts = form_urlencoded::parse(text.as_bytes());
    match (parts.next(), parts.next()) {
        (Some((key, value)), None) if value.is_empty() && !text.contains('=') => key.into_owned(),
        _ => text.to_owned(),
    }
}
