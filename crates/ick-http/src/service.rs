//! What happens to each request: token, route, panic, count.

use crate::access::{Line, Lines};
use crate::auth::Gate;
use crate::incoming::{Receiving, Watched};
use crate::traffic::{Answering, Traffic};
use crate::{Metrics, Refusal, blocking, metrics};
use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, EXPECT, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Method, StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use ick_api::scope::MetricsGet;
use serde_json::{Map, Value};
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tower_service::Service as _;

/// Paths that need no token in any daemon.
const PUBLIC: [&str; 2] = ["/version", "/healthz"];

/// By what an answer can be found in the access log, where there is one.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How requests to no route are counted.
const NO_ROUTE: &str = "none";

#[derive(Clone)]
pub(crate) struct Service(Arc<Inner>);

/// The service of one connection.
pub(crate) struct OneService {
    inner: Arc<Inner>,
    traffic: Arc<Traffic>,
}

struct Inner {
    router: Router,
    public: &'static [&'static str],
    gate: Gate,
    receiving: Receiving,
    lines: Lines,
    metrics: Metrics,
}

impl Service {
    pub(crate) fn new(
        router: Router,
        public: &'static [&'static str],
        version: Map<String, Value>,
        gate: Gate,
        receiving: Receiving,
        lines: Lines,
        metrics: Metrics,
    ) -> Self {
        let version = axum::Json(Value::Object(version));
        let counted = metrics.clone();
        let router = router
            .route("/version", get(async move || version))
            .route("/healthz", get(async || "ok\n"))
            .route(
                "/metrics",
                get(async move |_: crate::Authorized<MetricsGet>| {
                    // Some of it is read from the disk.
                    let text = blocking(move || Ok(counted.text())).await?;
                    Ok::<_, Refusal>(([(CONTENT_TYPE, metrics::MEDIA_TYPE)], text))
                }),
            )
            .route_layer(middleware::from_fn(note_route))
            .fallback(async || Refusal::not_found("there is nothing at this address"));
        Self(Arc::new(Inner {
            router,
            public,
            gate,
            receiving,
            lines,
            metrics,
        }))
    }

    pub(crate) fn of(&self, traffic: Arc<Traffic>) -> OneService {
        let inner = Arc::clone(&self.0);
        OneService { inner, traffic }
    }
}

/// Lets the counting outside of the router know which route it was.
async fn note_route(route: MatchedPath, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(route);
    response
}

impl hyper::service::Service<http::Request<Incoming>> for OneService {
    type Response = Response<Answering>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, request: http::Request<Incoming>) -> Self::Future {
        let (inner, traffic) = (Arc::clone(&self.inner), Arc::clone(&self.traffic));
        traffic.begins();
        async move {
            let response = inner.answer(request, &traffic).await;
            Ok(response.map(|body| Answering::new(body, traffic)))
        }
        .boxed()
    }
}

impl Inner {
    async fn answer(&self, request: http::Request<Incoming>, traffic: &Arc<Traffic>) -> Response {
        let begun = Instant::now();
        let method = name(request.method());
        let mut line = self.lines.begin(method, request.uri().path());
        let mut unread = None;
        let answered = AssertUnwindSafe(self.handle(request, traffic, &mut unread, &mut line))
            .catch_unwind()
            .await;
        let mut response = match answered {
            Ok(response) => response,
            Err(panic) => {
                Refusal::internal_text(&format!("a handler panicked: {}", words(&*panic)))
                    .into_response()
            }
        };
        described(&mut response);
        response
            .headers_mut()
            .entry(X_CONTENT_TYPE_OPTIONS)
            .or_insert(HeaderValue::from_static("nosniff"));
        // What follows on such a connection may be the rest of a body instead of a request.
        if unread.is_some_and(|unread| unread.load(Ordering::Acquire)) {
            traffic.ends();
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(line) = &line
            && let Ok(id) = HeaderValue::try_from(&line.id)
        {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        let status = response.status().as_u16();
        let duration = begun.elapsed();
        let route = response.extensions_mut().remove::<MatchedPath>();
        let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
        self.metrics.answered(method, route, status, duration);
        match line {
            Some(line) => line.follow(response),
            None => response,
        }
    }

    /// `unread` is set for requests with a body; it tells afterwards whether the body was left unread.
    async fn handle(
        &self,
        request: http::Request<Incoming>,
        traffic: &Arc<Traffic>,
        unread: &mut Option<Arc<AtomicBool>>,
        line: &mut Option<Line>,
    ) -> Response {
        let (mut parts, incoming) = request.into_parts();
        let path = parts.uri.path();
        // A client of HTTP/1.0 cannot mean it (RFC 9110, section 10.1.1).
        let held_back = parts.version > Version::HTTP_10
            && parts
                .headers
                .get(EXPECT)
                .is_some_and(|expected| expected.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        if !PUBLIC.contains(&path) && !self.public.contains(&path) {
            match self.gate.caller(&parts.headers).await {
                Ok(caller) => {
                    traffic.is_known();
                    if let Some(line) = line {
                        line.sub = Some(caller.sub().clone());
                    }
                    parts.extensions.insert(caller);
                }
                Err(refusal) => {
                    if !incoming.is_end_stream() {
                        *unread = Some(Arc::new(AtomicBool::new(true)));
                        if !held_back {
                            self.receiving.read_away(incoming);
                        }
                    }
                    return refusal.into_response();
                }
            }
        }
        let body = if incoming.is_end_stream() {
            Body::empty()
        } else {
            let flag = Arc::new(AtomicBool::new(false));
            *unread = Some(Arc::clone(&flag));
            parts.extensions.insert(self.receiving.bodies().clone());
            parts.extensions.insert(Arc::clone(traffic));
            let body = Watched::new(incoming, self.receiving.clone(), held_back, flag);
            match line {
                Some(line) => line.count(body),
                None => Body::new(body),
            }
        };
        let request = Request::from_parts(parts, body);
        let mut router = self.router.clone();
        match router.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// Gives words to the refusals that the router makes by itself.
fn described(response: &mut Response) {
    let status = response.status();
    let own = response.headers().contains_key(CONTENT_TYPE)
        || !(status.is_client_error() || status.is_server_error());
    if own {
        return;
    }
    let detail = match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            let allowed = response
                .headers()
                .get(ALLOW)
                .and_then(|value| value.to_str().ok())
                .unwrap_or("other methods");
            format!("this address can only be asked with {allowed}")
        }
        _ => "the request was refused".to_owned(),
    };
    let headers = std::mem::take(response.headers_mut());
    let mut refused = Refusal::new(status, detail).into_response();
    for (name, value) in &headers {
        if *name != http::header::CONTENT_LENGTH {
            refused.headers_mut().insert(name, value.clone());
        }
    }
    std::mem::swap(refused.extensions_mut(), response.extensions_mut());
    *response = refused;
}

/// What a panic said.
fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it did not say why")
}

/// The method's name for the metrics: one of a few, whatever a client sends.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
