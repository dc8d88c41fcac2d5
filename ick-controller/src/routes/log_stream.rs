//! A log on its way to a client: what there is of it, or all that comes until the build has ended.

use crate::app::App;
use crate::logs::{RecordReader, TextReader};
use bytes::Bytes;
use http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use ick_api::logframe;
use ick_core::name::BuildId;
use ick_http::range::{self, Wanted};
use ick_http::{Body, Refusal, Response, Sender, Woken, answer_stream, blocking};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TEXT: &str = "text/plain";
pub(super) const RECORDS: &str = "application/x-ndjson";

/// How often a follower of records gets a sign of life, and any looks again without a hint.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// A follower looks no more often than that, so that a thousand of them at a busy log cost little.
const PACE: Duration = Duration::from_millis(25);

/// How long a follower of records waits for the controller's own last line after a build has ended.
const LAST_LINE: Duration = Duration::from_secs(1);

/// How many pieces an answer is ahead of its client.
const AHEAD: usize = 2;

/// A log that a client reads.
#[derive(Clone)]
pub(super) struct Reading {
    app: Arc<App>,
    build: BuildId,
    /// Only this attempt.
    attempt: Option<u32>,
}

/// Whether there will be more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Perhaps.
    Goes,
    /// The build has ended, or the attempt that is asked for has.
    Over,
}

impl Reading {
    /// The log of a build, or of one attempt of it.
    ///
    /// # Errors
    /// 404 when there is no such build or attempt.
    pub(super) async fn new(
        app: Arc<App>,
        build: BuildId,
        attempt: Option<u32>,
    ) -> Result<Self, Refusal> {
        let reading = Self {
            app,
            build,
            attempt,
        };
        reading.phase().await?;
        Ok(reading)
    }

    /// Whether there will be more of the log.
    ///
    /// # Errors
    /// 404 when there is no such build or attempt.
    async fn phase(&self) -> Result<Phase, Refusal> {
        let (app, build) = (Arc::clone(&self.app), self.build.clone());
        let found = blocking(move || Ok(app.state.read(|tx| tx.build(&build))?)).await?;
        let Some(found) = found else {
            return Err(Refusal::not_found(format!(
                "there is no build {}",
                self.build
            )));
        };
        let state = &found.state;
        let attempt = self.attempt.unwrap_or(state.attempt);
        if attempt == 0 || attempt > state.attempt {
            return Err(Refusal::not_found(format!(
                "build {} has no attempt {attempt}",
                self.build
            )));
        }
        Ok(if state.status.has_ended() || attempt < state.attempt {
            Phase::Over
        } else {
            Phase::Goes
        })
    }

    async fn range(&self) -> Result<Range<u64>, Refusal> {
        let this = self.clone();
        blocking(move || Ok(this.app.logs.text_range(&this.build, this.attempt)?)).await
    }

    /// The text that there is now.
    pub(super) async fn text(
        &self,
        offset: Option<u64>,
        headers: &HeaderMap,
    ) -> Result<Response, Refusal> {
        let all = self.range().await?;
        let size = all.end - all.start;
        let (part, range) = match (offset, range::wanted(headers, size, None)) {
            (Some(offset), _) => (offset.min(size)..size, None),
            (None, Wanted::Whole) => (0..size, None),
            (None, Wanted::Nothing) => return Err(Refusal::range_not_satisfiable(size)),
            (None, Wanted::Part(part)) => {
                let said = format!("bytes {}-{}/{size}", part.start, part.end - 1);
                (part, HeaderValue::try_from(said).ok())
            }
        };
        let (sender, body) = answer_stream(AHEAD);
        let mut response = answer(TEXT, body);
        let headers = response.headers_mut();
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(part.end - part.start));
        if let Some(range) = range {
            headers.insert(CONTENT_RANGE, range);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        let until = all.start + part.end;
        let reader = self.app.logs.read_text(&self.build, all.start + part.start);
        let this = self.clone();
        tokio::spawn(async move {
            let mut reader = Some(reader);
            if this.send_text(&mut reader, until, &sender).await.is_some() {
                let _ = sender.finish().await;
            }
        });
        Ok(response)
    }

    /// The text from `offset` on until there will be no more.
    pub(super) async fn follow_text(&self, offset: u64) -> Result<Response, Refusal> {
        let start = self.range().await?.start.saturating_add(offset);
        let reader = self.app.logs.read_text(&self.build, start);
        let (sender, body) = answer_stream(AHEAD);
        let this = self.clone();
        tokio::spawn(async move {
            let mut reader = Some(reader);
            if this
                .follow(&mut Follower::Text(&mut reader), &sender)
                .await
                .is_some()
            {
                let _ = sender.finish().await;
            }
        });
        Ok(answer(TEXT, body))
    }

