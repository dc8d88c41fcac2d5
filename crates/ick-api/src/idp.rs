//! The identity provider's wire types (RFC 6749, OpenID Connect Discovery, RFC 7517).

use ick_core::name::ClientId;
use ick_core::secret::Secret;
use serde::{Deserialize, Serialize};

/// The answer of `POST /token`. Its token is written out only by the server that issues it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TokenAnswer {
    /// The signed token.
    pub access_token: Secret,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds that it is good for.
    pub expires_in: u64,
    /// The granted scopes, separated by spaces.
    #[serde(default)]
    pub scope: String,
}

/// An error answer of `POST /token` (RFC 6749, section 5.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TokenError {
    /// `invalid_client`, `invalid_grant`, `invalid_scope`, …
    pub error: String,
    /// What to do about it.
    #[serde(default)]
    pub error_description: String,
}

/// `GET /.well-known/openid-configuration`, as far as Ick uses it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Discovery {
    /// The issuer, as in the tokens' `iss`.
    pub issuer: String,
    /// Where tokens are had.
    pub token_endpoint: String,
    /// Where the public keys are.
    pub jwks_uri: String,
    /// `["client_credentials"]`.
    #[serde(default)]
    pub grant_types_supported: Vec<String>,
    /// `["client_secret_basic", "client_secret_post"]`.
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// `["EdDSA"]`.
    #[serde(default)]
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// Required by OpenID Connect Discovery; Ick has no authorization endpoint yet: empty.
    #[serde(default)]
    pub response_types_supported: Vec<String>,
    /// `["public"]`.
    #[serde(default)]
    pub subject_types_supported: Vec<String>,
}

/// A JSON Web Key Set (RFC 7517): `GET /jwks.json` of the identity provider and of the controller.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Jwks {
    /// The keys.
    pub keys: Vec<Jwk>,
}

/// One key of a set (RFC 7517, RFC 8037), as far as Ick writes and reads it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Jwk {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    #[serde(default)]
    pub crv: String,
    /// The key's name.
    #[serde(default)]
    pub kid: String,
    /// `sig`.
    #[serde(default, rename = "use")]
    pub usage: String,
    /// `EdDSA`.
    #[serde(default)]
    pub alg: String,
    /// The public key in base64url.
    #[serde(default)]
    pub x: String,
}

/// `POST /clients`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    /// Its name.
    pub client_id: ClientId,
    /// Its scopes, separated by spaces.
    pub scope: String,
}

/// An API client, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Client {
    /// Its name.
    pub client_id: ClientId,
    /// Its scopes, separated by spaces.
    pub scope: String,
    /// Who created it.
    #[serde(default)]
    pub owner: String,
    /// Counts the changes, from 1.
    #[serde(default)]
    pub revision: u64,
    /// Who changed it last.
    #[serde(default)]
    pub updated_by: String,
}

/// `GET /clients`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Clients {
    /// In the order of their names.
    pub clients: Vec<Client>,
}

/// The answer that shows a generated secret, once.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClientSecret {
    /// The client's name.
    pub client_id: ClientId,
    /// The generated secret: 256 bits.
    pub client_secret: Secret,
    /// Its scopes, separated by spaces.
    pub scope: String,
}
