//! The identity provider's calls.

use crate::call::{Call, Server};
use crate::error::Error;
use crate::retry::Retry;
use crate::tls::Authorities;
use crate::token::{Credentials, TokenSource};
use base64::Engine;
use ick_api::idp::{Client, ClientSecret, Clients, Discovery, NewClient, TokenAnswer, TokenError};
use ick_core::name::ClientId;
use std::time::Duration;

/// An identity provider.
#[derive(Clone, Debug)]
pub struct Idp {
    server: Server,
}

/// An issuer's public keys.
#[derive(Clone, Debug)]
pub struct Jwks {
    /// The JWK set (RFC 7517) as it was sent.
    pub text: String,
    /// How long the issuer wants it to be believed (`Cache-Control: max-age`).
    pub max_age: Option<Duration>,
}

impl Idp {
    /// The identity provider at a URL.
    ///
    /// # Errors
    /// When the text is no server's URL.
    pub fn new(url: &str) -> Result<Self, Error> {
        Ok(Self {
            server: Server::new(url)?,
        })
    }

    /// With these tokens, for the calls that need one.
    #[must_use]
    pub fn with_token(mut self, token: TokenSource) -> Self {
        self.server.token = Some(token);
        self
    }

    /// With these authorities for its certificate, when its URL is https; the platform's otherwise.
    #[must_use]
    pub fn with_authorities(mut self, authorities: &Authorities) -> Self {
        self.server = self.server.with_authorities(authorities);
        self
    }

    /// With other retries than [`Retry::BRIEF`].
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.server.retry = retry;
        self
    }

    /// Its URL: the issuer.
    pub fn url(&self) -> &str {
        self.server.address.as_str()
    }

    /// Whether it serves.
    ///
    /// # Errors
    /// When it does not.
    pub fn healthz(&self) -> Result<(), Error> {
        healthz(&self.server)
    }

    /// `GET /version`, as JSON.
    ///
    /// # Errors
    /// Those of any call.
    pub fn version(&self) -> Result<serde_json::Value, Error> {
        self.server.json(&Call::get("/version").without_token())
    }

    /// `POST /token`: an access token for credentials, with some of the client's scopes or all.
    ///
    /// # Errors
    /// [`Error::Token`] when the credentials or the scopes are refused.
    pub fn token(
        &self,
        credentials: &Credentials,
        scope: Option<&str>,
    ) -> Result<TokenAnswer, Error> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = scope {
            form.append_pair("scope", scope);
        }
        let form = form.finish();
        // RFC 6749, section 2.3.1: both parts form-encoded before they are joined.
        let encoded = |text: &str| -> String {
            url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
        };
        let basic = base64::engine::general_purpose::STANDARD.encode(format!(
            "{}:{}",
            encoded(credentials.client_id.as_str()),
            encoded(credentials.client_secret.reveal())
        ));
        let call = Call::post("/token")
            .repeatable()
            .without_token()
            .header("authorization", format!("Basic {basic}"))
            .bytes("application/x-www-form-urlencoded", form.as_bytes());
        self.server.json(&call).map_err(|error| match error {
            Error::Problem { url, problem, .. } if matches!(problem.status, 400 | 401 | 403) => {
                Error::Token {
                    url,
                    client_id: credentials.client_id.to_string(),
                    status: problem.status,
                    why: problem.detail,
                }
            }
            other => other,
        })
    }

    /// `GET /.well-known/openid-configuration`.
    ///
    /// # Errors
    /// Those of any call.
    pub fn discovery(&self) -> Result<Discovery, Error> {
        self.server
            .json(&Call::get("/.well-known/openid-configuration").without_token())
    }

    /// `GET /jwks.json`.
    ///
    /// # Errors
    /// Those of any call.
    pub fn jwks(&self) -> Result<Jwks, Error> {
        jwks(&self.server)
    }

    /// `GET /clients`, all of them or the first `limit`.
    ///
    /// # Errors
    /// Those of any call.
    pub fn clients(&self, limit: Option<usize>) -> Result<Vec<Client>, Error> {
        self.server
            .list("/clients", &[], limit, |page: Clients| page.clients)
    }

    /// `GET /clients/ID`.
    ///
    /// # Errors
    /// Those of any call.
    pub fn client(&self, id: &ClientId) -> Result<Client, Error> {
        self.server.json(&Call::get(format!("/clients/{id}")))
    }

    /// `POST /clients`: the answer holds the secret, which is never shown again.
    ///
    /// # Errors
    /// Those of any call; 409 when the name exists, 403 for scopes that the caller lacks.
    pub fn create_client(&self, client: &NewClient) -> Result<ClientSecret, Error> {
        self.server.json(&Call::post("/clients").json(client)?)
    }

    /// `DELETE /clients/ID`.
    ///
    /// # Errors
    /// Those of any call.
    pub fn delete_client(&self, id: &ClientId) -> Result<(), Error> {
        self.server.done(&Call::delete(format!("/clients/{id}")))
    }

    /// `POST /clients/ID/+secret`: a new secret instead of the old one.
    ///
    /// # Errors
    /// Those of any call.
    pub fn new_secret(&self, id: &ClientId) -> Result<ClientSecret, Error> {
        self.server
            .json(&Call::post(format!("/clients/{id}/+secret")))
    }

    /// The call's metrics in Prometheus' text form.
    ///
    /// # Errors
    /// Those of any call.
    pub fn metrics(&self) -> Result<String, Error> {
        metrics(&self.server)
    }
}

/// The words of an answer of RFC 6749, for answers that are no problem details.
pub(crate) fn token_error(body: &[u8]) -> Option<String> {
    let error: TokenError = serde_json::from_slice(body).ok()?;
    Some(if error.error_description.is_empty() {
        error.error
    } else {
        format!("{} ({})", error.error_description, error.error)
    })
}

pub(crate) fn healthz(server: &Server) -> Result<(), Error> {
    let mut server = server.clone();
    server.retry = Retry::NEVER;
    server.done(&Call::get("/healthz").without_token())
}

pub(crate) fn metrics(server: &Server) -> Result<String, Error> {
    let answer = server.send(&Call::get("/metrics"))?;
    answer
        .into_body()
        .read_to_string()
        .map_err(|e| server.broken(e))
}

pub(crate) fn jwks(server: &Server) -> Result<Jwks, Error> {
    let answer = server.send(&Call::get("/jwks.json").without_token())?;
    let max_age = answer
        .headers()
        .get("cache-control")
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.split(',').find_map(|d| d.trim().strip_prefix("max-age=")))
        .and_then(|v| v.parse().ok())
        .map(Duration::from_secs);
    let text = answer
        .into_body()
        .into_with_config()
        .limit(1 << 20)
        .read_to_string()
        .map_err(|e| server.broken(e))?;
    Ok(Jwks { text, max_age })
}
