//! One call: the request, its retries, and what an answer means.

use crate::address::Address;
use crate::connect;
use crate::error::Error;
use crate::retry::Retry;
use crate::tls::{Authorities, HandshakeCut, TlsFailure};
use crate::token::TokenSource;
use ick_api::problem::Problem;
use ick_core::secret::Secret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::Read;
use std::time::Duration;
use ureq::http::{HeaderMap, Method, Request, Response};
use ureq::{Agent, Body, SendBody};

/// How long an answer may take to begin, beyond the wait that was asked for, unless a client says
/// otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// The largest JSON answer that is taken.
const MAX_JSON: u64 = 256 << 20;

/// A server with its pool of connections.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    agent: Agent,
    authorities: Authorities,
    pub(crate) address: Address,
    pub(crate) retry: Retry,
    pub(crate) patience: Duration,
    pub(crate) token: Option<TokenSource>,
}

/// A request, as far as its bytes can be sent a second time.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<(&'static str, std::borrow::Cow<'a, [u8]>)>,
    wait: Duration,
    repeatable: bool,
    with_token: bool,
}

impl<'a> Call<'a> {
    fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: None,
            wait: Duration::ZERO,
            repeatable: false,
            with_token: true,
        }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path).repeatable()
    }

    pub(crate) fn head(path: impl Into<String>) -> Self {
        Self::new(Method::HEAD, path).repeatable()
    }

    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn put(path: impl Into<String>) -> Self {
        Self::new(Method::PUT, path).repeatable()
    }

    /// Not repeatable: after a lost answer, the second one would be "not found".
    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// Doing it twice is the same as once.
    pub(crate) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    pub(crate) fn without_token(mut self) -> Self {
        self.with_token = false;
        self
    }

    /// The server may hold the answer back for so long.
    pub(crate) fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn bytes(mut self, media_type: &'static str, bytes: &'a [u8]) -> Self {
        self.body = Some((media_type, bytes.into()));
        self
    }

    pub(crate) fn json(mut self, value: &impl Serialize) -> Result<Self, Error> {
        let bytes = serde_json::to_vec(value).map_err(|e| Error::Local {
            what: "writing the request".to_owned(),
            source: e.into(),
        })?;
        self.body = Some(("application/json", bytes.into()));
        Ok(self)
    }
}

impl Server {
    pub(crate) fn new(url: &str) -> Result<Self, Error> {
        let address = Address::parse(url)?;
        let authorities = Authorities::platform();
        Ok(Self {
            agent: connect::agent(&address, &authorities),
            authorities,
            address,
            retry: Retry::BRIEF,
            patience: PATIENCE,
            token: None,
        })
    }

    /// The same server, for whose certificate these authorities vouch.
    pub(crate) fn with_authorities(self, authorities: &Authorities) -> Self {
        Self {
            agent: connect::agent(&self.address, authorities),
            authorities: authorities.clone(),
            ..self
        }
    }

    /// The same server with connections of its own.
    pub(crate) fn apart(&self) -> Self {
        Self {
            agent: connect::agent(&self.address, &self.authorities),
            ..self.clone()
        }
    }

    /// Breaks every call that is under way, for good.
    pub(crate) fn shut_down(&self) {
        self.agent.clone().shutdown();
    }

