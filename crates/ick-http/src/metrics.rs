//! What a daemon counts, as `GET /metrics` shows it.

mod figures;
mod process;

pub use figures::Figures;

use figures::Look;
use ick_state::Database;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The text form of the metrics.
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: &'static str,
    route: Arc<str>,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: Arc<str>,
}

/// A daemon's metrics. Clones are of the same ones.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Mutex<Registry>,
    /// Its names have nothing before them.
    process: Registry,
    requests: Family<Request, Counter>,
    durations: Family<Route, Histogram>,
    connections: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Those of serving HTTP.
    pub fn new() -> Self {
        let requests = Family::default();
        // 0.1 ms to 26 s.
        let durations = Family::new_with_constructor(
            (|| Histogram::new(exponential_buckets(0.0001, 4.0, 10))) as fn() -> Histogram,
        );
        let connections = Gauge::default();
        let mut registry = Registry::with_prefix("ick");
        let mut process = Registry::default();
        process.register_collector(Box::new(Look(process::look())));
        let begun = Instant::now();
        registry.register_collector(Box::new(Look(move |figures: &mut Figures<'_, '_>| {
            let seconds = begun.elapsed().as_secs_f64();
            figures.gauge(
                "uptime_seconds",
                "How long the daemon has been running",
                seconds,
            )
        })));
        registry.register(
            "http_requests",
            "Requests answered, by method, route and status",
            requests.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "Time until the head of the answer, by route",
            durations.clone(),
        );
        registry.register(
            "http_connections",
            "Connections that are open",
            connections.clone(),
        );
        Self(Arc::new(Inner {
            registry: Mutex::new(registry),
            process,
            requests,
            durations,
            connections,
        }))
    }

    /// Adds metrics of the daemon's own; their names get `ick_` before them.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        let mut registry = self
            .0
            .registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        add(&mut registry);
    }

    /// Adds figures of the daemon's own that are read when they are asked for: cheaply, and on a thread
    /// that may wait for the disk.
    pub fn look<F>(&self, look: F)
    where
        F: Fn(&mut Figures<'_, '_>) -> fmt::Result + Send + Sync + 'static,
    {
        self.register(|registry| registry.register_collector(Box::new(Look(look))));
    }

    /// Adds what is written to the daemon's database.
    pub fn database(&self, database: &Database) {
        if let Some(durations) = database.commit_durations() {
            self.register(|registry| {
                registry.register(
                    "state_commit_duration_seconds",
                    "Time that a commit took, on disk",
                    durations,
                );
            });
        }
        let database = database.clone();
        self.look(move |figures| {
            let counts = database.counts();
            let help = "Changes of the database that were kept";
            figures.counter("state_writes", help, counts.writes)?;
            figures.counter("state_commits", "Commits that they shared", counts.commits)
        });
    }

    /// Adds the room that there is for the daemon's state.
    pub fn state_folder(&self, folder: &Path) {
        let folder = folder.to_owned();
        self.look(move |figures| {
            let Ok(disk) = rustix::fs::statvfs(&folder) else {
                return Ok(());
            };
            let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
            let help = "Room on the file system of the state folder";
            figures.number("state_free_bytes", help, bytes(disk.f_bavail))?;
            let help = "Size of the file system of the state folder";
            figures.number("state_size_bytes", help, bytes(disk.f_blocks))
        });
    }

    /// Tells which program this is.
    pub(crate) fn built(&self, daemon: &'static str, version: &str) {
        let labels = [
            ("daemon", daemon.to_owned()),
            ("version", version.to_owned()),
        ];
        let info = Info::new(labels);
        self.register(|registry| registry.register("build", "Which program this is", info));
    }

    pub(crate) fn answered(
        &self,
        method: &'static str,
        route: &str,
        status: u16,
        duration: Duration,
    ) {
        let route: Arc<str> = route.into();
        let by_route = Route {
            route: Arc::clone(&route),
        };
        let request = Request {
            method,
            route,
            status,
        };
        self.0.requests.get_or_create(&request).inc();
        self.0
            .durations
            .get_or_create(&by_route)
            .observe(duration.as_secs_f64());
    }

    pub(crate) fn connected(&self) -> Connected {
        self.0.connections.inc();
        Connected(self.0.connections.clone())
    }

    /// The metrics as text.
    pub(crate) fn text(&self) -> String {
        let registry = self
            .0
            .registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode_registry(&mut text, &registry);
        let _ = encode_registry(&mut text, &self.0.process);
        let _ = encode_eof(&mut text);
        text
    }
}

/// An open connection, as long as it lives.
pub(crate) struct Connected(Gauge);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.dec();
    }
}
