//! A server of a few lines, whose answers each test writes down byte by byte.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The connection it came on, counted from 0.
    pub(crate) connection: usize,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }
}

/// The bytes to answer with, and whether the connection is closed behind them.
pub(crate) struct Reply(pub(crate) Vec<u8>, pub(crate) bool);

impl Reply {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::with(status, "content-type: application/json\r\n", body)
    }

    pub(crate) fn problem(status: u16, headers: &str, detail: &str) -> Self {
        let body = format!(r#"{{"status":{status},"title":"x","detail":"{detail}"}}"#);
        let headers = format!("content-type: application/problem+json\r\n{headers}");
        Self::with(status, &headers, &body)
    }

    pub(crate) fn with(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        let text =
            format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n{body}");
        Self(text.into_bytes(), false)
    }

    /// A chunked body, ended cleanly or cut.
    pub(crate) fn chunks(chunks: &[&str], clean: bool) -> Self {
        let mut text = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
        for chunk in chunks {
            text.push_str(&format!("{:x}\r\n{chunk}\r\n", chunk.len()));
        }
        if clean {
            text.push_str("0\r\n\r\n");
        }
        Self(text.into_bytes(), !clean)
    }

    pub(crate) fn nothing() -> Self {
        Self(Vec::new(), true)
    }
}

/// The server, and what it was asked.
pub(crate) struct Fake {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

type Answer = dyn Fn(&Request, usize) -> Reply + Send + Sync;

impl Fake {
    /// Answers with what `answer` says to each request, given how many came before it.
    pub(crate) fn start(answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answer: Arc<Answer> = Arc::new(answer);
        let all = seen.clone();
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().flatten().enumerate() {
                let (seen, answer) = (all.clone(), answer.clone());
                std::thread::spawn(move || converse(&stream, connection, &seen, &*answer));
            }
        });
        Self { url, seen }
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

fn converse(stream: &TcpStream, connection: usize, seen: &Mutex<Vec<Request>>, answer: &Answer) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some(mut request) = head(&mut reader, connection) {
        // Who says `Expect` is answered before the body, and sends none after a refusal.
        let expects = request.header("expect").is_some();
        if expects && answer(&request, usize::MAX).0.starts_with(b"HTTP/1.1 4") {
            let reply = answer(&request, usize::MAX);
            seen.lock().unwrap().push(request);
            let _ = writer.write_all(&reply.0);
            // Like a proxy, it leaves it to the client to hang up.
            let _ = std::io::copy(&mut reader, &mut std::io::sink());
            return;
        }
        if expects {
            let _ = writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        read_body(&mut reader, &mut request);
        let before = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        let reply = answer(&request, before);
        if writer.write_all(&reply.0).is_err() || reply.1 {
            return;
        }
    }
}

fn head(reader: &mut impl BufRead, connection: usize) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let mut request = Request {
        // The method comes before it.
        target: words.nth(1)?.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        connection,
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => request
                .headers
                .push((name.to_lowercase(), value.to_owned())),
            None => return Some(request),
        }
    }
}

fn read_body(reader: &mut impl BufRead, request: &mut Request) {
    if request.header("transfer-encoding") == Some("chunked") {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk).unwrap();
            request.body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return;
            }
        }
    }
    let length = request
        .header("content-length")
        .map_or(0, |v| v.parse().unwrap());
    request.body = vec![0; length];
    reader.read_exact(&mut request.body).unwrap();
}
