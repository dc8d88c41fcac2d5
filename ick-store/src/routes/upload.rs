//! `PUT /blobs/NAME`: hashed and written to disk while it streams in.

use super::{Nothing, blob_name, changed, expect_conditions, missing, state};
use crate::blobs::Incoming;
use crate::names::Recorded;
use crate::repr_digest;
use crate::shelf::{FindError, Shelf};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_RANGE, ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use ick_api::scope::BlobsIdPut;
use ick_api::store::Stored;
use ick_core::digest::Digest;
use ick_core::name::{BlobName, ClientId};
use ick_http::axum::extract::State;
use ick_http::axum::response::IntoResponse;
use ick_http::axum::{Extension, Json};
use ick_http::{Budget, Caller, Held, NamePath, Query, Refusal, Response, Upload, blocking, etag};
use std::sync::{Arc, LazyLock};

/// So many bytes are hashed and written at a time, while the next ones arrive.
const BATCH: usize = 256 << 10;
/// Pieces that are smaller are copied together: each holds on to the buffer that it came in.
const SMALL: usize = 16 << 10;

/// What is collected in all uploads may have so many bytes before less is collected in each, in bytes.
const COLLECTED: usize = 16 << 20;

static COLLECTING: LazyLock<Budget> = LazyLock::new(|| Budget::new(COLLECTED));

/// The largest content that is taken, in bytes, if there is such a limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Largest(pub(super) Option<u64>);

impl Largest {
    fn check(self, size: u64) -> Result<(), Refusal> {
        match self.0 {
            Some(most) if size > most => Err(Refusal::too_large(most)),
            _ => Ok(()),
        }
    }
}

pub(super) async fn upload(
    State(shelf): State<Arc<Shelf>>,
    Extension(largest): Extension<Largest>,
    caller: Caller,
    path: NamePath,
    Query(Nothing {}): Query<Nothing>,
    headers: HeaderMap,
    body: Upload,
) -> Result<Response, Refusal> {
    let caller = caller.authorize_for::<BlobsIdPut>(&path.name)?;
    let name = blob_name(&path)?;
    let promised = check_headers(&headers)?;
    largest.check(body.length().unwrap_or(0))?;
    if headers.contains_key(IF_MATCH) || headers.contains_key(IF_NONE_MATCH) {
        // Before the body is sent; once more when it has come.
        expect_present_conditions(&shelf, &name, &headers).await?;
    }
    let disk = Disk::new(Arc::clone(&shelf), body.length()).await?;
    let (incoming, rest) = receive(disk, body, largest).await?;
    let putting = Putting {
        shelf,
        name,
        who: caller.sub().clone(),
        promised,
        headers,
    };
    blocking(move || putting.put(incoming, &rest)).await
}

/// Refuses what would not be kept as it is meant. Returns the digest that the content is said to have.
fn check_headers(headers: &HeaderMap) -> Result<Option<Digest>, Refusal> {
    if headers.contains_key(CONTENT_RANGE) {
        return Err(Refusal::bad_request(
            "a blob is put whole: Content-Range is not taken (RFC 9110, section 14.5)",
        ));
    }
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|coding| coding.as_bytes() != b"identity")
    {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "a blob is kept as it is sent: leave Content-Encoding out",
        ));
    }
    repr_digest::read(headers).map_err(|error| Refusal::bad_request(error.to_string()))
}

async fn expect_present_conditions(
    shelf: &Arc<Shelf>,
    name: &BlobName,
    headers: &HeaderMap,
) -> Result<(), Refusal> {
    let (shelf, name) = (Arc::clone(shelf), name.clone());
    let current = blocking(move || {
        shelf
            .names()
            .find(&name)
            .map_err(|error| missing(&name, FindError::State(error)))
    })
    .await?;
    expect_conditions(headers, current.map(|named| named.digest).as_ref())
}

/// Takes the body. A thread is held only while there is something to hash and write, so that a
/// thousand slow uploads are no thousand threads. What is left at the end is not written yet: a small
/// content is dealt with in one go. When this fails or is dropped, what came is removed.
async fn receive(
    mut disk: Disk,
    mut body: Upload,
    largest: Largest,
) -> Result<(Box<dyn Incoming>, Vec<Bytes>), Refusal> {
    let uploaded = disk.shelf.traffic().uploaded.clone();
    let mut batch = Batch::new();
    let mut size = 0;
    loop {
        let piece = tokio::select! {
            biased;
            // A full disk is told at once, whether or not there is more to come for now.
            written = disk.written() => {
                written?;
                continue;
            }
            piece = body.next() => piece?,
        };
        let Some(piece) = piece else { break };
        size += piece.len() as u64;
        uploaded.inc_by(piece.len() as u64);
        largest.check(size)?;
        batch.push(piece);
        if batch.len >= BATCH || COLLECTING.is_short() {
            disk.write(batch.take()).await?;
        }
    }
    Ok((disk.incoming().await?, batch.take()))
}

