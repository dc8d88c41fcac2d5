//! A server of a few lines that keeps what it was sent.

use anyhow::Result;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// A request as it came, head and body.
#[derive(Clone, Debug)]
pub(crate) struct Request(pub(crate) String);

impl Request {
    /// Method and path.
    pub(crate) fn call(&self) -> String {
        let mut words = self.0.split(' ');
        let (method, path) = (words.next(), words.next());
        format!(
            "{} {}",
            method.unwrap_or_default(),
            path.unwrap_or_default()
        )
    }
}

/// An answer: status, more header lines, JSON body.
pub(crate) struct Reply(pub(crate) u16, pub(crate) String, pub(crate) String);

impl Reply {
    pub(crate) fn json(status: u16, body: impl Into<String>) -> Self {
        Self(status, String::new(), body.into())
    }

    pub(crate) fn redirect(status: u16, to: &str) -> Self {
        Self(status, format!("Location: {to}\r\n"), "{}".to_owned())
    }
}

/// The server.
pub(crate) struct Fake {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Fake {
    /// Answers with what `answer` says to method and path.
    pub(crate) fn start(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, all) = (Arc::new(answer), Arc::clone(&seen));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, all) = (Arc::clone(&answer), Arc::clone(&all));
                std::thread::spawn(move || converse(&stream, &all, &*answer));
            }
        });
        Ok(Self { url, seen })
    }

    /// Someone to whom nothing must be sent: even a connection without a request is kept.
    pub(crate) fn thief() -> Result<Self> {
        Self::start(|_| Reply::json(200, "{}"))
    }

    /// What it was sent so far.
    pub(crate) fn seen(&self) -> Vec<Request> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }
}

fn converse(stream: &TcpStream, seen: &Mutex<Vec<Request>>, answer: &dyn Fn(&str) -> Reply) {
    let request = read(stream);
    let Reply(status, headers, body) = answer(&request.call());
    seen.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(request);
    let mut stream = stream;
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n{headers}\r\n{body}",
        body.len()
    );
}

/// What comes, as far as it comes.
fn read(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    let mut length = 0;
    let mut line = String::new();
    while matches!(reader.read_line(&mut line), Ok(count) if count > 2) {
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        head.push_str(&line);
        line.clear();
    }
    let mut body = Vec::new();
    let _ = reader.take(length).read_to_end(&mut body);
    Request(head + &String::from_utf8_lossy(&body))
}
