//! The public keys of an issuer, as they are known at the moment.

use ick_api::idp::Jwks;
use jsonwebtoken::DecodingKey;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Most keys that a set may have; an issuer has two or three.
const MAX_KEYS: usize = 64;

/// A text that is no set of keys that tokens can be checked with.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// Not a JWKS.
    #[error("not a JSON Web Key Set: {0}")]
    Form(#[from] serde_json::Error),
    /// No key of the only kind that is accepted.
    #[error("the key set has no Ed25519 signing key")]
    Empty,
    /// Too many keys.
    #[error("the key set has more than {MAX_KEYS} keys")]
    TooMany,
}

#[derive(Default)]
struct Known {
    keys: Option<BTreeMap<String, Arc<DecodingKey>>>,
}

/// The public keys of one issuer. Clones share them: whoever fetches or makes keys calls
/// [`PublicKeys::replace`], and every verifier goes by the new ones from then on.
#[derive(Clone, Default)]
pub struct PublicKeys {
    known: Arc<RwLock<Known>>,
    generation: Arc<AtomicU64>,
}

impl fmt::Debug for PublicKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKeys")
            .field("generation", &self.generation())
            .finish_non_exhaustive()
    }
}

impl PublicKeys {
    /// Of an issuer whose keys are not known yet.
    pub fn unknown() -> Self {
        Self::default()
    }

    /// Takes the keys of a JWKS in place of those known so far. Keys of kinds that Ick does not accept
    /// are passed over.
    ///
    /// # Errors
    /// When the text is not a JWKS, or none of its keys can be used; the known keys stay.
    pub fn replace(&self, jwks: &str) -> Result<(), JwksError> {
        let set: Jwks = serde_json::from_str(jwks)?;
        if set.keys.len() > MAX_KEYS {
            return Err(JwksError::TooMany);
        }
        let keys: BTreeMap<_, _> = set
            .keys
            .into_iter()
            .filter(|key| {
                key.kty == "OKP"
                    && key.crv == "Ed25519"
                    && matches!(key.usage.as_str(), "" | "sig")
                    && matches!(key.alg.as_str(), "" | "EdDSA" | "Ed25519")
                    && !key.kid.is_empty()
            })
            .filter_map(|key| {
                let decoding = DecodingKey::from_ed_components(&key.x).ok()?;
                Some((key.kid, Arc::new(decoding)))
            })
            .collect();
        if keys.is_empty() {
            return Err(JwksError::Empty);
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.keys = Some(keys);
        self.generation.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Counts the calls of [`PublicKeys::replace`] that took keys; 0: no keys are known yet.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// `None`: no keys are known yet. `Some(None)`: there is none of that name.
    pub(crate) fn get(&self, kid: &str) -> Option<Option<Arc<DecodingKey>>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.keys.as_ref().map(|keys| keys.get(kid).cloned())
    }
}
