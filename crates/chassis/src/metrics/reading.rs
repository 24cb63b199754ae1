//! A figure that is looked up when somebody asks for it.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

/// One number, or none when there is no telling.
pub(super) struct Reading<F> {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    /// A counter, which never falls, or a gauge.
    pub(super) kind: MetricType,
    pub(super) read: F,
}

impl<F> Collector for Reading<F>
where
    F: Fn() -> Option<f64> + Send + Sync + 'static,
{
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let Some(value) = (self.read)() else {
            return Ok(());
        };
        let encoder = encoder.encode_descriptor(self.name, self.help, None, self.kind)?;
        match self.kind {
            MetricType::Counter => ConstCounter::new(value).encode(encoder),
            _ => ConstGauge::new(value).encode(encoder),
        }
    }
}

impl<F> fmt::Debug for Reading<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}
