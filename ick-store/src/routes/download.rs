//! `GET` and `HEAD /blobs/NAME`: whole or in part, read from disk as fast as the client takes it.

use super::{Version, blob_name, missing};
use crate::blobs::Content;
use crate::repr_digest::{self, REPR_DIGEST};
use crate::shelf::Shelf;
use bytes::Bytes;
use futures_util::stream;
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ick_api::scope::BlobsIdGet;
use ick_core::digest::Digest;
use ick_core::name::BlobName;
use ick_http::axum::extract::State;
use ick_http::prometheus_client::metrics::counter::Counter;
use ick_http::range::{self, Wanted};
use ick_http::{
    Body, Caller, NamePath, Query, Refusal, Response, answers, blocking, etag, if_match,
    if_none_match,
};
use std::io;
use std::sync::Arc;

/// So many bytes are read and handed on at a time.
const PIECE: usize = 256 << 10;
/// Or so many, while many clients take what they asked for only slowly.
const SMALL_PIECE: usize = 16 << 10;

pub(super) async fn download(
    State(shelf): State<Arc<Shelf>>,
    caller: Caller,
    method: Method,
    path: NamePath,
    Query(Version { version }): Query<Version>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    caller.authorize_for::<BlobsIdGet>(&path.name)?;
    let name = blob_name(&path)?;
    let asked = name.clone();
    let looking = Arc::clone(&shelf);
    let found = blocking(move || {
        looking
            .find(&name, version.as_ref())
            .map_err(|error| missing(&name, error))
    })
    .await?;
    let (name, digest, size) = (asked, found.digest, found.content.size());
    let tag = digest.to_string();
    if_match(&headers, Some(&tag))?;
    if if_none_match(&headers, Some(&tag))? {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().insert(ETAG, etag(&tag));
        return Ok(response);
    }
    // A range is a matter of GET only (RFC 9110, section 14.2).
    let wanted = match method {
        Method::GET => range::wanted(&headers, size, Some(&etag(&digest.to_string()))),
        _ => Wanted::Whole,
    };
    let (status, start, end) = match wanted {
        Wanted::Whole => (StatusCode::OK, 0, size),
        Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part.start, part.end),
        Wanted::Nothing => return Err(Refusal::range_not_satisfiable(size)),
    };
    let body = match method {
        Method::GET => body(
            found.content,
            start,
            end,
            shelf.traffic().downloaded.clone(),
        ),
        _ => Body::empty(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    describe(response.headers_mut(), &name, &digest);
    let length = HeaderValue::from(end - start);
    response.headers_mut().insert(CONTENT_LENGTH, length);
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {start}-{}/{size}", end - 1);
        if let Ok(range) = HeaderValue::try_from(range) {
            response.headers_mut().insert(CONTENT_RANGE, range);
        }
    }
    Ok(response)
}

fn describe(headers: &mut HeaderMap, name: &BlobName, digest: &Digest) {
    headers.insert(ETAG, etag(&digest.to_string()));
    let kind = HeaderValue::from_static("application/octet-stream");
    headers.insert(CONTENT_TYPE, kind);
    // A content may be anything that a build made: no browser is to make a page of it.
    let no_sniffing = HeaderValue::from_static("nosniff");
    headers.insert(X_CONTENT_TYPE_OPTIONS, no_sniffing);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // What a name may consist of needs no escaping in a quoted string.
    let last = name.as_str().rsplit('/').next().unwrap_or_default();
    if let Ok(disposition) = HeaderValue::try_from(format!("attachment; filename=\"{last}\"")) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    if let Ok(value) = HeaderValue::try_from(repr_digest::write(digest)) {
        headers.insert(REPR_DIGEST, value);
    }
}

struct Reading {
    content: Arc<dyn Content>,
    next: u64,
    end: u64,
    downloaded: Counter,
}

fn body(content: Box<dyn Content>, start: u64, end: u64, downloaded: Counter) -> Body {
    let reading = Reading {
        content: content.into(),
        next: start,
        end,
        downloaded,
    };
    Body::from_stream(stream::try_unfold(reading, Reading::piece))
}

impl Reading {
    /// The next piece: what is in memory already at once, anything else on a thread that may wait.
    async fn piece(mut self) -> io::Result<Option<(Bytes, Self)>> {
        let left = self.end - self.next;
        if left == 0 {
            return Ok(None);
        }
        let most = match answers().is_short() {
            true => SMALL_PIECE,
            false => PIECE,
        };
        let len = usize::try_from(left).map_or(most, |left| left.min(most));
        let mut buffer = vec![0; len];
        let mut got = self.content.read_at_once(self.next, &mut buffer);
        if got == 0 {
            let (content, offset) = (Arc::clone(&self.content), self.next);
            let read = tokio::task::spawn_blocking(move || {
                let got = content.read_at(offset, &mut buffer)?;
                Ok::<_, io::Error>((buffer, got))
            });
            (buffer, got) = read.await.map_err(io::Error::other)??;
        }
        if got == 0 {
            // The client sees the connection break off before the promised length.
            tracing::error!("a content is shorter than it was when it was opened");
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer.truncate(got);
        self.next += got as u64;
        self.downloaded.inc_by(got as u64);
        Ok(Some((answers().charge(buffer), self)))
    }
}
