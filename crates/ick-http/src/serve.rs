//! The accept loop.

use crate::access::Lines;
use crate::auth::Gate;
use crate::connections::{Connections, Place, Verdict};
use crate::incoming::Receiving;
use crate::service::Service;
use crate::stalled::Limited;
use crate::traffic::Traffic;
use crate::{AccessLog, Budget, KeyFetcher, Limits, Listener, Metrics, Shutdown};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use ick_token::Verifier;
use serde_json::{Map, Value};
use std::io::{self, Write};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

/// How many requests may be in the daemon's own, synchronous code at a time: far more than disk and
/// processors can do at once, and not so many that their stacks fill the memory. More wait.
const BLOCKING_THREADS: usize = 128;
/// How long a thread of theirs stays without one.
const THREAD_IDLE: Duration = Duration::from_secs(2);

/// What hyper reads and writes at a time at most, in bytes; see [`Traffic`].
const BUFFER: usize = 64 << 10;

/// What the bodies that are taken whole may hold at a time, in bytes; one alone may hold more. What
/// came in one piece is not counted: it lies in its connection's buffer.
const BODIES: usize = 16 << 20;

/// What is served, and how.
pub struct Serve {
    /// The daemon's name.
    pub name: &'static str,
    /// Where.
    pub listener: Listener,
    /// The calls. `GET /version`, `/healthz` and `/metrics` are added to them.
    pub router: Router,
    /// The paths that need no token, exactly, besides `/version` and `/healthz`.
    pub public: &'static [&'static str],
    /// The answer of `GET /version`; see [`version`].
    pub version: Map<String, Value>,
    /// Judges tokens.
    pub verifier: Arc<Verifier>,
    /// Fetches the verifier's keys, where they are not the daemon's own.
    pub fetcher: Option<KeyFetcher>,
    /// Limits.
    pub limits: Limits,
    /// Whether a line about each request goes to the log.
    pub access_log: AccessLog,
    /// Counts.
    pub metrics: Metrics,
    /// Ends it; SIGTERM and SIGINT request it too.
    pub shutdown: Shutdown,
}

/// The server cannot be run.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve: {0}")]
pub struct ServeError(#[from] io::Error);

/// The fields that `GET /version` has in every daemon.
pub fn version(version: &str) -> Map<String, Value> {
    Map::from_iter([
        ("version".to_owned(), version.into()),
        ("api".to_owned(), ick_api::API_VERSION.into()),
    ])
}

/// Serves until the end is requested, and until the requests that were under way then have ended, or
/// [`Limits::grace`] is over. Says `listening on http://ADDRESS` on stderr when it begins.
///
/// # Errors
/// When the operating system does not give what is needed.
pub fn serve(serve: Serve) -> Result<(), ServeError> {
    let workers = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 4));
    let started = AtomicUsize::new(0);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(THREAD_IDLE)
        // Those that serve are started first, and stay; those that execute calls come and go.
        .thread_name_fn(move || {
            let serves = started.fetch_add(1, Ordering::Relaxed) < workers;
            if serves { "http" } else { "http call" }.to_owned()
        })
        .enable_all()
        .build()?;
    let grace = serve.limits.grace;
    let result = runtime.block_on(run(serve));
    runtime.shutdown_timeout(grace);
    result
}

async fn run(serve: Serve) -> Result<(), ServeError> {
    let limits = serve.limits;
    let connections = limits.connections.min(room_for_connections()).max(1);
    let url = serve.listener.url();
    let listener = TcpListener::from_std(serve.listener.into_socket())?;
    let shutdown = serve.shutdown;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let gate = Gate {
        verifier: serve.verifier,
        fetcher: serve.fetcher,
    };
    let receiving = Receiving::new(limits.body_bytes, limits.body_interval, Budget::new(BODIES));
    let built = serve.version.get("version").and_then(Value::as_str);
    serve.metrics.built(serve.name, built.unwrap_or_default());
    let service = Service::new(
        serve.router,
        serve.public,
        serve.version,
        gate,
        receiving,
        Lines::new(serve.access_log),
        serve.metrics.clone(),
    );
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head_size.max(BUFFER))
        .max_header_size(limits.head_size)
        .max_headers(limits.headers);
    let http = Arc::new(http);
    let connections = Connections::new(connections);
    // A log on a full disk does not keep it from serving.
    let _ = writeln!(io::stderr(), "listening on {url}");
    tracing::debug!("{} serves at {url}", serve.name);

    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.requested() => break,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        match accepted {
            Ok((stream, place)) => {
                let connection = Connection {
                    http: Arc::clone(&http),
                    service: service.clone(),
                    shutdown: shutdown.clone(),
                    write_time: limits.write_time,
                    _connected: serve.metrics.connected(),
                };
                tokio::spawn(connection.serve(stream, place));
            }
            Err(error) => {
                // Mostly there are no file descriptors left; the connections that end give some back.
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    shutdown.request();
    drop(listener);
    tokio::select! {
        () = connections.none() => {}
        () = tokio::time::sleep(limits.grace) => {
            tracing::warn!("ending with connections open");
        }
        // Told again: at once.
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Connections>,
) -> io::Result<(TcpStream, Place)> {
    // In this order: room is made only when there is someone for it.
    let (stream, _) = listener.accept().await?;
    Ok((stream, connections.place().await))
}

struct Connection {
    http: Arc<http1::Builder>,
    service: Service,
    shutdown: Shutdown,
    write_time: Duration,
    _connected: crate::metrics::Connected,
}

impl Connection {
    async fn serve(self, stream: TcpStream, mut place: Place) {
        // Without Nagle's algorithm small answers go out at once.
        let _ = stream.set_nodelay(true);
        let traffic = Arc::new(Traffic::default());
        let socket = Limited::new(stream, self.write_time, Arc::clone(&traffic));
        let service = self.service.of(Arc::clone(&traffic));
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(socket), service));
        let mut shutdown = pin!(self.shutdown.requested());
        let mut finishes = false;
        let ended = std::future::poll_fn(|cx| {
            loop {
                if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                    return Poll::Ready(Some(ended));
                }
                match place.note(traffic.waits(), cx.waker()) {
                    Verdict::Close => return Poll::Ready(None),
                    _ if finishes => return Poll::Pending,
                    Verdict::Stay if shutdown.as_mut().poll(cx).is_pending() => {
                        return Poll::Pending;
                    }
                    Verdict::Stay | Verdict::Finish => {
                        connection.as_mut().graceful_shutdown();
                        finishes = true;
                    }
                }
            }
        });
        match ended.await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::debug!("a connection ended: {error}"),
            None => tracing::debug!("a connection was closed to make room"),
        }
    }
}

/// How many connections the limit of open files has room for, after raising it as far as it goes.
fn room_for_connections() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum;
    let raised = Rlimit {
        current: most,
        maximum: most,
    };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => most,
        Err(_) => limit.current,
    };
    // Some for the database, logs, blobs and sockets of the daemon's own; each connection may have one
    // file open too.
    files.map_or(usize::MAX, |files| {
        usize::try_from(files.saturating_sub(64) / 2).unwrap_or(usize::MAX)
    })
}
