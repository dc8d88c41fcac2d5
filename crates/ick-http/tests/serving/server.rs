//! A server in this process with calls that show what handlers can be given, and a client that writes
//! bytes.

use ick_api::scope::{BlobsIdPut, BuildsGet, ClientsGet, MetricsGet, ProjectsPost, Scope};
use ick_core::time::Timestamp;
use ick_http::axum::Router;
use ick_http::axum::routing::{get, post, put};
use ick_http::{
    AccessLog, Authorized, BodyLimit, Json, KeyFetcher, Limits, Listener, Metrics, Refusal, Sender,
    Serve, Shutdown, Upload, Whole, answer_stream, blocking, serve, version,
};
use ick_token::{Claims, Issuer, Keyring, Rotation, Scopes, Trust, Verifier};
use serde::Deserialize;
use std::io::{Read, Write};
use std::net::{Shutdown as Half, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

pub(crate) const ISSUER: &str = "http://issuer.example";

/// For whatever must happen some time; a test that waits so long fails.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Everything that the calls here need, and no more.
const SCOPES: [&str; 4] = [
    BuildsGet::NAME,
    ProjectsPost::NAME,
    BlobsIdPut::NAME,
    MetricsGet::NAME,
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Greeting {
    name: String,
}

fn router(shutdown: &Shutdown) -> Router {
    let held = shutdown.clone();
    Router::new()
        .route(
            "/builds",
            get(async |_: Authorized<BuildsGet>| "builds")
                .post(
                    async |_: Authorized<ProjectsPost>, Json(greeting): Json<Greeting>| {
                        format!("hello, {}", greeting.name)
                    },
                )
                .layer(BodyLimit(1000)),
        )
        .route("/clients", get(async |_: Authorized<ClientsGet>| "clients"))
        .route(
            "/whole",
            put(async |_: Authorized<BlobsIdPut>, Whole(body): Whole| body.len().to_string())
                .layer(BodyLimit(1000)),
        )
        .route("/upload", put(upload))
        .route("/untouched", put(async || Refusal::conflict("not now")))
        .route(
            "/panic",
            get(async || -> String { panic!("the secret reason") }),
        )
        .route(
            "/panic-inside",
            get(async || blocking(|| -> Result<String, _> { panic!("the secret reason") }).await),
        )
        .route("/open", post(async || "open"))
        .route(
            "/held",
            get(async move || {
                held.requested().await;
                "held"
            }),
        )
        .route("/flood", get(async || flood(false)))
        .route("/cut", get(async || flood(true)))
}

/// A body that is taken in by synchronous code, and counted.
async fn upload(_: Authorized<BlobsIdPut>, body: Upload) -> Result<String, Refusal> {
    let mut reader = body.into_reader();
    blocking(move || {
        let mut sum = 0;
        while let Some(piece) = reader.next_piece()? {
            sum += piece.len();
        }
        Ok(sum.to_string())
    })
    .await
}

/// 64 MiB, unless it is cut after the first.
fn flood(cut: bool) -> ick_http::Body {
    let (sender, body) = answer_stream(2);
    std::thread::spawn(move || write_flood(sender, cut));
    body
}

fn write_flood(sender: Sender, cut: bool) {
    for _ in 0..64 {
        if sender.send_blocking(vec![b'x'; 1 << 20].into()).is_err() {
            return;
        }
        if cut {
            return;
        }
    }
    let _ = sender.finish_blocking();
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) shutdown: Shutdown,
    thread: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_millis(u64::try_from(since.unwrap().as_millis()).unwrap())
}

pub(crate) fn keyring(folder: &std::path::Path) -> Keyring {
    let rotation = Rotation {
        key_lifetime: Duration::from_secs(90 * 24 * 3600),
        refresh: Duration::from_secs(3600),
        token_lifetime: Duration::from_secs(300),
    };
    ick_token::install_crypto_provider();
    Keyring::open(folder.join("keys.json"), rotation, now()).unwrap()
}

/// A token of `issuer` for a client called `me`.
pub(crate) fn token(keyring: &Keyring, issuer: &str, scopes: &[&str]) -> String {
    let scopes = Scopes::of(scopes.iter().copied()).unwrap();
    let life = Duration::from_secs(300);
    let me = "me".parse().unwrap();
    let claims = Claims::new(issuer, "ick", &me, &scopes, life, now()).unwrap();
    keyring.sign(&claims, now()).unwrap().reveal().to_owned()
}

impl Server {
    pub(crate) fn start(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Arc::new(keyring(folder.path()));
        let issuer = Issuer {
            url: ISSUER.to_owned(),
            trust: Trust::Everything,
            keys: keyring.public_keys(),
        };
        Self::with_issuer(limits, folder, keyring, issuer, None)
    }

    pub(crate) fn with_issuer(
        limits: Limits,
        folder: tempfile::TempDir,
        keyring: Arc<Keyring>,
        issuer: Issuer,
        fetcher: Option<KeyFetcher>,
    ) -> Self {
        let shutdown = Shutdown::new();
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        let address = listener.address();
        let verifier = Arc::new(Verifier::new("ick", vec![issuer]));
        let jwks = Arc::clone(&keyring);
        let router =
            router(&shutdown).route("/jwks.json", get(async move || (*jwks.jwks()).to_owned()));
        let serving = Serve {
            name: "test",
            listener,
            router,
            public: &["/open", "/jwks.json"],
            version: version("1.2.3"),
            verifier,
            fetcher,
            limits,
            access_log: AccessLog::Off,
            metrics: Metrics::new(),
            shutdown: shutdown.clone(),
        };
        let thread = std::thread::spawn(move || serve(serving).unwrap());
        Self {
            address,
            keyring,
            shutdown,
            thread: Some(thread),
            _folder: folder,
        }
    }

    pub(crate) fn token(&self) -> String {
        token(&self.keyring, ISSUER, &SCOPES)
    }

    pub(crate) fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client {
            stream,
            pending: Vec::new(),
        }
    }

    /// The answer to a request of its own connection; `{token}` in it is a good token.
    pub(crate) fn ask(&self, request: &str) -> Answer {
        let mut client = self.connect();
        client.send(&request.replace("{token}", &self.token()));
        client.answer()
    }

    /// `GET`, `PUT` … with a good token.
    pub(crate) fn call(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        self.ask(&format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {{token}}\r\n\
             Content-Length: {length}\r\n{headers}\r\n{body}"
        ))
    }

    /// Waits until no connection is left but the one that asks for the number.
    pub(crate) fn assert_no_connection_stays(&self) {
        let begun = Instant::now();
        loop {
            let metrics = self.call("GET", "/metrics", "Connection: close\r\n", "");
            assert_eq!(metrics.status, 200);
            if metrics.body.contains("\nick_http_connections 1\n") {
                return;
            }
            assert!(begun.elapsed() < LONG, "{}", metrics.body);
            std::thread::yield_now();
        }
    }

    /// Ends the server; how long that took.
    pub(crate) fn end(mut self) -> Duration {
        let begun = Instant::now();
        self.shutdown.request();
        self.thread.take().unwrap().join().unwrap();
        begun.elapsed()
    }

    pub(crate) fn join(mut self) {
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.request();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    pending: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Checks that it is a problem in RFC 9457's form, of this status; its detail.
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem: ick_api::problem::Problem = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem.status, status);
        assert!(!problem.title.is_empty());
        problem.detail
    }
}

