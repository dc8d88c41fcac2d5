//! Error answers: `application/problem+json` (RFC 9457).

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use ick_api::problem::{Flaw, MEDIA_TYPE, Problem};
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// A refused request: a status, a [`Problem`] whose detail a person can act on, and headers.
pub struct Refusal(Box<Inner>);

/// When it is worth asking a full disk again.
const ROOM_AGAIN: Duration = Duration::from_secs(2);

struct Inner {
    status: StatusCode,
    problem: Problem,
    headers: HeaderMap,
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.status.as_u16(), self.0.problem.detail)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.problem.detail)
    }
}

impl Error for Refusal {}

impl Refusal {
    /// A refusal that its status and its detail describe.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Self(Box::new(Inner {
            status,
            problem: Problem::new(status.as_u16(), title, detail),
            headers: HeaderMap::new(),
        }))
    }

    /// 400: not understandable.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 401: no token, or a bad one (RFC 6750, section 3).
    pub(crate) fn unauthorized(error: Option<&str>, detail: &str) -> Self {
        let challenge = error.map_or_else(
            || "Bearer".to_owned(),
            |error| format!("Bearer error=\"{error}\", error_description=\"{detail}\""),
        );
        Self::new(StatusCode::UNAUTHORIZED, detail).with_text(WWW_AUTHENTICATE, &challenge)
    }

    /// 403: the token lacks a scope, which is named in `WWW-Authenticate`.
    pub fn scope_missing(scope: &str) -> Self {
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
        Self::new(
            StatusCode::FORBIDDEN,
            format!("this needs the scope {scope}, which the token does not have"),
        )
        .with_text(WWW_AUTHENTICATE, &challenge)
    }

    /// 403: refused for another reason than a scope of the call.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 404: there is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 405, with the methods that are allowed, like `GET, PUT`.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("this can only be asked with {allow}"),
        )
        .with(ALLOW, HeaderValue::from_static(allow))
    }

    /// 409: it does not go together with how things are.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// 409 of a log append at the wrong offset, with the log's length.
    pub fn wrong_offset(detail: impl Into<String>, length: u64) -> Self {
        let mut refusal = Self::conflict(detail);
        refusal.0.problem.length = Some(length);
        refusal
    }

    /// 412: a precondition of the request (`If-Match`, `If-None-Match`) does not hold.
    pub fn precondition_failed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, detail)
    }

    /// 413: the body is longer than `limit` bytes.
    pub fn too_large(limit: u64) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body of this request can have at most {limit} bytes"),
        )
    }

    /// 415: the body is of a kind that is not understood here.
    pub fn unsupported_media(expected: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("the body of this request must be {expected} by its Content-Type"),
        )
    }

    /// 416: nothing of what there is lies in the range asked for.
    pub fn range_not_satisfiable(size: u64) -> Self {
        Self::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            format!("there are only {size} bytes"),
        )
        .with_text(CONTENT_RANGE, &format!("bytes */{size}"))
    }

    /// 422: understood, but wrong.
    pub fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// 422 with every reason. The detail is the first of them, or the given one where there are several.
    pub fn flaws(detail: impl Into<String>, flaws: Vec<Flaw>) -> Self {
        let mut refusal = Self::unprocessable(detail);
        refusal.0.problem.errors = flaws;
        refusal
    }

    /// 503: not now; when to come again.
    pub fn unavailable(detail: impl Into<String>, retry_after: Duration) -> Self {
        let seconds = retry_after.as_secs().max(1);
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            .with(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// 507: there is no room, and nothing was kept. `why` names the disk. Whoever can wait may come again,
    /// as room may be made.
    pub fn no_room(why: impl fmt::Display) -> Self {
        let detail = format!("nothing was kept, as there is no room: {why}");
        Self::new(StatusCode::INSUFFICIENT_STORAGE, detail)
            .with(RETRY_AFTER, HeaderValue::from(ROOM_AGAIN.as_secs()))
    }

    /// 500: a mistake in Ick, or a broken machine. What it was is for the log only.
    pub fn internal(error: &(dyn Error + 'static)) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self::internal_text(&text)
    }

    /// 500, with words for the log.
    pub fn internal_text(text: &str) -> Self {
        tracing::error!("internal error: {text}");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "something went wrong inside the server; its log says what",
        )
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// With a `type` by which a program can tell it from others of its status.
    #[must_use]
    pub fn of_kind(mut self, kind: &str) -> Self {
        kind.clone_into(&mut self.0.problem.kind);
        self
    }

    /// Adds a header whose value is built from text; one that cannot be a header is left out.
    #[must_use]
    pub fn with_text(self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => self.with(name, value),
            Err(_) => self,
        }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Its problem.
    pub fn problem(&self) -> &Problem {
        &self.0.problem
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Inner {
            status,
            problem,
            mut headers,
        } = *self.0;
        // A structure of strings and numbers always becomes JSON.
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

impl From<ick_token::random::RandomError> for Refusal {
    fn from(error: ick_token::random::RandomError) -> Self {
        Self::internal(&error)
    }
}

impl From<ick_state::Error> for Refusal {
    fn from(error: ick_state::Error) -> Self {
        match error {
            ick_state::Error::Full(why) => Self::no_room(why),
            ick_state::Error::Busy(_) => {
                Self::unavailable("the server is too busy", Duration::from_secs(1))
            }
            _ => Self::internal(&error),
        }
    }
}
