//! Tokens for the artifact store: what one action may do with exactly the blobs that it names.

use ick_api::scope::{BlobsIdDelete, BlobsIdGet, BlobsIdPut, for_blob};
use ick_core::definition::{Access, blob_access};
use ick_core::name::{BlobName, ClientId};
use ick_core::secret::Secret;
use ick_core::time::Timestamp;
use ick_http::Refusal;
use ick_token::{Claims, Keyring, Scopes};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// How long a token is good for. Every answer about a lease has a fresh one.
const LIFETIME: Duration = Duration::from_secs(300);

/// Signs tokens with the controller's own keys.
pub struct StoreTokens {
    keys: Arc<Keyring>,
    issuer: String,
    audience: String,
    client: ClientId,
}

impl StoreTokens {
    /// Tokens by `issuer`, the controller's URL, for the installation `audience`.
    ///
    /// # Errors
    /// Never: the name that they carry is one.
    pub fn new(
        keys: Arc<Keyring>,
        issuer: String,
        audience: String,
    ) -> Result<Self, ick_core::name::NameError> {
        Ok(Self {
            keys,
            issuer,
            audience,
            client: "ick-controller".parse()?,
        })
    }

    /// The lifetime of the tokens.
    pub const fn lifetime() -> Duration {
        LIFETIME
    }

    /// The public keys as a JSON Web Key Set.
    pub fn jwks(&self) -> Arc<str> {
        self.keys.jwks()
    }

    /// Makes the next key when it is time.
    ///
    /// # Errors
    /// When the keys cannot be written.
    pub fn rotate(&self, now: Timestamp) -> Result<bool, ick_token::KeyringError> {
        self.keys.rotate(now)
    }

    /// The token for a step's blobs; none when it touches none.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn for_step(
        &self,
        step: &Map<String, Value>,
        parameters: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Option<Secret>, Refusal> {
        let access = blob_access(step, parameters);
        if access.is_empty() {
            return Ok(None);
        }
        let scopes: Vec<String> = access
            .iter()
            .map(|(name, access)| match access {
                Access::Read => for_blob::<BlobsIdGet>(name.as_str()),
                Access::Write => for_blob::<BlobsIdPut>(name.as_str()),
            })
            .collect();
        self.sign(&scopes, now).map(Some)
    }

    /// The token for removing a blob's old content.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn for_removal(&self, name: &BlobName, now: Timestamp) -> Result<Secret, Refusal> {
        self.sign(&[for_blob::<BlobsIdDelete>(name.as_str())], now)
    }

    fn sign(&self, scopes: &[String], now: Timestamp) -> Result<Secret, Refusal> {
        let scopes = Scopes::of(scopes.iter().map(String::as_str))
            .map_err(|error| Refusal::internal(&error))?;
        let claims = Claims::new(
            &self.issuer,
            &self.audience,
            &self.client,
            &scopes,
            LIFETIME,
            now,
        )?;
        self.keys
            .sign(&claims, now)
            .map_err(|error| Refusal::internal(&error))
    }
}
