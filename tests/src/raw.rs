//! HTTP without a client's own doings, for benchmarks: the same few lines talk to every server.

use anyhow::{Context, Result, bail, ensure};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A connection to a server.
#[derive(Debug)]
pub struct Raw {
    stream: BufReader<TcpStream>,
}

impl Raw {
    /// Connects.
    ///
    /// # Errors
    /// When nothing listens there.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::with_capacity(64 << 10, stream),
        })
    }

    /// Sends a request; without a token, as nobody.
    ///
    /// # Errors
    /// When the server does not take it.
    pub fn send(&mut self, method: &str, path: &str, token: &str, body: &[u8]) -> Result<()> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: bench\r\n");
        if !token.is_empty() {
            head += &format!("Authorization: Bearer {token}\r\n");
        }
        if method != "GET" {
            // Only forms must be called what they are.
            head += "Content-Type: application/x-www-form-urlencoded\r\n";
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        let stream = self.stream.get_mut();
        stream.write_all((head + "\r\n").as_bytes())?;
        Ok(stream.write_all(body)?)
    }

    /// The head of the answer: how long the body is, none when it comes in chunks.
    ///
    /// # Errors
    /// When it says that the request was refused.
    pub fn head(&mut self) -> Result<Option<u64>> {
        let mut length = None;
        let mut status = String::new();
        self.stream.read_line(&mut status)?;
        loop {
            let mut line = String::new();
            ensure!(self.stream.read_line(&mut line)? > 0, "cut after {status}");
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = Some(value.trim().parse()?);
            }
        }
        if !status.starts_with("HTTP/1.1 2") {
            let mut why = String::new();
            let body = self.stream.by_ref().take(length.unwrap_or_default());
            body.take(4096).read_to_string(&mut why)?;
            bail!("{status}{why}");
        }
        // No content has no length either.
        Ok(length.or(status.starts_with("HTTP/1.1 204").then_some(0)))
    }

    /// Reads the answer and keeps it.
    ///
    /// # Errors
    /// When the request was refused, or the answer comes in chunks.
    pub fn answer(&mut self) -> Result<Vec<u8>> {
        let length = self.head()?.context("an answer without a length")?;
        let mut body = Vec::new();
        self.stream.by_ref().take(length).read_to_end(&mut body)?;
        Ok(body)
    }

    /// Reads the answer and throws it away; how long it was.
    ///
    /// # Errors
    /// When the request was refused, or the answer comes in chunks.
    pub fn drain(&mut self) -> Result<u64> {
        let length = self.head()?.context("an answer without a length")?;
        let mut left = length;
        while left > 0 {
            let count = self.stream.fill_buf()?.len();
            ensure!(count > 0, "cut with {left} bytes left");
            let count = count.min(usize::try_from(left).unwrap_or(usize::MAX));
            self.stream.consume(count);
            left -= count as u64;
        }
        Ok(length)
    }

    /// The connection itself, when it is only to be kept open.
    pub fn into_stream(self) -> TcpStream {
        self.stream.into_inner()
    }
}
