//! Where access tokens come from.

use crate::error::Error;
use crate::idp::Idp;
use ick_core::name::ClientId;
use ick_core::secret::Secret;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::DirBuilder;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An API client's name and secret.
#[derive(Clone, Debug, Deserialize)]
pub struct Credentials {
    /// The client's name.
    pub client_id: ClientId,
    /// Its secret.
    pub client_secret: Secret,
}

/// Gives access tokens; clones share what they know.
#[derive(Clone)]
pub struct TokenSource(Arc<Inner>);

struct Inner {
    from: From,
    file: Option<PathBuf>,
    kept: Mutex<Option<Kept>>,
}

enum From {
    Fixed(Secret),
    Client {
        idp: Idp,
        credentials: Credentials,
        scope: Option<String>,
    },
}

#[derive(Clone)]
struct Kept {
    token: Secret,
    /// From here on another one is asked for.
    renew: SystemTime,
    /// From here on it is useless.
    ends: SystemTime,
}

/// The file that calls of icktool share, version 1.
#[derive(Serialize, Deserialize)]
struct TokenFile {
    version: u32,
    issuer: String,
    client_id: ClientId,
    #[serde(with = "ick_core::secret::revealed")]
    access_token: Secret,
    renew_ms: u64,
    ends_ms: u64,
}

impl TokenSource {
    /// Always this token.
    pub fn fixed(token: Secret) -> Self {
        Self(Arc::new(Inner {
            from: From::Fixed(token),
            file: None,
            kept: Mutex::new(None),
        }))
    }

    /// Tokens with all of the client's scopes, got by its credentials when they are needed.
    pub fn client(idp: Idp, credentials: Credentials) -> Self {
        Self::build(idp, credentials, None, None)
    }

    /// Like [`TokenSource::client`], and the token is kept in a file (0600) for the next process
    /// with the same issuer and client.
    pub fn client_with_cache(idp: Idp, credentials: Credentials, file: impl Into<PathBuf>) -> Self {
        Self::build(idp, credentials, None, Some(file.into()))
    }

    /// Like [`TokenSource::client`], with these scopes only (separated by spaces).
    pub fn client_with_scope(idp: Idp, credentials: Credentials, scope: impl Into<String>) -> Self {
        Self::build(idp, credentials, Some(scope.into()), None)
    }

    fn build(
        idp: Idp,
        credentials: Credentials,
        scope: Option<String>,
        file: Option<PathBuf>,
    ) -> Self {
        Self(Arc::new(Inner {
            from: From::Client {
                idp,
                credentials,
                scope,
            },
            file,
            kept: Mutex::new(None),
        }))
    }

    /// A token that is good for a while yet. One is asked for when four fifths of the last one's
    /// life are over.
    ///
    /// # Errors
    /// When there is none left and no new one can be had.
    pub fn token(&self) -> Result<Secret, Error> {
        let From::Client {
            idp,
            credentials,
            scope,
        } = &self.0.from
        else {
            let From::Fixed(token) = &self.0.from else {
                return Err(idp_missing());
            };
            return Ok(token.clone());
        };
        // Held while asking: others wait for the same token instead of asking too.
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now();
        if kept.is_none()
            && let Some(file) = &self.0.file
        {
            *kept = read(file, idp, credentials);
        }
        if let Some(kept) = kept.as_ref().filter(|k| now < k.renew) {
            return Ok(kept.token.clone());
        }
        match idp.token(credentials, scope.as_deref()) {
            Ok(answer) => {
                let life = Duration::from_secs(answer.expires_in.min(86_400));
                let fresh = Kept {
                    token: answer.access_token,
                    renew: now + life * 4 / 5,
                    ends: now + life,
                };
                if let Some(file) = &self.0.file
                    && let Err(error) = write(file, idp, credentials, &fresh)
                {
                    tracing::debug!(%error, "the token could not be kept for the next time");
                }
                let token = fresh.token.clone();
                *kept = Some(fresh);
                Ok(token)
            }
            Err(error) => match kept.as_ref().filter(|k| now < k.ends) {
                Some(kept) => {
                    tracing::debug!(%error, "no new token; the present one is still good");
                    Ok(kept.token.clone())
                }
                None => Err(error),
            },
        }
    }

    /// A server refused this token: the next one will be another. False when there is no other.
    pub(crate) fn forget(&self, token: &Secret) -> bool {
        if matches!(self.0.from, From::Fixed(_)) {
            return false;
        }
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_some_and(|k| k.token == *token) {
            *kept = None;
            if let Some(file) = &self.0.file {
                let _ = std::fs::remove_file(file);
            }
        }
        true
    }
}

fn idp_missing() -> Error {
    Error::Local {
        what: "getting a token".to_owned(),
        source: std::io::Error::other("no credentials"),
    }
}

fn read(file: &Path, idp: &Idp, credentials: &Credentials) -> Option<Kept> {
    let kept: TokenFile = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    let ours =
        kept.version == 1 && kept.issuer == idp.url() && kept.client_id == credentials.client_id;
    ours.then(|| Kept {
        token: kept.access_token,
        renew: UNIX_EPOCH + Duration::from_millis(kept.renew_ms),
        ends: UNIX_EPOCH + Duration::from_millis(kept.ends_ms),
    })
}

fn write(file: &Path, idp: &Idp, credentials: &Credentials, kept: &Kept) -> std::io::Result<()> {
    let ms = |t: SystemTime| {
        let since = t.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    };
    let text = serde_json::to_vec(&TokenFile {
        version: 1,
        issuer: idp.url().to_owned(),
        client_id: credentials.client_id.clone(),
        access_token: kept.token.clone(),
        renew_ms: ms(kept.renew),
        ends_ms: ms(kept.ends),
    })?;
    let folder = file.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    // A temporary file has mode 0600 from its first moment.
    let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
    fresh.write_all(&text)?;
    fresh.persist(file).map_err(|e| e.error)?;
    Ok(())
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.from {
            From::Fixed(_) => f.write_str("TokenSource(a fixed token)"),
            From::Client { credentials, .. } => {
                write!(f, "TokenSource({})", credentials.client_id)
            }
        }
    }
}