    /// Makes a call, again where that can help, and gives any answer below 300.
    pub(crate) fn send(&self, call: &Call<'_>) -> Result<Response<Body>, Error> {
        let mut backoff = self.retry.begin();
        let mut renewed = false;
        loop {
            let source = self.token.as_ref().filter(|_| call.with_token);
            let (token, outcome) = match source.map(TokenSource::token).transpose() {
                Ok(token) => {
                    let outcome = self.once(call, token.as_ref());
                    (token, outcome)
                }
                Err(error) => (None, Err(error)),
            };
            let error = match outcome {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if let (Some(source), Some(token), Some(401), false) =
                (source, &token, error.status(), renewed)
            {
                renewed = true;
                if source.forget(token) {
                    continue;
                }
            }
            if !error.is_transient(call.repeatable) {
                return Err(error);
            }
            match backoff.next_wait(error.retry_after()) {
                Some(wait) => {
                    tracing::debug!(%error, ?wait, "will try again");
                    std::thread::sleep(wait);
                }
                None => return Err(error),
            }
        }
    }

    /// Makes a call and reads its JSON answer.
    pub(crate) fn json<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, Error> {
        let answer = self.send(call)?;
        self.read_json(answer)
    }

    /// Makes a call whose answer's body says nothing more.
    pub(crate) fn done(&self, call: &Call<'_>) -> Result<(), Error> {
        let answer = self.send(call)?;
        // Read to its end, so that the connection can be used again.
        answer
            .into_body()
            .into_with_config()
            .limit(MAX_JSON)
            .read_to_vec()
            .map(drop)
            .map_err(|e| self.broken(e))
    }

    /// A list over all its pages, or the first `limit` of it.
    pub(crate) fn list<P: DeserializeOwned, T>(
        &self,
        path: &str,
        pairs: &[(&str, Option<String>)],
        limit: Option<usize>,
        rows: impl Fn(P) -> Vec<T>,
    ) -> Result<Vec<T>, Error> {
        const PAGE: usize = 1000;
        let mut pairs = pairs.to_vec();
        pairs.push(("limit", Some(limit.unwrap_or(PAGE).min(PAGE).to_string())));
        let mut path = format!("{path}{}", crate::address::query(&pairs));
        let mut all = Vec::new();
        loop {
            let answer = self.send(&Call::get(&*path))?;
            let next = next_link(answer.headers());
            all.append(&mut rows(self.read_json(answer)?));
            if limit.is_some_and(|limit| all.len() >= limit) {
                all.truncate(limit.unwrap_or(usize::MAX));
                return Ok(all);
            }
            let Some(link) = next else {
                return Ok(all);
            };
            let next = self.address.path_of_link(&link).ok_or_else(|| {
                self.nonsense(&format!(
                    "the list goes on at {link}, which is not below this URL; a proxy that puts a path before \
                     the server's own has to do so in the header Link too"
                ))
            })?;
            if next == path {
                return Ok(all);
            }
            path = next;
        }
    }

    pub(crate) fn read_json<T: DeserializeOwned>(
        &self,
        answer: Response<Body>,
    ) -> Result<T, Error> {
        let bytes = answer
            .into_body()
            .into_with_config()
            .limit(MAX_JSON)
            .read_to_vec()
            .map_err(|e| self.broken(e))?;
        serde_json::from_slice(&bytes).map_err(|e| Error::Answer {
            url: self.address.to_string(),
            why: e.to_string(),
        })
    }

    fn once(&self, call: &Call<'_>, token: Option<&Secret>) -> Result<Response<Body>, Error> {
        match &call.body {
            Some((_, bytes)) => {
                let mut bytes = bytes.as_ref();
                let length = bytes.len() as u64;
                let body = SendBody::from_reader(&mut bytes);
                self.exchange(call, token, Some(length), body)
            }
            None if matches!(call.method, Method::POST | Method::PUT) => {
                self.exchange(call, token, Some(0), SendBody::none())
            }
            None => self.exchange(call, token, None, SendBody::none()),
        }
    }

    /// One try with a body that can be read only once; chunked when its length is not known.
    pub(crate) fn upload(
        &self,
        call: &Call<'_>,
        length: Option<u64>,
        body: &mut dyn Read,
    ) -> Result<Response<Body>, Error> {
        let token = self.token.as_ref().map(TokenSource::token).transpose()?;
        self.exchange(call, token.as_ref(), length, SendBody::from_reader(body))
    }

    fn exchange(
        &self,
        call: &Call<'_>,
        token: Option<&Secret>,
        length: Option<u64>,
        body: SendBody<'_>,
    ) -> Result<Response<Body>, Error> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", self.address, call.path));
        if let Some((media_type, _)) = &call.body {
            request = request.header("content-type", *media_type);
        }
        if let Some(length) = length {
            request = request.header("content-length", length);
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {}", token.reveal()));
        }
        let request = request.body(body).map_err(|e| Error::Local {
            what: "writing the request".to_owned(),
            source: std::io::Error::other(e),
        })?;
        let patience = self.patience + call.wait;
        let request = self
            .agent
            .configure_request(request)
            .timeout_recv_response(Some(patience))
            .timeout_per_read(Some(connect::READ_TIMEOUT.max(patience)))
            .build();
        let answer = self.agent.run(request).map_err(|e| self.broken(e))?;
        if answer.status().as_u16() < 300 {
            return Ok(answer);
        }
        Err(self.refused(answer))
    }

