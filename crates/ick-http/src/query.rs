//! What stands behind the "?".

use crate::Refusal;
use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;

/// The query of a request as a type; nonsense in it is a 400.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parse(parts).map(Self)
    }
}

pub(crate) fn parse<T: DeserializeOwned>(parts: &Parts) -> Result<T, Refusal> {
    axum::extract::Query::try_from_uri(&parts.uri)
        .map(|axum::extract::Query(query)| query)
        .map_err(|error| {
            let why = std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), ToString::to_string);
            Refusal::bad_request(format!("the query of the address is wrong: {why}"))
        })
}
