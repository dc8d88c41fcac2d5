//! The limits of the identity provider's own: how large the bodies of its calls may be.

use ick_core::yaml::Fields;
use ick_http::body_size;

/// What clients may make large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `token_body`: the form that asks for a token (names, a secret and scopes), in bytes.
    pub token_body: usize,
    /// `client_body`: a new client's name and scopes, in bytes.
    pub client_body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            token_body: 16 << 10,
            client_body: 64 << 10,
        }
    }
}

impl Limits {
    /// Reads them from the mapping `limits` of the configuration; what is left out has its default.
    pub fn read(fields: &Fields<'_>) -> Self {
        let usual = Self::default();
        Self {
            token_body: body_size(fields, "token_body", usual.token_body),
            client_body: body_size(fields, "client_body", usual.client_body),
        }
    }
}
