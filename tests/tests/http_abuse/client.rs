//! A client that sends bytes as they are, and reads answers.

use anyhow::{Context, Result, ensure};
use ick_api::problem::Problem;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer that must come may take, on a busy machine: much less than the servers wait for
/// their clients here, so that it does not come because they have given up waiting.
const AT_ONCE: Duration = Duration::from_secs(40);

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    pending: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn is(self, status: u16) -> Result<Self> {
        let body = String::from_utf8_lossy(&self.body);
        ensure!(self.status == status, "not {status}: {}{body}", self.head);
        Ok(self)
    }

    /// Itself, if it is a problem of this status in RFC 9457's form.
    pub(crate) fn problem(self, status: u16) -> Result<Self> {
        let answer = self.is(status)?;
        let kind = answer.header("content-type");
        ensure!(
            kind == Some("application/problem+json"),
            "no problem: {}",
            answer.head
        );
        let problem: Problem = serde_json::from_slice(&answer.body)?;
        ensure!(problem.status == status && !problem.detail.is_empty());
        Ok(answer)
    }

    pub(crate) fn closes(self) -> Result<Self> {
        let close = self.header("connection") == Some("close");
        ensure!(close, "the connection is kept: {}", self.head);
        Ok(self)
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, AT_ONCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(AT_ONCE))?;
        stream.set_write_timeout(Some(AT_ONCE))?;
        Ok(Self {
            stream,
            pending: Vec::new(),
        })
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.stream
            .write_all(bytes.as_ref())
            .context("the server does not take it")
    }

    /// Sends what the server may refuse to take.
    pub(crate) fn offer(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Sends as much as the server takes without waiting for it.
    pub(crate) fn offer_at_once(&mut self, bytes: &[u8]) -> Result<usize> {
        self.stream.set_nonblocking(true)?;
        let sent = self.stream.write(bytes).unwrap_or(0);
        self.stream.set_nonblocking(false)?;
        Ok(sent)
    }

    pub(crate) fn no_more_to_send(&self) -> Result<()> {
        Ok(self.stream.shutdown(Shutdown::Write)?)
    }

    /// Takes what was read already for the beginning of the next answer.
    pub(crate) fn begin_again(&mut self, read: &[u8]) {
        self.pending.splice(0..0, read.iter().copied());
    }

    /// The next answer, by its `Content-Length` or chunks.
    pub(crate) fn answer(&mut self) -> Result<Answer> {
        let head = self.until(b"\r\n\r\n")?;
        let head = String::from_utf8(head)?;
        let status = head.get(9..12).context("no status")?.parse()?;
        let mut answer = Answer {
            status,
            head,
            body: Vec::new(),
        };
        if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let line = String::from_utf8(self.until(b"\r\n")?)?;
                let length = usize::from_str_radix(line.trim_end(), 16)?;
                let chunk = self.exactly(length)?;
                answer.body.extend(chunk);
                self.exactly(2)?;
                if length == 0 {
                    return Ok(answer);
                }
            }
        }
        if let Some(length) = answer.header("content-length") {
            answer.body = self.exactly(length.parse()?)?;
        }
        Ok(answer)
    }

    /// All that comes until the server closes.
    pub(crate) fn rest(&mut self) -> Result<String> {
        while self.more()? {}
        let rest = std::mem::take(&mut self.pending);
        Ok(String::from_utf8_lossy(&rest).into_owned())
    }

    fn until(&mut self, end: &[u8]) -> Result<Vec<u8>> {
        let mut seen = 0;
        loop {
            let found = self.pending[seen..]
                .windows(end.len())
                .position(|window| window == end);
            if let Some(at) = found {
                return Ok(self.pending.drain(..seen + at + end.len()).collect());
            }
            seen = self.pending.len().saturating_sub(end.len() - 1);
            ensure!(
                self.more().context("no answer")?,
                "closed after {:?}",
                String::from_utf8_lossy(&self.pending)
            );
        }
    }

    pub(crate) fn exactly(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.pending.len() < length {
            ensure!(self.more()?, "the answer broke off");
        }
        Ok(self.pending.drain(..length).collect())
    }

    fn more(&mut self) -> std::io::Result<bool> {
        let mut buffer = [0; 65536];
        match self.stream.read(&mut buffer) {
            Ok(length) => {
                self.pending.extend_from_slice(&buffer[..length]);
                Ok(length > 0)
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(error),
        }
    }
}
