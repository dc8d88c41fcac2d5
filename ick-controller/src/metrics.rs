//! What the controller counts besides requests, as `GET /metrics` shows it: read when it is asked for.

use crate::app::App;
use ick_http::Metrics;
use ick_http::prometheus_client::collector::Collector;
use ick_http::prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use ick_http::prometheus_client::metrics::counter::ConstCounter;
use ick_http::prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::sync::{Arc, Weak};

struct Numbers(Weak<App>);

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Numbers")
    }
}

impl Collector for Numbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(app) = self.0.upgrade() else {
            return Ok(());
        };
        let gauge = |number: usize| ConstGauge::new(i64::try_from(number).unwrap_or(i64::MAX));
        let leases = gauge(app.leases.all().len());
        let idle = gauge(app.idle.len());
        let counts = app.state.counts();
        let writes = ConstCounter::new(counts.writes);
        let commits = ConstCounter::new(counts.commits);
        let metrics: [(&str, &str, &dyn Encode); 4] = [
            ("leases", "Builds that a worker has", &leases),
            (
                "slots_waiting",
                "Slots of workers that wait for work",
                &idle,
            ),
            (
                "state_writes",
                "Changes of the state that were kept",
                &writes,
            ),
            ("state_commits", "Commits that they shared", &commits),
        ];
        for (name, help, metric) in metrics {
            metric.encode_into(&mut encoder, name, help)?;
        }
        Ok(())
    }
}

/// Metrics of different types in one table.
trait Encode {
    fn encode_into(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
    ) -> Result<(), fmt::Error>;
}

impl<M: EncodeMetric> Encode for M {
    fn encode_into(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
    ) -> Result<(), fmt::Error> {
        let metric = encoder.encode_descriptor(name, help, None, self.metric_type())?;
        self.encode(metric)
    }
}

/// Adds the controller's numbers.
pub fn register(metrics: &Metrics, app: &Arc<App>) {
    let numbers = Numbers(Arc::downgrade(app));
    metrics.register(|registry| registry.register_collector(Box::new(numbers)));
}
