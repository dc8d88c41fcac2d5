//! What the identity provider counts besides requests, as `GET /metrics` shows it.

use ick_http::Metrics;
use ick_http::prometheus_client::metrics::counter::Counter;
use ick_http::prometheus_client::metrics::family::Family;

/// The errors of RFC 6749, section 5.2, that `POST /token` answers with.
const REASONS: [&str; 4] = [
    "invalid_request",
    "invalid_client",
    "unsupported_grant_type",
    "invalid_scope",
];

type Reason = [(&'static str, &'static str); 1];

/// What became of the requests for a token since the identity provider was started.
#[derive(Debug)]
pub struct Counts {
    issued: Counter,
    refused: Family<Reason, Counter>,
}

impl Default for Counts {
    fn default() -> Self {
        let refused = Family::<Reason, Counter>::default();
        // All are there from the start, so that the first of its kind is an increase too.
        for reason in REASONS {
            drop(refused.get_or_create(&[("reason", reason)]));
        }
        Self {
            issued: Counter::default(),
            refused,
        }
    }
}

impl Counts {
    /// A token was given out.
    pub fn issued(&self) {
        self.issued.inc();
    }

    /// One was refused, with this error.
    pub fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&[("reason", reason)]).inc();
    }

    /// Adds them to what is shown.
    pub fn register(&self, metrics: &Metrics) {
        metrics.register(|registry| {
            registry.register(
                "tokens_issued",
                "Access tokens that were given out",
                self.issued.clone(),
            );
            registry.register(
                "tokens_refused",
                "Requests for a token that were refused, by the error of RFC 6749",
                self.refused.clone(),
            );
        });
    }
}
