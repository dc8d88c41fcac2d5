//! The bodies of requests, each with its limit.

use crate::budget::Held;
use crate::incoming::Broken;
use crate::traffic::Traffic;
use crate::{Budget, Refusal};
use axum::Extension;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::middleware::AddExtension;
use bytes::{Buf, Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tower_layer::Layer;

/// The bytes that the bodies of a route's requests have at most. It is a layer of the route:
/// `post(handler).layer(BodyLimit(1000))`. A route without has [`BodyLimit::USUAL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimit(pub usize);

impl BodyLimit {
    /// 1 MiB.
    pub const USUAL: Self = Self(1 << 20);

    fn of(request: &Request) -> usize {
        let limit = request.extensions().get::<Self>();
        limit.unwrap_or(&Self::USUAL).0
    }
}

impl<S> Layer<S> for BodyLimit {
    type Service = AddExtension<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Extension(*self).layer(inner)
    }
}

/// A whole body within its route's [`BodyLimit`] (413 when there is more).
#[derive(Clone, Debug)]
pub struct Whole(pub Bytes);

/// A JSON body within its route's [`BodyLimit`] as a type: 400 when it is not JSON, 422 when it is of
/// another shape. What the body calls itself does not count: plain HTTP tools call everything a form,
/// and every call carries a token, so that no web page can send one in a person's name.
#[derive(Clone, Debug)]
pub struct Json<T>(pub T);

/// Like [`Json`], and an empty body is `T::default()`.
#[derive(Clone, Debug)]
pub struct JsonOrEmpty<T>(pub T);

impl<S: Sync> FromRequest<S> for Whole {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let limit = BodyLimit::of(&request);
        whole(request, limit).await.map(Self)
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let Whole(bytes) = Whole::from_request(request, state).await?;
        from_json(&bytes).map(Self)
    }
}

impl<S: Sync, T: DeserializeOwned + Default> FromRequest<S> for JsonOrEmpty<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let Whole(bytes) = Whole::from_request(request, state).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        from_json(&bytes).map(Self)
    }
}

fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    let error = match serde_json::from_slice(bytes) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    // The shape can be wrong before the place where it turns out not to be JSON at all.
    match serde_json::from_slice::<IgnoredAny>(bytes) {
        Ok(_) => Err(Refusal::unprocessable(format!(
            "the body is not what is expected here: {error}"
        ))),
        Err(error) => Err(Refusal::bad_request(format!(
            "the body is not JSON: {error}"
        ))),
    }
}

async fn whole(request: Request, limit: usize) -> Result<Bytes, Refusal> {
    let too_large = || Refusal::too_large(limit as u64);
    let budget = request.extensions().get::<Budget>().cloned();
    let mut body = request.into_body();
    let size = body.size_hint();
    if size.lower() > limit as u64 {
        return Err(too_large());
    }
    let whole = size.exact().and_then(|size| usize::try_from(size).ok());
    let mut held = budget.as_ref().map(Budget::nothing);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() else {
            continue;
        };
        let length = first.len() + rest.len() + data.len();
        if length > limit {
            return Err(too_large());
        }
        // Nearly all bodies come in one piece, which is not copied.
        if first.is_empty() && rest.is_empty() && whole.is_none_or(|whole| whole == length) {
            first = data;
            continue;
        }
        // Memory that is reserved is not in use before it is written to. Without a known size it grows
        // by doubling.
        let counted = if whole.is_some() { length } else { 2 * length };
        if let Some(held) = &mut held
            && !held.grow(counted)
        {
            return Err(Refusal::unavailable(
                "the server has its hands full with large requests",
                Duration::from_secs(1),
            ));
        }
        if rest.is_empty() {
            rest.reserve(whole.unwrap_or(length));
            rest.extend_from_slice(&std::mem::take(&mut first));
        }
        rest.extend_from_slice(&data);
    }
    if rest.is_empty() {
        return Ok(first);
    }
    Ok(Bytes::from_owner(InBudget {
        body: rest,
        _held: held,
    }))
}

/// A body that counts for as long as it is somewhere.
struct InBudget {
    body: BytesMut,
    _held: Option<Held>,
}

impl AsRef<[u8]> for InBudget {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

fn broken(error: &axum::Error) -> Refusal {
    use std::error::Error;
    let stalled = error
        .source()
        .and_then(|source| source.downcast_ref::<Broken>())
        .is_some_and(|broken| *broken == Broken::Stalled);
    if stalled {
        Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body of the request came too slowly: nothing of it was kept",
        )
    } else {
        Refusal::bad_request("the body of the request broke off: nothing of it was kept")
    }
}

/// A body that is taken piece by piece, however long it is.
#[derive(Debug)]
pub struct Upload {
    body: Body,
}

impl<S: Sync> FromRequest<S> for Upload {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        if let Some(traffic) = request.extensions().get::<Arc<Traffic>>() {
            traffic.wants_much();
        }
        let body = request.into_body();
        Ok(Self { body })
    }
}

impl Upload {
    /// How long the client says that it is; unknown when it is sent in chunks.
    pub fn length(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// The next piece.
    ///
    /// # Errors
    /// 408 when the client stalls, 400 when it breaks off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(broken(&error)),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// A reader for synchronous code (inside [`crate::blocking()`]). Some pieces are taken from the
    /// network ahead, while the code is busy with the disk.
    pub fn into_reader(mut self) -> BodyReader {
        let (sender, pieces) = mpsc::channel(AHEAD);
        tokio::spawn(async move {
            loop {
                let piece = tokio::select! {
                    piece = self.next() => piece.transpose(),
                    // The reader is gone: what is left of the body is of no interest.
                    () = sender.closed() => return,
                };
                let more = matches!(piece, Some(Ok(_)));
                if sender.send(piece).await.is_err() || !more {
                    return;
                }
            }
        });
        BodyReader {
            pieces,
            piece: Bytes::new(),
            ended: false,
        }
    }
}

/// How many pieces are taken ahead; hyper's are at most as large as its buffer.
const AHEAD: usize = 8;

/// Reads a body in synchronous code. An error of kind `Other` holds the [`Refusal`] to answer with;
/// [`BodyReader::refusal`] gets it out.
#[derive(Debug)]
pub struct BodyReader {
    pieces: mpsc::Receiver<Option<Result<Bytes, Refusal>>>,
    piece: Bytes,
    ended: bool,
}

impl BodyReader {
    /// The next piece, uncopied; `None` at the end.
    ///
    /// # Errors
    /// 408 when the client stalls, 400 when it breaks off.
    pub fn next_piece(&mut self) -> Result<Option<Bytes>, Refusal> {
        if !self.piece.is_empty() {
            return Ok(Some(std::mem::take(&mut self.piece)));
        }
        if self.ended {
            return Ok(None);
        }
        match self.pieces.blocking_recv() {
            Some(Some(Ok(piece))) => Ok(Some(piece)),
            Some(None) => {
                self.ended = true;
                Ok(None)
            }
            Some(Some(Err(refusal))) => Err(refusal),
            // The task that fills the channel is gone without a word: the server is ending.
            None => Err(Refusal::bad_request("the body of the request broke off")),
        }
    }

    /// The refusal that an error of `read` holds, or a 500.
    pub fn refusal(error: io::Error) -> Refusal {
        match error.downcast::<Refusal>() {
            Ok(refusal) => refusal,
            Err(error) => Refusal::internal(&error),
        }
    }
}

impl io::Read for BodyReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.next_piece().map_err(io::Error::other)? {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let length = self.piece.len().min(into.len());
        self.piece.copy_to_slice(&mut into[..length]);
        Ok(length)
    }
}
