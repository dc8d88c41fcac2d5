//! Figures that are read when they are asked for, and kept nowhere else.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;

/// Takes the figures of one look at the metrics. Names get what the registry puts before them, those of
/// counters `_total` behind them.
pub struct Figures<'a, 'e> {
    encoder: &'a mut DescriptorEncoder<'e>,
}

impl Figures<'_, '_> {
    /// A figure that goes up and down.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.write(name, help, &ConstGauge::new(value))
    }

    /// A number of things that goes up and down.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn number(&mut self, name: &str, help: &str, number: u64) -> fmt::Result {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        self.write(name, help, &ConstGauge::new(number))
    }

    /// Numbers of one kind of things, told apart by a label.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn numbers<'n>(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        numbers: impl IntoIterator<Item = (&'n str, u64)>,
    ) -> fmt::Result {
        let mut metric = self
            .encoder
            .encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (value, number) in numbers {
            let number = i64::try_from(number).unwrap_or(i64::MAX);
            ConstGauge::new(number).encode(metric.encode_family(&[(label, value)])?)?;
        }
        Ok(())
    }

    /// A number that only grows.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn counter(&mut self, name: &str, help: &str, count: u64) -> fmt::Result {
        self.write(name, help, &ConstCounter::new(count))
    }

    /// A measure that only grows, like time.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn sum(&mut self, name: &str, help: &str, sum: f64) -> fmt::Result {
        self.write(name, help, &ConstCounter::new(sum))
    }

    fn write(&mut self, name: &str, help: &str, metric: &impl EncodeMetric) -> fmt::Result {
        let encoder = self
            .encoder
            .encode_descriptor(name, help, None, metric.metric_type())?;
        metric.encode(encoder)
    }
}

/// A look at figures, as the registry wants it.
pub(super) struct Look<F>(pub(super) F);

impl<F> fmt::Debug for Look<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Look")
    }
}

impl<F> Collector for Look<F>
where
    F: Fn(&mut Figures<'_, '_>) -> fmt::Result + Send + Sync + 'static,
{
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        (self.0)(&mut Figures {
            encoder: &mut encoder,
        })
    }
}
