//! What the log counts. Classes of events and times only: nothing here is about a person.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::event::Event;

const SECONDS_TO_CHECKPOINT: [f64; 8] = [0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 5.0, 30.0];

/// The metrics of this service.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    size: Gauge<u64, AtomicU64>,
    entries: Family<Class, Counter>,
    seconds_to_checkpoint: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Class {
    class: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            size: Gauge::default(),
            entries: Family::default(),
            seconds_to_checkpoint: Histogram::new(SECONDS_TO_CHECKPOINT),
        }
    }
}

impl Metrics {
    /// Adds them to what the process counts.
    pub(crate) fn register(&self, process: &chassis::Metrics) {
        let Self {
            size,
            entries,
            seconds_to_checkpoint,
        } = self.clone();
        process.register(
            "vow_log_size",
            "Entries covered by the newest checkpoint",
            size,
        );
        process.register(
            "vow_log_entries",
            "Entries recorded by this process",
            entries,
        );
        process.register(
            "vow_log_checkpoint_delay_seconds",
            "From the oldest entry that a checkpoint newly covers to its signature",
            seconds_to_checkpoint,
        );
    }

    /// An event got an entry.
    pub(crate) fn recorded(&self, event: &Event) {
        let class = match event {
            Event::Use(_) => "use",
            Event::Disclosure(_) => "disclosure",
            _ => "evidence",
        };
        self.entries.get_or_create(&Class { class }).inc();
    }

    /// A checkpoint covers this many entries.
    pub(crate) fn covered(&self, size: u64) {
        self.size.set(size);
    }

    /// A checkpoint was signed, this many milliseconds after the oldest entry it newly covers.
    pub(crate) fn signed(&self, milliseconds: i64) {
        self.seconds_to_checkpoint
            .observe(milliseconds.max(0) as f64 / 1_000.0);
    }
}
