//! HTTP by hand: what is sent is exactly what a test says.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long an answer may take; a test that waits so long fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// A header of it.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Itself, if it has this status; `what` says what was asked.
    pub(crate) fn is(self, status: u16, what: &str) -> Result<Self> {
        ensure!(
            self.status == status,
            "{what}: expected {status}, got {}{}",
            self.head,
            self.body
        );
        Ok(self)
    }

    /// Its body as JSON.
    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("no JSON: {self:?}"))
    }

    /// Checks that it refuses a token by a challenge of RFC 6750, section 3, in the form of a problem.
    pub(crate) fn refuses_token(self, what: &str) -> Result<()> {
        let answer = self.is(401, what)?;
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        ensure!(
            challenge.starts_with("Bearer error=\"invalid_"),
            "{what}: {challenge}"
        );
        let kind = answer.header("content-type");
        ensure!(
            kind == Some("application/problem+json"),
            "{what}: {answer:?}"
        );
        Ok(())
    }

    /// Checks that it names a missing scope.
    pub(crate) fn lacks(self, scope: &str, what: &str) -> Result<()> {
        let answer = self.is(403, what)?;
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        let expected = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
        ensure!(challenge == expected, "{what}: {challenge}");
        Ok(())
    }
}

/// Sends bytes to a server, on a connection of their own, and reads the answer.
pub(crate) fn send(url: &str, bytes: &[u8]) -> Result<Answer> {
    let address = url.strip_prefix("http://").context("no http URL")?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    stream.write_all(bytes)?;
    read(&mut stream).with_context(|| format!("no answer to {:?}", String::from_utf8_lossy(bytes)))
}

fn read(stream: &mut TcpStream) -> Result<Answer> {
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            let count = stream.read(&mut piece)?;
            ensure!(
                count > 0,
                "it ended after {:?}",
                String::from_utf8_lossy(&bytes)
            );
            bytes.extend_from_slice(&piece[..count]);
            continue;
        };
        let body = bytes.split_off(end + 4);
        let mut answer = Answer {
            status: 0,
            head: String::from_utf8(bytes)?,
            body: String::new(),
        };
        let status = answer.head.get(9..12).context("no status")?;
        answer.status = status.parse()?;
        answer.body = rest(stream, body, answer.header("content-length"))?;
        return Ok(answer);
    }
}

/// The rest of a body of so many bytes, or up to the end of the connection.
fn rest(stream: &mut TcpStream, mut body: Vec<u8>, length: Option<&str>) -> Result<String> {
    match length {
        Some(length) => {
            let length: usize = length.parse()?;
            let mut missing = vec![0; length.saturating_sub(body.len())];
            // The answer to HEAD has a length and no body.
            if stream.read_exact(&mut missing).is_ok() {
                body.extend_from_slice(&missing);
            }
        }
        None => {
            stream.read_to_end(&mut body)?;
        }
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// A request with these header lines, each ending with `\r\n`, and a body.
pub(crate) fn ask(
    url: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Result<Answer> {
    let length = match method {
        "POST" | "PUT" => format!("Content-Length: {}\r\n", body.len()),
        _ => String::new(),
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{length}{headers}\r\n{body}"
    );
    send(url, head.as_bytes())
}

/// A request with a token; a body is JSON.
pub(crate) fn call(url: &str, token: &str, method: &str, path: &str, body: &str) -> Result<Answer> {
    let kind = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/json\r\n"
    };
    let headers = format!("Authorization: Bearer {token}\r\n{kind}");
    ask(url, method, path, &headers, body)
}