impl Client {
    pub(crate) fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// Waits for so long, and the server must neither answer nor close the connection meanwhile.
    pub(crate) fn hears_nothing_for(&mut self, time: Duration) {
        if time.is_zero() {
            return;
        }
        let usual = self.stream.read_timeout().unwrap();
        self.stream.set_read_timeout(Some(time)).unwrap();
        let heard = self.stream.peek(&mut [0]).map_err(|why| why.kind());
        self.stream.set_read_timeout(usual).unwrap();
        assert_eq!(heard, Err(std::io::ErrorKind::WouldBlock));
    }

    /// Sends what the server may refuse to take.
    pub(crate) fn try_send(&mut self, text: &str) -> bool {
        self.stream.write_all(text.as_bytes()).is_ok()
    }

    /// The next answer on this connection, by `Content-Length`.
    pub(crate) fn answer(&mut self) -> Answer {
        let end = loop {
            if let Some(end) = self.pending.windows(4).position(|w| w == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(self.more(), "no answer, only {:?}", self.pending_text());
        };
        let head = String::from_utf8(self.pending.drain(..end).collect()).unwrap();
        let status = head[9..12].parse().unwrap();
        let mut answer = Answer {
            status,
            head,
            body: String::new(),
        };
        let length = answer
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        while self.pending.len() < length {
            assert!(self.more(), "the answer broke off");
        }
        let body = self.pending.drain(..length).collect();
        answer.body = String::from_utf8(body).unwrap();
        answer
    }

    fn pending_text(&self) -> String {
        String::from_utf8_lossy(&self.pending).into_owned()
    }

    fn more(&mut self) -> bool {
        let mut buffer = [0; 65536];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(length) => {
                self.pending.extend_from_slice(&buffer[..length]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// Everything until the server closes.
    pub(crate) fn rest(&mut self) -> String {
        while self.more() {}
        let rest = self.pending_text();
        self.pending.clear();
        rest
    }

    pub(crate) fn no_more_to_send(&self) {
        self.stream.shutdown(Half::Write).unwrap();
    }
}
