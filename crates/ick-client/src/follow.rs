//! Following a log: through cut connections, until the build has ended.
//!
//! The server ends the body cleanly exactly when the build has ended; everything else means come
//! again, from the byte or record that is next.

use crate::address::query;
use crate::call::{Call, Server};
use crate::error::Error;
use crate::retry::{Backoff, Retry};
use ick_api::controller::{Build, LogRecord};
use ick_core::name::BuildId;
use std::io::{self, BufRead, BufReader, Read};
use std::time::{Duration, Instant};
use ureq::BodyReader;

/// How long a follower goes on trying to reach a server that is gone.
const PATIENCE: Retry = Retry {
    base: Duration::from_millis(100),
    cap: Duration::from_secs(2),
    give_up_after: Duration::from_secs(60),
};

/// A connection that lasted so long was a good one, also when nothing came: a build can be silent for
/// longer than a read may take, or than a proxy leaves a connection alone.
const GOOD: Duration = Duration::from_millis(500);

/// A connection that is opened again when it is cut.
#[derive(Debug)]
struct Line {
    server: Server,
    /// Since the last time when all was well.
    backoff: Option<Backoff>,
    opened: Instant,
}

impl Line {
    fn new(mut server: Server) -> Self {
        server.retry = Retry::NEVER;
        Self {
            server,
            backoff: None,
            opened: Instant::now(),
        }
    }

    fn open(&mut self, call: &Call<'_>) -> Result<BodyReader<'static>, Error> {
        loop {
            let error = match self.server.send(call) {
                Ok(answer) => {
                    let headers = answer.headers();
                    let delimited = headers.contains_key("transfer-encoding")
                        || headers.contains_key("content-length");
                    if !delimited {
                        return Err(self
                            .server
                            .nonsense("the end of the log cannot be told from a cut connection"));
                    }
                    self.opened = Instant::now();
                    return Ok(answer.into_body().into_reader());
                }
                Err(error) => error,
            };
            self.pause(error)?;
        }
    }

    /// Waits before the next try, or gives the error up.
    fn pause(&mut self, error: Error) -> Result<(), Error> {
        if !error.is_transient(true) {
            return Err(error);
        }
        let backoff = self.backoff.get_or_insert_with(|| PATIENCE.begin());
        match backoff.next_wait(error.retry_after()) {
            Some(wait) => {
                tracing::debug!(%error, "the log will be asked for again");
                std::thread::sleep(wait);
                Ok(())
            }
            None => Err(error),
        }
    }

    fn cut(&mut self, error: io::Error) -> Error {
        if self.opened.elapsed() > GOOD {
            self.went_on();
        }
        self.server.broken(ureq::Error::from(error))
    }

    fn went_on(&mut self) {
        self.backoff = None;
    }
}

/// How long one call waits for a build's end at most.
const WAIT: Duration = Duration::from_secs(30);

/// A build when it has ended. See [`crate::Controller::ended_build`].
pub(crate) fn ended_build(server: Server, id: &BuildId) -> Result<Build, Error> {
    let mut line = Line::new(server);
    let mut wait = WAIT;
    loop {
        let asked = format!("{}ms", wait.as_millis());
        let query = query(&[("wait", Some(asked))]);
        let begun = Instant::now();
        match line
            .server
            .json::<Build>(&Call::get(format!("/builds/{id}{query}")))
        {
            Ok(build) if build.status.has_ended() => return Ok(build),
            Ok(_) => line.went_on(),
            Err(error) => {
                let lasted = begun.elapsed();
                if (GOOD..wait).contains(&lasted) {
                    // What is between may not let a call wait for longer.
                    wait = (lasted / 2).max(GOOD);
                }
                line.pause(error)?;
            }
        }
    }
}

/// The bytes of a log until the build has ended. See [`crate::Controller::follow_log`].
#[derive(Debug)]
pub struct FollowLog {
    line: Line,
    build: BuildId,
    offset: u64,
    body: Option<Opened>,
    ended: bool,
}

struct Opened(BodyReader<'static>);

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opened")
    }
}

impl FollowLog {
    pub(crate) fn new(server: Server, build: BuildId, offset: u64) -> Self {
        Self {
            line: Line::new(server),
            build,
            offset,
            body: None,
            ended: false,
        }
    }

    /// The position in the log of the next byte.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads what comes next, waiting for it; 0 when the build has ended.
    ///
    /// # Errors
    /// Those of any call, a server that stays unreachable for a minute among them.
    pub fn next(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        while !self.ended {
            let body = match &mut self.body {
                Some(body) => body,
                None => {
                    let query = query(&[
                        ("follow", Some("true".to_owned())),
                        ("offset", Some(self.offset.to_string())),
                    ]);
                    let call = Call::get(format!("/logs/{}{query}", self.build))
                        .header("accept", "text/plain");
                    self.body.insert(Opened(self.line.open(&call)?))
                }
            };
            match body.0.read(buffer) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    self.offset += count as u64;
                    self.line.went_on();
                    return Ok(count);
                }
                Err(error) => {
                    self.body = None;
                    let error = self.line.cut(error);
                    self.line.pause(error)?;
                }
            }
        }
        Ok(0)
    }
}

impl Read for FollowLog {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.next(buffer).map_err(io::Error::other)
    }
}

/// The records of a log. See [`crate::Controller::log_records`].
#[derive(Debug)]
pub struct FollowRecords {
    line: Line,
    build: BuildId,
    seq: u64,
    follow: bool,
    body: Option<OpenedLines>,
    ended: bool,
}

struct OpenedLines(BufReader<BodyReader<'static>>);

impl std::fmt::Debug for OpenedLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenedLines")
    }
}

impl FollowRecords {
    pub(crate) fn new(server: Server, build: BuildId, seq: u64, follow: bool) -> Self {
        Self {
            line: Line::new(server),
            build,
            seq,
            follow,
            body: None,
            ended: false,
        }
    }

    fn step(&mut self) -> Result<Option<LogRecord>, Error> {
        let mut text = String::new();
        while !self.ended {
            let body = match &mut self.body {
                Some(body) => body,
                None => {
                    let query = query(&[
                        ("follow", self.follow.then(|| "true".to_owned())),
                        ("after", Some(self.seq.to_string())),
                    ]);
                    let call = Call::get(format!("/logs/{}{query}", self.build))
                        .header("accept", "application/x-ndjson");
                    let body = self.line.open(&call)?;
                    self.body
                        .insert(OpenedLines(BufReader::with_capacity(1 << 16, body)))
                }
            };
            text.clear();
            match body.0.read_line(&mut text) {
                Ok(0) => self.ended = true,
                // `{}` is a sign of life.
                Ok(_) if matches!(text.trim(), "" | "{}") => self.line.went_on(),
                Ok(_) => {
                    let record: LogRecord = serde_json::from_str(&text)
                        .map_err(|e| self.line.server.nonsense(&e.to_string()))?;
                    self.line.went_on();
                    // Asked for again after a cut, a server may begin with what is here already.
                    if record.seq > self.seq {
                        self.seq = record.seq;
                        return Ok(Some(record));
                    }
                }
                Err(error) => {
                    self.body = None;
                    let error = self.line.cut(error);
                    self.line.pause(error)?;
                }
            }
        }
        Ok(None)
    }
}

impl Iterator for FollowRecords {
    type Item = Result<LogRecord, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step().transpose();
        if matches!(step, Some(Err(_))) {
            self.ended = true;
        }
        step
    }
}
