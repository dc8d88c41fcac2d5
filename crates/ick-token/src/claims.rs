//! What a token says.

use crate::random::{self, RandomError};
use ick_core::name::ClientId;
use ick_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The claims of an access token (RFC 9068, section 2.2); times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The issuer's URL.
    pub iss: String,
    /// Whom it is for.
    pub sub: ClientId,
    /// The client that asked for it.
    pub client_id: ClientId,
    /// The installation.
    pub aud: String,
    /// When it was issued.
    pub iat: u64,
    /// From when on it is good, where the issuer says that it is not from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// When it ends.
    pub exp: u64,
    /// Names this token.
    pub jti: String,
    /// What it allows, separated by spaces.
    #[serde(default)]
    pub scope: String,
}

impl Claims {
    /// Claims for a client about itself, with an id of their own.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn new(
        issuer: &str,
        audience: &str,
        client: &ClientId,
        scope: &crate::Scopes,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<Self, RandomError> {
        let iat = now.as_millis() / 1000;
        Ok(Self {
            iss: issuer.to_owned(),
            sub: client.clone(),
            client_id: client.clone(),
            aud: audience.to_owned(),
            iat,
            nbf: None,
            exp: iat.saturating_add(lifetime.as_secs()),
            jti: random::text::<16>()?,
            scope: scope.to_string(),
        })
    }
}