    /// Records: those there are, or also those to come.
    pub(super) fn records(&self, after: u64, follow: bool) -> Response {
        let reader = self.app.logs.read_records(&self.build, after, self.attempt);
        let (sender, body) = answer_stream(AHEAD);
        let this = self.clone();
        tokio::spawn(async move {
            let mut records = Records {
                reader: Some(reader),
                last_line: false,
            };
            let sent = if follow {
                this.follow(&mut Follower::Records(&mut records), &sender)
                    .await
            } else {
                this.send_records(&mut records, &sender).await.map(|_| ())
            };
            if sent.is_some() {
                let _ = sender.finish().await;
            }
        });
        answer(RECORDS, body)
    }

    /// Sends what there is and what comes until there will be no more. None when the answer is to be
    /// cut: the client is gone, the daemon ends, or the log cannot be read.
    async fn follow(&self, follower: &mut Follower<'_>, sender: &Sender) -> Option<()> {
        let mut watcher = self.app.logs.hints().watch(self.build.clone());
        let mut ended: Option<Instant> = None;
        let mut first = true;
        loop {
            let looked = Instant::now();
            let sent = follower.send(self, sender).await?;
            let mut deadline = looked + SIGN_OF_LIFE;
            if let Some(ended) = ended {
                // All that was sent before the look at the build's status was sent after it, too.
                if follower.has_last_line() || ended.elapsed() >= LAST_LINE {
                    return Some(());
                }
                deadline = ended + LAST_LINE;
            } else if !sent || std::mem::take(&mut first) {
                match self.phase().await {
                    Ok(Phase::Over) => {
                        ended = Some(Instant::now());
                        continue;
                    }
                    Ok(Phase::Goes) => {}
                    Err(_) => return None,
                }
            }
            if sent {
                tokio::time::sleep_until((looked + PACE).into()).await;
                continue;
            }
            tokio::select! {
                woken = watcher.changed(deadline) => match woken {
                    Woken::ShuttingDown => return None,
                    Woken::TimedOut if ended.is_none() => follower.sign_of_life(sender).await?,
                    _ => {}
                },
                () = sender.gone() => return None,
            }
        }
    }

    /// Sends text up to a position; whether there was any.
    async fn send_text(
        &self,
        reader: &mut Option<TextReader>,
        until: u64,
        sender: &Sender,
    ) -> Option<bool> {
        let mut any = false;
        loop {
            let turn = sender.turn().await;
            let mut one = reader.take()?;
            let logs = self.app.logs.clone();
            let (one, piece) = blocking(move || {
                let piece = one.read(&logs, until, turn.most())?;
                Ok((one, turn.made(piece)))
            })
            .await
            .ok()?;
            *reader = Some(one);
            if piece.is_empty() {
                return Some(any);
            }
            any = true;
            sender.send(piece).await.ok()?;
        }
    }

    /// Sends the records that there are; whether there were any.
    async fn send_records(&self, records: &mut Records, sender: &Sender) -> Option<bool> {
        let mut any = false;
        loop {
            let turn = sender.turn().await;
            let mut reader = records.reader.take()?;
            let logs = self.app.logs.clone();
            let (reader, piece, last_line) = blocking(move || {
                let records = reader.read(&logs, turn.most())?;
                let mut piece = Vec::new();
                for record in &records {
                    serde_json::to_writer(&mut piece, record)
                        .map_err(|error| Refusal::internal(&error))?;
                    piece.push(b'\n');
                }
                let last_line = records.last().is_some_and(|last| {
                    last.stream == logframe::Stream::Ick
                        && last
                            .text
                            .as_ref()
                            .is_some_and(|text| text.starts_with("build "))
                });
                Ok((reader, turn.made(piece), last_line))
            })
            .await
            .ok()?;
            records.reader = Some(reader);
            if piece.is_empty() {
                return Some(any);
            }
            any = true;
            records.last_line = last_line;
            sender.send(piece).await.ok()?;
        }
    }
}

/// Who follows a log. The readers are away while they read.
enum Follower<'a> {
    Text(&'a mut Option<TextReader>),
    Records(&'a mut Records),
}

struct Records {
    reader: Option<RecordReader>,
    /// Whether the last record says that the build has ended.
    last_line: bool,
}

impl Follower<'_> {
    async fn send(&mut self, reading: &Reading, sender: &Sender) -> Option<bool> {
        match self {
            Self::Text(reader) => {
                let end = reading.range().await.ok()?.end;
                reading.send_text(reader, end, sender).await
            }
            Self::Records(records) => reading.send_records(records, sender).await,
        }
    }

    /// Whether nothing is said after the build's end that is not sent yet.
    fn has_last_line(&self) -> bool {
        match self {
            Self::Text(_) => true,
            Self::Records(records) => records.last_line,
        }
    }

    async fn sign_of_life(&self, sender: &Sender) -> Option<()> {
        match self {
            Self::Text(_) => Some(()),
            Self::Records(_) => sender.send(Bytes::from_static(b"{}\n")).await.ok(),
        }
    }
}

fn answer(kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
