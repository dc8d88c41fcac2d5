//! The keys that tokens are signed with, and their rotation.
//!
//! A key's life: it is made and published; two refresh intervals later, when every verifier has fetched
//! it, it begins to sign; when the next one begins to sign, it stays published until the last token that
//! it signed has ended; then it is forgotten.

use crate::random::RandomError;
use crate::{Claims, LEEWAY, PublicKeys, TOKEN_TYPE};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ick_api::idp::{Jwk, Jwks};
use ick_core::secret::Secret;
use ick_core::time::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The version of the file.
const VERSION: u32 = 1;

/// When keys are made and forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// How long a key signs.
    pub key_lifetime: Duration,
    /// How often verifiers fetch the keys.
    pub refresh: Duration,
    /// How long a token is good for at most.
    pub token_lifetime: Duration,
}

/// Why keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The file cannot be read.
    #[error("cannot read the signing keys in {path}: {why}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        why: std::io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write the signing keys to {path}: {why}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        why: ick_state::Error,
    },
    /// The file is not what it should be.
    #[error("the signing keys in {path} are damaged: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A key cannot be made.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// A token cannot be signed.
    #[error("cannot sign a token: {0}")]
    Sign(jsonwebtoken::errors::Error),
}

#[derive(Serialize, Deserialize)]
struct File {
    v: u32,
    keys: Vec<Stored>,
}

/// A key as the file has it; times in milliseconds since 1970.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    /// The key's name: its thumbprint (RFC 7638).
    kid: String,
    /// From when on it signs.
    signs_from: u64,
    /// The private key (PKCS #8) in base64url.
    #[serde(with = "ick_core::secret::revealed")]
    private: Secret,
}

struct Key {
    stored: Stored,
    public: String,
    encoding: EncodingKey,
}

struct Ring {
    /// In the order of `signs_from`; never empty.
    keys: Vec<Arc<Key>>,
    jwks: Arc<str>,
}

/// Signing keys in a file that only its owner can read.
pub struct Keyring {
    path: PathBuf,
    rotation: Rotation,
    ring: Mutex<Ring>,
    public: PublicKeys,
}

impl Keyring {
    /// Opens the keys in a file, and makes it with a first key if it is not there.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is damaged.
    pub fn open(
        path: impl Into<PathBuf>,
        rotation: Rotation,
        now: Timestamp,
    ) -> Result<Self, KeyringError> {
        let path = path.into();
        let keys = match std::fs::read(&path) {
            Ok(bytes) => read(&path, &bytes)?,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
                // Nobody has fetched any key yet, so the first one signs at once.
                let keys = vec![Arc::new(Key::generate(&path, now)?)];
                write(&path, &keys)?;
                keys
            }
            Err(why) => return Err(KeyringError::Read { path, why }),
        };
        let public = PublicKeys::unknown();
        let ring = Ring {
            jwks: jwks(&keys),
            keys,
        };
        let keyring = Self {
            path,
            rotation,
            ring: Mutex::new(ring),
            public,
        };
        keyring.publish()?;
        keyring.rotate(now)?;
        Ok(keyring)
    }

    /// Checks a file of keys and changes nothing; whether there is one.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn check(path: &Path) -> Result<bool, KeyringError> {
        match std::fs::read(path) {
            Ok(bytes) => read(path, &bytes).map(|_| true),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(why) => Err(KeyringError::Read {
                path: path.to_owned(),
                why,
            }),
        }
    }

    /// Signs a token with the key whose turn it is.
    ///
    /// # Errors
    /// When the cryptography fails, which is a mistake somewhere.
    pub fn sign(&self, claims: &Claims, now: Timestamp) -> Result<Secret, KeyringError> {
        let key = {
            let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = turn(&ring.keys, now);
            Arc::clone(&ring.keys[turn])
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(key.stored.kid.clone());
        jsonwebtoken::encode(&header, claims, &key.encoding)
            .map(Secret::new)
            .map_err(KeyringError::Sign)
    }

    /// The public keys as a JSON Web Key Set (RFC 7517).
    pub fn jwks(&self) -> Arc<str> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&ring.jwks)
    }

    /// The public keys, for a [`crate::Verifier`] in the same process.
    pub fn public_keys(&self) -> PublicKeys {
        self.public.clone()
    }

    /// Makes the next key when it is time, and forgets those that no living token was signed with; to be
    /// called now and then. Says whether anything changed.
    ///
    /// # Errors
    /// When the file cannot be written; the keys stay as they were.
    pub fn rotate(&self, now: Timestamp) -> Result<bool, KeyringError> {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let mut keys = ring.keys.clone();
        let ahead = 2 * self.rotation.refresh;
        let newest = keys.last().map_or(0, |key| key.stored.signs_from);
        let ends = Timestamp::from_millis(newest).plus(self.rotation.key_lifetime);
        let mut changed = false;
        if now.plus(ahead) >= ends && newest <= now.as_millis() {
            keys.push(Arc::new(Key::generate(&self.path, now.plus(ahead))?));
            changed = true;
        }
        let living = self.rotation.token_lifetime + 2 * LEEWAY;
        while keys
            .get(1)
            .is_some_and(|next| Timestamp::from_millis(next.stored.signs_from).plus(living) <= now)
        {
            keys.remove(0);
            changed = true;
        }
        if changed {
            write(&self.path, &keys)?;
            ring.jwks = jwks(&keys);
            ring.keys = keys;
            drop(ring);
            self.publish()?;
        }
        Ok(changed)
    }

    fn publish(&self) -> Result<(), KeyringError> {
        self.public
            .replace(&self.jwks())
            .map_err(|why| KeyringError::Damaged {
                path: self.path.clone(),
                why: why.to_string(),
            })
    }
}