    fn refused(&self, answer: Response<Body>) -> Error {
        let status = answer.status();
        let headers = answer.headers();
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let is_problem =
            text("content-type").is_some_and(|t| t.starts_with(ick_api::problem::MEDIA_TYPE));
        let retry_after = text("retry-after")
            .and_then(|v| v.parse().ok())
            .map(Duration::from_secs);
        let scope = text("www-authenticate")
            .and_then(|v| v.split("scope=\"").nth(1))
            .and_then(|v| v.split('"').next())
            .map(str::to_owned);
        let body = answer
            .into_body()
            .into_with_config()
            .limit(1 << 20)
            .read_to_vec()
            .unwrap_or_default();
        if status == 400 && !self.address.is_https() && wants_tls(&body) {
            return Error::Tls {
                url: self.address.to_string(),
                why: TlsFailure::OnlyTls,
            };
        }
        let parsed = is_problem
            .then(|| serde_json::from_slice::<Problem>(&body).ok())
            .flatten();
        let mut problem = parsed.unwrap_or_else(|| {
            let reason = status.canonical_reason().unwrap_or("unknown");
            let detail = crate::idp::token_error(&body).unwrap_or_else(|| {
                format!("{} answered {} {reason}", self.address, status.as_u16())
            });
            Problem::new(status.as_u16(), reason, detail)
        });
        problem.status = status.as_u16();
        Error::Problem {
            url: self.address.to_string(),
            problem: Box::new(problem),
            scope,
            retry_after,
        }
    }

    /// What a failed exchange means.
    pub(crate) fn broken(&self, error: ureq::Error) -> Error {
        use std::io::ErrorKind as Io;
        use ureq::{Error as U, Timeout};
        let url = self.address.to_string();
        let (why, sent) = match error {
            U::Other(e) => match e.downcast::<TlsFailure>() {
                Ok(why) => return Error::Tls { url, why: *why },
                // Nothing was sent before the handshake's end.
                Err(e) => {
                    let sent = !e.is::<HandshakeCut>();
                    (e.to_string(), sent)
                }
            },
            U::Io(e) => {
                if let Some(why) = e.get_ref().and_then(|inner| inner.downcast_ref()) {
                    let why = TlsFailure::of(why);
                    return Error::Tls { url, why };
                }
                let sent = !matches!(
                    e.kind(),
                    Io::ConnectionRefused | Io::HostUnreachable | Io::NetworkUnreachable
                );
                let why = match e.kind() {
                    Io::ConnectionRefused => {
                        "nothing listens there (connection refused)".to_owned()
                    }
                    Io::UnexpectedEof | Io::ConnectionReset | Io::BrokenPipe => {
                        crate::error::CUT.to_owned()
                    }
                    _ => e.to_string(),
                };
                (why, sent)
            }
            U::HostNotFound => ("the host is not known".to_owned(), false),
            U::Timeout(Timeout::Resolve | Timeout::Connect) => {
                ("it does not answer within 10 s".to_owned(), false)
            }
            U::Timeout(_) => ("it does not go on answering".to_owned(), true),
            U::Protocol(e) => return self.nonsense(&e.to_string()),
            e @ (U::LargeResponseHeader(..) | U::BodyExceedsLimit(_)) => {
                return self.nonsense(&e.to_string());
            }
            e => (e.to_string(), true),
        };
        Error::Unreachable { url, why, sent }
    }

    pub(crate) fn nonsense(&self, why: &str) -> Error {
        Error::Answer {
            url: self.address.to_string(),
            why: why.to_owned(),
        }
    }
}

/// Whether an answer is the one that nginx, Apache or Go give in the clear where they speak TLS.
fn wants_tls(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    [
        "plain HTTP request was sent to HTTPS port",
        "speaking plain HTTP to an SSL-enabled server port",
        "Client sent an HTTP request to an HTTPS server",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// The target of `Link: <…>; rel="next"` (RFC 8288).
fn next_link(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all("link")
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .find_map(|link| {
            let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
            parameters
                .split(';')
                .any(|p| matches!(p.trim(), "rel=\"next\"" | "rel=next"))
                .then(|| target.to_owned())
        })
}