/// What is collected to be hashed and written in one go.
struct Batch {
    pieces: Vec<Bytes>,
    small: Vec<u8>,
    len: usize,
    held: Held,
}

impl Batch {
    fn new() -> Self {
        Self {
            pieces: Vec::new(),
            small: Vec::new(),
            len: 0,
            held: COLLECTING.nothing(),
        }
    }

    fn push(&mut self, piece: Bytes) {
        self.len += piece.len();
        self.held.take(piece.len());
        if piece.len() < SMALL {
            self.small.extend_from_slice(&piece);
        } else {
            self.end_small();
            self.pieces.push(piece);
        }
    }

    fn end_small(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push(std::mem::take(&mut self.small).into());
        }
    }

    /// What there is, in its order.
    fn take(&mut self) -> Vec<Bytes> {
        self.end_small();
        self.len = 0;
        self.held.clear();
        std::mem::take(&mut self.pieces)
    }
}

type Writing = tokio::task::JoinHandle<Result<Box<dyn Incoming>, Refusal>>;

/// The way of an upload to the disk: one batch at a time, while the next one arrives.
struct Disk {
    shelf: Arc<Shelf>,
    size: Option<u64>,
    incoming: Option<Box<dyn Incoming>>,
    writing: Option<Writing>,
}

impl Disk {
    async fn new(shelf: Arc<Shelf>, size: Option<u64>) -> Result<Self, Refusal> {
        let mut disk = Self {
            shelf,
            size,
            incoming: None,
            writing: None,
        };
        if size.is_some_and(|size| size > BATCH as u64) {
            // What has no room is refused before it is sent.
            disk.incoming = Some(disk.incoming().await?);
        }
        Ok(disk)
    }

    /// What arrives, when all that was to be written so far is.
    async fn incoming(&mut self) -> Result<Box<dyn Incoming>, Refusal> {
        if self.writing.is_some() {
            self.written().await?;
        }
        if let Some(incoming) = self.incoming.take() {
            return Ok(incoming);
        }
        let (shelf, size) = (Arc::clone(&self.shelf), self.size);
        blocking(move || shelf.receive(size).map_err(state)).await
    }

    async fn write(&mut self, pieces: Vec<Bytes>) -> Result<(), Refusal> {
        let mut incoming = self.incoming().await?;
        self.writing = Some(tokio::spawn(blocking(move || {
            incoming.write(&pieces).map_err(state)?;
            Ok(incoming)
        })));
        Ok(())
    }

    /// Waits for what is being written, without end if that is nothing.
    async fn written(&mut self) -> Result<(), Refusal> {
        let Some(writing) = &mut self.writing else {
            return std::future::pending().await;
        };
        let written = writing.await;
        self.writing = None;
        self.incoming = Some(written.map_err(|error| Refusal::internal(&error))??);
        Ok(())
    }
}

/// What is known of a content that has come, besides its bytes.
struct Putting {
    shelf: Arc<Shelf>,
    name: BlobName,
    who: ClientId,
    promised: Option<Digest>,
    headers: HeaderMap,
}

impl Putting {
    fn put(self, mut incoming: Box<dyn Incoming>, rest: &[Bytes]) -> Result<Response, Refusal> {
        incoming.write(rest).map_err(state)?;
        let arrived = incoming.finish().map_err(state)?;
        let (digest, size) = (arrived.digest(), arrived.size());
        if let Some(promised) = self.promised
            && promised != digest
        {
            return Err(Refusal::unprocessable(format!(
                "Repr-Digest promises {promised}, and what came is {digest}: nothing was kept"
            )));
        }
        let mut excluded = None;
        let recorded = self
            .shelf
            .put(arrived, &self.name, &self.who, ick_http::now(), |current| {
                let allowed = expect_conditions(&self.headers, current).is_ok();
                excluded = current.copied();
                allowed
            })
            .map_err(state)?;
        let status = match recorded {
            Recorded::Created => StatusCode::CREATED,
            Recorded::Replaced => StatusCode::OK,
            Recorded::Refused => return Err(changed(excluded.as_ref())),
        };
        let stored = Stored {
            name: self.name,
            digest,
            size,
        };
        let tag = etag(&digest.to_string());
        Ok((status, [(ETAG, tag)], Json(stored)).into_response())
    }
}
