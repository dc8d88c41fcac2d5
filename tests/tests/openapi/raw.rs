//! HTTP/1.1 as bytes: what a well-behaved client would refuse to send is sent as it is.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// No answer takes longer than that, but one that follows a log.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most of an answer that is read.
const MOST: u64 = 8 << 20;

/// A request.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

/// An answer, whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// As a person can read it, and without the token.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.method, shown(&self.target))?;
        for (name, value) in &self.headers {
            if name != "Authorization" {
                writeln!(f, "{name}: {}", shown(value))?;
            }
        }
        write!(f, "{}", shown(&self.body))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {:?}", self.status, self.headers)?;
        write!(f, "{}", shown(&self.body))
    }
}

fn shown(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(1000)];
    format!("{:?}", String::from_utf8_lossy(cut))
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_ascii_uppercase(),
            target: target.as_bytes().to_vec(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self.header("Content-Type", "application/json")
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.method.clone().into_bytes();
        bytes.push(b' ');
        bytes.extend_from_slice(&self.target);
        bytes.extend_from_slice(b" HTTP/1.1\r\nHost: ick\r\nConnection: close\r\n");
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        if !self.body.is_empty() || matches!(&*self.method, "POST" | "PUT") {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Sends it to `127.0.0.1:8750` or the like, and reads the answer.
    pub(crate) fn send(&self, address: &str) -> Result<Answer> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        // A server may answer, and close, before it has read all of it.
        let sent = stream.write_all(&self.bytes());
        Answer::read(BufReader::new(stream), self.method == "HEAD")
            .with_context(|| format!("no answer to {self:?} ({sent:?})"))
    }
}

impl Answer {
    fn read(mut stream: impl BufRead, is_head: bool) -> Result<Self> {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let status = line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .with_context(|| format!("no status line: {line:?}"))?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').context("a header without a colon")?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Self {
            status,
            headers,
            body: Vec::new(),
        };
        if !is_head && status != 304 {
            answer.body = answer.read_body(stream)?;
        }
        Ok(answer)
    }

    fn read_body(&self, mut stream: impl BufRead) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.header("transfer-encoding") == Some("chunked") {
            loop {
                let mut line = String::new();
                stream.read_line(&mut line)?;
                let size = u64::from_str_radix(line.trim(), 16).context("no size of a chunk")?;
                let mut chunk = Vec::new();
                (&mut stream).take(size + 2).read_to_end(&mut chunk)?;
                ensure!(chunk.ends_with(b"\r\n"), "a chunk that is cut");
                if size == 0 {
                    return Ok(body);
                }
                body.extend_from_slice(&chunk[..chunk.len() - 2]);
                ensure!((body.len() as u64) < MOST, "an answer that is far too long");
            }
        }
        let length: u64 = self
            .header("content-length")
            .map_or(Ok(0), str::parse)
            .context("no length")?;
        stream.take(length.min(MOST)).read_to_end(&mut body)?;
        ensure!(body.len() as u64 == length, "an answer that is cut");
        Ok(body)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(one, _)| one == name)
            .map(|(_, value)| value.as_str())
    }

    /// Its media type, without parameters.
    pub(crate) fn kind(&self) -> &str {
        let kind = self.header("content-type").unwrap_or_default();
        kind.split(';').next().unwrap_or_default().trim()
    }

    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("no JSON: {:?}", String::from_utf8_lossy(&self.body)))
    }
}
