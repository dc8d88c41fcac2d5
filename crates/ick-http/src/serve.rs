//! The accept loop.

use crate::access::Lines;
use crate::auth::Gate;
use crate::incoming::Progress;
use crate::service::Service;
use crate::stalled::WriteLimited;
use crate::{AccessLog, KeyFetcher, Limits, Listener, Metrics, Shutdown};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use ick_token::Verifier;
use serde_json::{Map, Value};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many requests may be in the daemon's own, synchronous code at a time; slow uploads among them.
const BLOCKING_THREADS: usize = 512;

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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 4)))
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("http")
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
    let progress = Progress {
        bytes: limits.body_bytes,
        interval: limits.body_interval,
    };
    let built = serve.version.get("version").and_then(Value::as_str);
    serve.metrics.built(serve.name, built.unwrap_or_default());
    let service = Service::new(
        serve.router,
        serve.public,
        serve.version,
        gate,
        progress,
        Lines::new(serve.access_log),
        serve.metrics.clone(),
    );
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head_size)
        .max_header_size(limits.head_size)
        .max_headers(limits.headers);
    let http = Arc::new(http);
    let permits = Arc::new(Semaphore::new(connections));
    // A log on a full disk does not keep it from serving.
    let _ = writeln!(io::stderr(), "listening on {url}");
    tracing::debug!("{} serves at {url}", serve.name);

    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.requested() => break,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        match accepted {
            Ok((stream, permit)) => {
                let connection = Connection {
                    http: Arc::clone(&http),
                    service: service.clone(),
                    shutdown: shutdown.clone(),
                    write_time: limits.write_time,
                    _permit: permit,
                    _connected: serve.metrics.connected(),
                };
                tokio::spawn(connection.serve(stream));
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
    // Every connection holds a permit: when all can be had, all have ended.
    let all = u32::try_from(connections).unwrap_or(u32::MAX);
    tokio::select! {
        _ = permits.acquire_many(all) => {}
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
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

struct Connection {
    http: Arc<http1::Builder>,
    service: Service,
    shutdown: Shutdown,
    write_time: Duration,
    _permit: OwnedSemaphorePermit,
    _connected: crate::metrics::Connected,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        // Without Nagle's algorithm small answers go out at once.
        let _ = stream.set_nodelay(true);
        let io = TokioIo::new(WriteLimited::new(stream, self.write_time));
        let connection = self.http.serve_connection(io, self.service.clone());
        tokio::pin!(connection);
        let ended = tokio::select! {
            biased;
            ended = connection.as_mut() => ended,
            () = self.shutdown.requested() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!("a connection ended: {error}");
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
