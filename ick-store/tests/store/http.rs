//! Just enough HTTP to send anything, right or wrong, and to see exactly what comes back.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub(crate) struct Request {
    head: String,
    body: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn request(method: &str, path: &str) -> Request {
    Request {
        head: format!("{method} {path} HTTP/1.1\r\nHost: store\r\nConnection: close\r\n"),
        body: Vec::new(),
    }
}

impl Request {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn body(self, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref().to_vec();
        let mut request = self.header("Content-Length", &body.len().to_string());
        request.body = body;
        request
    }

    /// The body in chunks of so many bytes.
    pub(crate) fn chunked(self, body: &[u8], len: usize) -> Self {
        let mut request = self.header("Transfer-Encoding", "chunked");
        for chunk in body.chunks(len) {
            request
                .body
                .extend(format!("{:x}\r\n", chunk.len()).bytes());
            request.body.extend(chunk);
            request.body.extend(b"\r\n");
        }
        request.body.extend(b"0\r\n\r\n");
        request
    }

    /// Sends the head and leaves the rest to the caller.
    pub(crate) fn begin(&self, to: SocketAddr) -> TcpStream {
        let mut stream = TcpStream::connect(to).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream
            .set_write_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        write!(stream, "{}\r\n", self.head).unwrap();
        stream
    }

    pub(crate) fn send(&self, to: SocketAddr) -> Answer {
        let mut stream = self.begin(to);
        // A server that refuses early may stop reading: the answer is what counts.
        let _ = stream.write_all(&self.body);
        let head = self.head.starts_with("HEAD ");
        Answer::read(stream, head)
    }
}

impl Answer {
    pub(crate) fn read(stream: TcpStream, head_only: bool) -> Self {
        let mut reader = BufReader::new(stream);
        let mut answer = Self::read_head(&mut reader);
        reader.read_to_end(&mut answer.body).unwrap();
        if head_only {
            assert!(answer.body.is_empty());
        } else if let Some(length) = answer.header("content-length") {
            assert_eq!(length, answer.body.len().to_string());
        }
        answer
    }

    pub(crate) fn read_head(reader: &mut impl BufRead) -> Self {
        let mut line = String::new();
        let mut next = || {
            line.clear();
            reader.read_line(&mut line).unwrap();
            line.trim_end().to_owned()
        };
        let status = next();
        let status = status
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest[..3].parse().ok())
            .unwrap_or_else(|| panic!("no status: {status:?}"));
        let mut headers = Vec::new();
        loop {
            let line = next();
            match line.split_once(": ") {
                Some((name, value)) => headers.push((name.to_lowercase(), value.to_owned())),
                None => break,
            }
        }
        Self {
            status,
            headers,
            body: Vec::new(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n == name);
        let first = found.next();
        assert!(found.next().is_none(), "{name} twice");
        first.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Checks status and form of an error; its detail.
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let json = self.json();
        assert_eq!(json["status"], status);
        json["detail"].as_str().unwrap().to_owned()
    }
}
