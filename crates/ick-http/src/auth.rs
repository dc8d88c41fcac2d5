//! Who asks, and what they may do.

use crate::{KeyFetcher, Refusal, now};
use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use ick_api::scope::{Scope, for_blob};
use ick_core::name::ClientId;
use ick_token::{Scopes, Verified, Verifier, VerifyError};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// How long a request with a token that cannot be judged yet waits for the issuer's keys.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whoever sent a request, by the token that came with it.
#[derive(Clone, Debug)]
pub struct Caller(Arc<Verified>);

impl Caller {
    /// The client.
    pub fn sub(&self) -> &ClientId {
        &self.0.sub
    }

    /// What it may do.
    pub fn scopes(&self) -> &Scopes {
        &self.0.scopes
    }

    /// The issuer's number, in the order that the verifier was given.
    pub fn issuer(&self) -> usize {
        self.0.issuer
    }

    /// The proof that the caller has a scope.
    ///
    /// # Errors
    /// 403 that names it.
    pub fn authorize<S: Scope>(self) -> Result<Authorized<S>, Refusal> {
        if self.0.scopes.contains(S::NAME) {
            Ok(Authorized(self, PhantomData))
        } else {
            Err(Refusal::scope_missing(S::NAME))
        }
    }

    /// The proof that the caller has a scope for everything, or for this one thing (`SCOPE:NAME`).
    ///
    /// # Errors
    /// 403 that names it.
    pub fn authorize_for<S: Scope>(self, name: &str) -> Result<Authorized<S>, Refusal> {
        let scopes = &self.0.scopes;
        if scopes.contains(S::NAME) || scopes.contains(&for_blob::<S>(name)) {
            Ok(Authorized(self, PhantomData))
        } else {
            Err(Refusal::scope_missing(S::NAME))
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        // It is there for every path but those that were declared public.
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Refusal::internal_text("a handler on a public path asks for the caller"))
    }
}

/// A caller that has the scope `S`. There is no other way to get one than to have it.
pub struct Authorized<S>(Caller, PhantomData<S>);

impl<S> Authorized<S> {
    /// The caller.
    pub fn caller(&self) -> &Caller {
        &self.0
    }
}

impl<S> Deref for Authorized<S> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl<S> Clone for Authorized<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<St: Sync, S: Scope> FromRequestParts<St> for Authorized<S> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &St) -> Result<Self, Refusal> {
        Caller::from_request_parts(parts, state)
            .await?
            .authorize::<S>()
    }
}

/// Judges the tokens of requests.
pub(crate) struct Gate {
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) fetcher: Option<KeyFetcher>,
}

impl Gate {
    /// The caller, by the one `Authorization` header.
    pub(crate) async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let token = bearer(headers)?;
        let judged = match self.verifier.verify(token, now()) {
            Err(VerifyError::NoKeys(issuer) | VerifyError::UnknownKey(issuer)) => {
                if let Some(fetcher) = &self.fetcher {
                    fetcher.fetch_early(issuer, PATIENCE).await;
                }
                self.verifier.verify(token, now())
            }
            judged => judged,
        };
        match judged {
            Ok(verified) => Ok(Caller(verified)),
            Err(error @ VerifyError::NoKeys(_)) => Err(Refusal::unavailable(
                format!("{error}: is the identity provider up?"),
                Duration::from_secs(1),
            )),
            Err(error) => {
                let detail = error.to_string();
                Err(Refusal::unauthorized(Some("invalid_token"), &detail))
            }
        }
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(Refusal::unauthorized(
            None,
            "this needs an access token: Authorization: Bearer TOKEN",
        ));
    };
    let wrong = || {
        Refusal::unauthorized(
            Some("invalid_request"),
            "there must be one Authorization header, of the form: Bearer TOKEN",
        )
    };
    if values.next().is_some() {
        return Err(wrong());
    }
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(wrong());
    }
    Ok(token.trim_matches(' '))
}