/// The place of the key that signs now: the newest whose time has come. With a clock that was set back
/// none may have come; then it is the oldest, which every verifier knows.
fn turn(keys: &[Arc<Key>], now: Timestamp) -> usize {
    keys.iter()
        .rposition(|key| key.stored.signs_from <= now.as_millis())
        .unwrap_or(0)
}

impl Key {
    fn generate(path: &Path, signs_from: Timestamp) -> Result<Self, KeyringError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| RandomError)?;
        let private = pair.to_pkcs8v1().map_err(|_| RandomError)?;
        let public = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let stored = Stored {
            kid: thumbprint(&public),
            signs_from: signs_from.as_millis(),
            private: Secret::new(URL_SAFE_NO_PAD.encode(private.as_ref())),
        };
        Self::from_stored(stored).map_err(|why| KeyringError::Damaged {
            path: path.to_owned(),
            why,
        })
    }

    fn from_stored(stored: Stored) -> Result<Self, String> {
        let private = URL_SAFE_NO_PAD
            .decode(stored.private.reveal())
            .map_err(|_| format!("key {} is not base64url", stored.kid))?;
        let pair = Ed25519KeyPair::from_pkcs8(&private)
            .map_err(|_| format!("key {} is not an Ed25519 key", stored.kid))?;
        let public = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        if thumbprint(&public) != stored.kid {
            return Err(format!("key {} is not the key of that name", stored.kid));
        }
        Ok(Self {
            stored,
            public,
            encoding: EncodingKey::from_ed_der(&private),
        })
    }
}

/// RFC 7638, section 3, with the members of RFC 8037, section 2.
fn thumbprint(public: &str) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members.as_bytes()))
}

fn jwks(keys: &[Arc<Key>]) -> Arc<str> {
    let set = Jwks {
        keys: keys
            .iter()
            .map(|key| Jwk {
                kty: "OKP".to_owned(),
                crv: "Ed25519".to_owned(),
                kid: key.stored.kid.clone(),
                usage: "sig".to_owned(),
                alg: "EdDSA".to_owned(),
                x: key.public.clone(),
            })
            .collect(),
    };
    // A structure of strings always becomes JSON.
    serde_json::to_string(&set).unwrap_or_default().into()
}

fn read(path: &Path, bytes: &[u8]) -> Result<Vec<Arc<Key>>, KeyringError> {
    let damaged = |why: String| KeyringError::Damaged {
        path: path.to_owned(),
        why,
    };
    let file: File = serde_json::from_slice(bytes).map_err(|why| damaged(why.to_string()))?;
    if file.v != VERSION {
        return Err(damaged(format!(
            "they are of version {}, this program knows version {VERSION}",
            file.v
        )));
    }
    let mut keys = file
        .keys
        .into_iter()
        .map(|stored| Key::from_stored(stored).map(Arc::new))
        .collect::<Result<Vec<_>, _>>()
        .map_err(damaged)?;
    keys.sort_by_key(|key| key.stored.signs_from);
    if keys.is_empty() {
        return Err(damaged("there is no key".to_owned()));
    }
    Ok(keys)
}

fn write(path: &Path, keys: &[Arc<Key>]) -> Result<(), KeyringError> {
    let failed = |why: ick_state::Error| KeyringError::Write {
        path: path.to_owned(),
        why,
    };
    let file = File {
        v: VERSION,
        keys: keys.iter().map(|key| key.stored.clone()).collect(),
    };
    let text = serde_json::to_vec(&file)
        .map_err(|why| failed(ick_state::Error::Other(why.to_string())))?;
    ick_state::atomic::write(path, &text, 0o600).map_err(failed)
}

#[cfg(test)]
mod tests;
