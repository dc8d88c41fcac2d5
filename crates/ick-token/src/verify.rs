//! Checking tokens.

use crate::{Claims, LEEWAY, MAX_TOKEN, PublicKeys, Scopes, TOKEN_TYPE};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ick_api::scope::{BlobsIdDelete, BlobsIdGet, BlobsIdPut, Scope};
use ick_core::name::{BlobName, ClientId};
use ick_core::time::Timestamp;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many verified tokens are remembered.
const CACHE: usize = 8192;

/// What an issuer's tokens may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Every scope counts.
    Everything,
    /// Only reading, writing and deleting of blobs by name counts (`uapi_blobs_id_get:NAME`,
    /// `uapi_blobs_id_put:NAME`, `uapi_blobs_id_delete:NAME`), as in the controller's tokens for the
    /// store; every other scope is as if it were not there.
    NamedBlobs,
}

impl Trust {
    fn limit(self, scopes: Scopes) -> Scopes {
        match self {
            Self::Everything => scopes,
            Self::NamedBlobs => scopes.filtered(|scope| {
                scope.split_once(':').is_some_and(|(kind, name)| {
                    [BlobsIdGet::NAME, BlobsIdPut::NAME, BlobsIdDelete::NAME].contains(&kind)
                        && name.parse::<BlobName>().is_ok()
                })
            }),
        }
    }
}

/// Someone whose tokens are accepted.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Its URL, exactly as in the tokens' `iss`.
    pub url: String,
    /// What its tokens may say.
    pub trust: Trust,
    /// Its keys.
    pub keys: PublicKeys,
}

/// Why a token is not accepted, or cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Longer than [`MAX_TOKEN`].
    #[error("the token is longer than {MAX_TOKEN} bytes")]
    TooLong,
    /// Not a signed token of the form that Ick uses.
    #[error("the token is not a signed access token (RFC 9068) with EdDSA")]
    Malformed,
    /// From an issuer that this server does not know.
    #[error("the token is from an issuer that this server does not accept")]
    Issuer,
    /// For another installation.
    #[error("the token is for another installation")]
    Audience,
    /// It has ended.
    #[error("the token has expired")]
    Expired,
    /// It is from the future, or for the future.
    #[error("the token is not good yet: do the clocks agree?")]
    NotYet,
    /// The signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// It is signed with a key that the issuer, whose number this is, has not shown so far.
    #[error("the token is signed with a key that its issuer does not have")]
    UnknownKey(usize),
    /// The keys of the issuer, whose number this is, are not known yet.
    #[error("the keys of the token's issuer are not known yet")]
    NoKeys(usize),
}

/// A token that was found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The issuer's number, in the order given to [`Verifier::new`].
    pub issuer: usize,
    /// Whom it is for.
    pub sub: ClientId,
    /// What it allows, as far as its issuer is trusted.
    pub scopes: Scopes,
    /// When it ends, in seconds since 1970.
    pub expires: u64,
}

struct Remembered {
    verified: Arc<Verified>,
    /// That of the keys it was checked with.
    generation: u64,
}

/// Checks tokens by the public keys of the issuers that it knows, and remembers for a while which ones
/// were good.
pub struct Verifier {
    audience: String,
    issuers: Vec<Issuer>,
    validation: jsonwebtoken::Validation,
    remembered: Mutex<HashMap<[u8; 32], Remembered>>,
}

#[derive(Deserialize)]
struct Whose {
    iss: String,
}

