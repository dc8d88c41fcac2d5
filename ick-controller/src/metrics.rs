//! What the controller counts besides requests, as `GET /metrics` shows it: what happens to builds as it
//! is committed; the rest is looked at when it is asked for, and nothing of it counts rows.
//!
//! No label ever has a text that a client chose: they are the words of the language.

use crate::app::App;
use crate::transition::Moved;
use ick_core::build::{ActionStatus, BuildStatus, CauseKind, Effect};
use ick_http::prometheus_client::metrics::counter::Counter;
use ick_http::prometheus_client::metrics::family::Family;
use ick_http::prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use ick_http::{Figures, Metrics};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long ago a worker may have been heard of to count as seen.
const SEEN: Duration = Duration::from_secs(60);

type Labels<const N: usize> = [(&'static str, String); N];

/// What has happened to builds since the controller was started.
#[derive(Debug)]
pub struct Counts {
    triggered: Counter,
    ended: Family<Labels<2>, Counter>,
    waited: Histogram,
    took: Histogram,
    actions: Family<Labels<1>, Histogram, fn() -> Histogram>,
    leases_granted: Counter,
    leases_expired: Counter,
}

/// 1 ms to 18 h.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 4.0, 14))
}

fn ending(status: BuildStatus, cause: Option<CauseKind>) -> Labels<2> {
    let cause = cause.map_or("none", CauseKind::as_str);
    [("status", status.to_string()), ("cause", cause.to_owned())]
}

impl Default for Counts {
    fn default() -> Self {
        let ended = Family::<Labels<2>, Counter>::default();
        // All are there from the start, so that the first of its kind is an increase too.
        drop(ended.get_or_create(&ending(BuildStatus::Done, None)));
        for cause in CauseKind::ALL {
            drop(ended.get_or_create(&ending(cause.status(), Some(*cause))));
        }
        Self {
            triggered: Counter::default(),
            ended,
            waited: durations(),
            took: durations(),
            actions: Family::new_with_constructor(durations),
            leases_granted: Counter::default(),
            leases_expired: Counter::default(),
        }
    }
}

impl Counts {
    /// A build was made.
    pub fn triggered(&self) {
        self.triggered.inc();
    }

    /// A lease expired.
    pub fn lease_expired(&self) {
        self.leases_expired.inc();
    }

    /// A build went on.
    pub fn note(&self, moved: &Moved) {
        let state = &moved.build.state;
        let created = moved.build.request.created;
        for effect in &moved.effects {
            match effect {
                Effect::LeaseGiven(lease) => {
                    self.leases_granted.inc();
                    if lease.epoch == 1
                        && let Some(started) = state.started
                    {
                        self.waited.observe(started.since(created).as_secs_f64());
                    }
                }
                Effect::Build { to, .. } if to.has_ended() => {
                    let cause = state.cause.as_ref().map(|cause| cause.kind);
                    self.ended.get_or_create(&ending(*to, cause)).inc();
                    if let Some(ended) = state.ended {
                        self.took.observe(ended.since(created).as_secs_f64());
                    }
                }
                Effect::Action {
                    action_id,
                    from: ActionStatus::Building,
                    to,
                } if to.has_ended() => self.action(moved, action_id),
                _ => {}
            }
        }
    }

    fn action(&self, moved: &Moved, action_id: &str) {
        let mut actions = moved.build.state.actions.iter();
        let action = actions.find(|action| action.action_id == action_id);
        let times = action.and_then(|action| Some((action.started?, action.ended?)));
        let planned = moved.terms.plan.action(action_id);
        if let (Some((started, ended)), Some(planned)) = (times, planned) {
            let took = ended.since(started).as_secs_f64();
            let labels = [("action", planned.kind.clone())];
            self.actions.get_or_create(&labels).observe(took);
        }
    }

    fn register(&self, metrics: &Metrics) {
        metrics.register(|registry| {
            registry.register(
                "builds_triggered",
                "Builds that were triggered",
                self.triggered.clone(),
            );
            registry.register(
                "builds_ended",
                "Builds that have ended, by status and by what kind of cause",
                self.ended.clone(),
            );
            registry.register(
                "build_wait_seconds",
                "From the trigger until a worker had the build for the first time",
                self.waited.clone(),
            );
            registry.register(
                "build_duration_seconds",
                "From the trigger to the end of the build",
                self.took.clone(),
            );
            registry.register(
                "action_duration_seconds",
                "From handing an action out to its end, by kind of action",
                self.actions.clone(),
            );
            registry.register(
                "leases_granted",
                "Leases that workers were given",
                self.leases_granted.clone(),
            );
            registry.register(
                "leases_expired",
                "Leases whose workers were not heard of in time",
                self.leases_expired.clone(),
            );
        });
    }
}

/// Adds the controller's metrics.
pub fn register(metrics: &Metrics, app: &Arc<App>) {
    app.counts.register(metrics);
    metrics.database(app.state.database());
    let app = Arc::downgrade(app);
    metrics.look(move |figures| match app.upgrade() {
        Some(app) => look(&app, figures),
        None => Ok(()),
    });
}

fn look(app: &App, figures: &mut Figures<'_, '_>) -> fmt::Result {
    let unfinished = [BuildStatus::Triggered, BuildStatus::Building];
    let counted = app.state.read(|tx| {
        let counted = unfinished.iter().map(|status| tx.count(*status));
        counted.collect::<Result<Vec<u64>, crate::state::Error>>()
    });
    match counted {
        Ok(counted) => {
            let names = unfinished.iter().map(|status| status.as_str());
            let help =
                "Builds that have not ended: those that wait for a worker, and those that one has";
            figures.numbers("builds", help, "status", names.zip(counted))?;
        }
        Err(error) => tracing::warn!("cannot count the builds: {error}"),
    }
    let leases = app.leases.len() as u64;
    figures.number("leases", "Builds that a worker has", leases)?;
    let idle = app.idle.len() as u64;
    let help = "Slots of workers that wait for work";
    figures.number("slots_waiting", help, idle)?;
    let workers = app.roster.figures(app.now(), SEEN);
    figures.number("workers", "Workers that are registered", workers.registered)?;
    let help = "Workers that were heard of in the last minute";
    figures.number("workers_seen", help, workers.seen)?;
    let help = "Workers that get no new work";
    figures.number("workers_drained", help, workers.drained)?;
    let help = "Slots of all registered workers";
    figures.number("worker_slots", help, workers.slots)?;
    let written = app.logs.written();
    let help = "Appends to logs that were taken, reports with text among them";
    figures.counter("log_appends", help, written.appends)?;
    let help = "Bytes of logs that were taken from workers";
    figures.counter("log_appended_bytes", help, written.bytes)
}
