//! Access tokens: signing keys and their rotation, claims, and verification (RFC 9068, RFC 7517).
//!
//! Tokens are signed with Ed25519 (`EdDSA`, RFC 8037) and nothing else is accepted. A [`Keyring`] signs
//! and says which public keys there are; a [`Verifier`] checks tokens with the public keys of the issuers
//! that it was told of, without asking anyone.

#![cfg_attr(
    test,
    expect(
        clippy::unwrap_used,
        clippy::panic,
        reason = "a failed test is a panic"
    )
)]

mod claims;
mod keyring;
mod public;
pub mod random;
mod scopes;
mod verify;

pub use claims::Claims;
pub use keyring::{Keyring, KeyringError, Rotation};
pub use public::{JwksError, PublicKeys};
pub use scopes::{ScopeError, Scopes};
pub use verify::{Issuer, Trust, Verified, Verifier, VerifyError};

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN: usize = 8 * 1024;

/// By how much the clocks of two machines may differ.
pub const LEEWAY: std::time::Duration = std::time::Duration::from_secs(30);

/// The `typ` of an access token (RFC 9068, section 2.1).
const TOKEN_TYPE: &str = "at+jwt";

/// Chooses the one implementation of cryptography. Every `main` calls it first.
pub fn install_crypto_provider() {
    // The second call in a process is refused, which is what is wanted: it would change nothing.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}