impl Verifier {
    /// A verifier for an installation that accepts these issuers.
    pub fn new(audience: impl Into<String>, issuers: Vec<Issuer>) -> Self {
        let mut validation = jsonwebtoken::Validation::new(Algorithm::EdDSA);
        // The signature is left to the library; the claims are checked below, against a time that is given.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        Self {
            audience: audience.into(),
            issuers,
            validation,
            remembered: Mutex::new(HashMap::new()),
        }
    }

    /// The issuers, in the order given.
    pub fn issuers(&self) -> &[Issuer] {
        &self.issuers
    }

    /// Checks a token.
    ///
    /// # Errors
    /// Says why it is not accepted; [`VerifyError::NoKeys`] and [`VerifyError::UnknownKey`] may turn out
    /// otherwise when the issuer's keys have been fetched anew.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<Verified>, VerifyError> {
        if token.len() > MAX_TOKEN {
            return Err(VerifyError::TooLong);
        }
        let now = now.as_millis() / 1000;
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(verified) = self.recall(&digest) {
            check_end(verified.expires, now)?;
            return Ok(verified);
        }
        let good = self.verify_anew(token, now)?;
        let verified = Arc::clone(&good.verified);
        self.remember(digest, good, now);
        Ok(verified)
    }

    fn recall(&self, digest: &[u8; 32]) -> Option<Arc<Verified>> {
        let remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let found = remembered.get(digest)?;
        let keys = &self.issuers.get(found.verified.issuer)?.keys;
        // When the issuer's keys changed, the token's may be gone: it is checked again.
        (keys.generation() == found.generation).then(|| Arc::clone(&found.verified))
    }

    fn remember(&self, digest: [u8; 32], good: Remembered, now: u64) {
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= CACHE {
            remembered.retain(|_, one| check_end(one.verified.expires, now).is_ok());
            if remembered.len() >= CACHE {
                remembered.clear();
            }
        }
        remembered.insert(digest, good);
    }

    fn verify_anew(&self, token: &str, now: u64) -> Result<Remembered, VerifyError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| VerifyError::Malformed)?;
        let typed = header.typ.as_deref().is_some_and(|typ| {
            let typ = typ.strip_prefix("application/").unwrap_or(typ);
            typ.eq_ignore_ascii_case(TOKEN_TYPE)
        });
        // What must be understood (RFC 7515, section 4.1.11) is not: there is no extension here.
        if header.alg != Algorithm::EdDSA || !typed || header.crit.is_some() {
            return Err(VerifyError::Malformed);
        }
        let kid = header.kid.ok_or(VerifyError::Malformed)?;
        let number = self.whose(token)?;
        let issuer = &self.issuers[number];
        // Before the key: keys that come in between make the token be checked again.
        let generation = issuer.keys.generation();
        let key = issuer
            .keys
            .get(&kid)
            .ok_or(VerifyError::NoKeys(number))?
            .ok_or(VerifyError::UnknownKey(number))?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &self.validation)
            .map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::InvalidSignature => VerifyError::Signature,
                _ => VerifyError::Malformed,
            })?
            .claims;
        if claims.iss != issuer.url {
            return Err(VerifyError::Issuer);
        }
        if claims.aud != self.audience {
            return Err(VerifyError::Audience);
        }
        check_end(claims.exp, now)?;
        if claims.iat.max(claims.nbf.unwrap_or(0)) > now.saturating_add(LEEWAY.as_secs()) {
            return Err(VerifyError::NotYet);
        }
        let scopes: Scopes = claims.scope.parse().map_err(|_| VerifyError::Malformed)?;
        let verified = Arc::new(Verified {
            issuer: number,
            sub: claims.sub,
            scopes: issuer.trust.limit(scopes),
            expires: claims.exp,
        });
        Ok(Remembered {
            verified,
            generation,
        })
    }

    /// The issuer that a token names, before its signature is known to be good: it only says which keys
    /// to check it with.
    fn whose(&self, token: &str) -> Result<usize, VerifyError> {
        let payload = token.split('.').nth(1).ok_or(VerifyError::Malformed)?;
        let payload = URL_SAFE_NO_PAD
            .decode(payload)
            .map_err(|_| VerifyError::Malformed)?;
        let whose: Whose = serde_json::from_slice(&payload).map_err(|_| VerifyError::Malformed)?;
        self.issuers
            .iter()
            .position(|issuer| issuer.url == whose.iss)
            .ok_or(VerifyError::Issuer)
    }
}

fn check_end(expires: u64, now: u64) -> Result<(), VerifyError> {
    if expires.saturating_add(LEEWAY.as_secs()) <= now {
        return Err(VerifyError::Expired);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Keyring, Rotation};
    use std::time::Duration;

    #[test]
    fn what_was_checked_with_keys_that_are_gone_is_checked_again() {
        crate::install_crypto_provider();
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::from_millis(1_800_000_000_000);
        let rotation = Rotation {
            key_lifetime: Duration::from_secs(90 * 24 * 3600),
            refresh: Duration::from_secs(3600),
            token_lifetime: Duration::from_secs(300),
        };
        let one = Keyring::open(folder.path().join("1"), rotation, now).unwrap();
        let other = Keyring::open(folder.path().join("2"), rotation, now).unwrap();
        let claims = Claims::new(
            "http://idp",
            "ick",
            &"me".parse().unwrap(),
            &Scopes::default(),
            rotation.token_lifetime,
            now,
        )
        .unwrap();
        let token = one.sign(&claims, now).unwrap();
        let keys = PublicKeys::unknown();
        keys.replace(&one.jwks()).unwrap();
        let issuer = Issuer {
            url: "http://idp".to_owned(),
            trust: Trust::Everything,
            keys: keys.clone(),
        };
        let verifier = Verifier::new("ick", vec![issuer]);
        let seconds = now.as_millis() / 1000;
        let good = verifier.verify_anew(token.reveal(), seconds).unwrap();
        // Other keys come after it was checked and before it is remembered.
        keys.replace(&other.jwks()).unwrap();
        let digest = Sha256::digest(token.reveal().as_bytes()).into();
        verifier.remember(digest, good, seconds);
        assert_eq!(
            verifier.verify(token.reveal(), now),
            Err(VerifyError::UnknownKey(0))
        );
    }
}
