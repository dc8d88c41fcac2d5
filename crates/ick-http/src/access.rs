//! One line for each request: who asked for what, and what became of it. No token, no query, no body.

use crate::incoming::{Broken, Watched};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use hyper::body::{Frame, SizeHint};
use ick_core::name::ClientId;
use ick_core::time::Timestamp;
use ick_core::yaml::Fields;
use serde::Serialize;
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::io::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

/// How much of a path is written, in bytes.
const LONGEST_PATH: usize = 1000;

/// Whether a line about each request is written to the daemon's log, and in which form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessLog {
    /// None: a daemon is quiet.
    #[default]
    Off,
    /// Words and numbers, separated by spaces.
    Text,
    /// An object.
    Json,
}

impl AccessLog {
    /// Reads the setting `access_log`; off when it is left out.
    pub fn read(fields: &Fields<'_>) -> Self {
        let words = [
            ("off", Self::Off),
            ("text", Self::Text),
            ("json", Self::Json),
        ];
        let given = fields.field("access_log");
        let form = given.and_then(|field| field.word(&words));
        form.unwrap_or_default()
    }
}

/// Begins the lines of a daemon.
#[derive(Debug)]
pub(crate) struct Lines {
    form: AccessLog,
    /// Tells this process's requests from those of another.
    prefix: u32,
    next: AtomicU64,
}

impl Lines {
    pub(crate) fn new(form: AccessLog) -> Self {
        let random = RandomState::new().hash_one(std::process::id());
        Self {
            form,
            prefix: (random >> 32) as u32,
            next: AtomicU64::new(1),
        }
    }

    /// Begins the line of a request, if there are any.
    pub(crate) fn begin(&self, method: &'static str, path: &str) -> Option<Line> {
        if self.form == AccessLog::Off {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Some(Line {
            form: self.form,
            begun: Instant::now(),
            time: crate::now(),
            id: format!("{:08x}-{number}", self.prefix),
            method,
            path: shown(path),
            sub: None,
            taken: Arc::default(),
            status: 0,
        })
    }
}

/// A path as it is written: what is not visible ASCII is escaped as in an URL, so that it can neither
/// end the line nor do anything to a terminal.
fn shown(path: &str) -> String {
    let mut text = String::with_capacity(path.len().min(LONGEST_PATH));
    for byte in path.bytes() {
        if text.len() >= LONGEST_PATH {
            text.push_str("...");
            break;
        }
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\') {
            text.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// The line of a request that is under way.
#[derive(Debug)]
pub(crate) struct Line {
    form: AccessLog,
    begun: Instant,
    time: Timestamp,
    pub(crate) id: String,
    method: &'static str,
    path: String,
    /// Who asks, once that is known.
    pub(crate) sub: Option<ClientId>,
    /// How many bytes of the request's body were taken.
    taken: Arc<AtomicU64>,
    status: u16,
}

#[derive(Serialize)]
struct Shown<'a> {
    time: Timestamp,
    id: &'a str,
    sub: Option<&'a str>,
    method: &'a str,
    path: &'a str,
    status: u16,
    duration_ms: f64,
    request_bytes: u64,
    answer_bytes: u64,
    cut: bool,
}

impl Line {
    /// A request's body whose bytes are counted as they are taken.
    pub(crate) fn count(&self, body: Watched) -> Body {
        Body::new(Counted {
            body,
            taken: Arc::clone(&self.taken),
        })
    }

    /// The answer, that the line is written when its body has ended.
    pub(crate) fn follow(mut self, answer: Response) -> Response {
        let (parts, body) = answer.into_parts();
        let status = parts.status;
        self.status = status.as_u16();
        let length = parts.headers.get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        let none = self.method == "HEAD"
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED;
        let followed = Followed {
            body,
            line: self,
            sent: 0,
            length: if none { Some(0) } else { length },
            ended: false,
        };
        Response::from_parts(parts, Body::new(followed))
    }

    fn write(&self, sent: u64, cut: bool) {
        let micros = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let duration_ms = micros as f64 / 1000.0;
        let taken = self.taken.load(Ordering::Relaxed);
        let sub = self.sub.as_ref().map(ClientId::as_str);
        let text = match self.form {
            AccessLog::Json => {
                let shown = Shown {
                    time: self.time,
                    id: &self.id,
                    sub,
                    method: self.method,
                    path: &self.path,
                    status: self.status,
                    duration_ms,
                    request_bytes: taken,
                    answer_bytes: sent,
                    cut,
                };
                // A structure of texts and numbers always becomes JSON.
                serde_json::to_string(&shown).unwrap_or_default() + "\n"
            }
            _ => format!(
                "{} access {} {} {} {} {} {duration_ms:.3}ms in={taken} out={sent}{}\n",
                self.time,
                self.id,
                sub.unwrap_or("-"),
                self.method,
                self.path,
                self.status,
                if cut { " cut" } else { "" },
            ),
        };
        // One call, so that the line is whole; where nobody reads the log there is nobody to tell.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
}

/// An answer's body, and the line about it.
struct Followed {
    body: Body,
    line: Line,
    sent: u64,
    /// How long it is, where that was promised.
    length: Option<u64>,
    ended: bool,
}

impl hyper::body::Body for Followed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            Poll::Ready(None) => self.ended = true,
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        use hyper::body::Body as _;
        let whole = self.ended || self.body.is_end_stream() || self.length == Some(self.sent);
        self.line.write(self.sent, !whole);
    }
}

/// A request's body whose bytes are counted as they are taken.
struct Counted {
    body: Watched,
    taken: Arc<AtomicU64>,
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let length = frame.data_ref().map_or(0, |data| data.len() as u64);
            self.taken.fetch_add(length, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_on_its_line() {
        assert_eq!(shown("/builds/a~b%0A"), "/builds/a~b%0A");
        assert_eq!(
            shown("/\u{7f}\r\n\u{1b}[2J \"\\\u{e9}\u{2028}"),
            "/%7F%0D%0A%1B[2J%20%22%5C%C3%A9%E2%80%A8"
        );
        let long = shown(&"\n".repeat(60_000));
        assert!(
            long.len() < LONGEST_PATH + 10 && long.ends_with("%0A..."),
            "{long}"
        );
    }
}
