//! What the log counts. Classes of events and times only: nothing here is about a person.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::event::Event;
use crate::store::Covered;

const SECONDS_TO_CHECKPOINT: [f64; 8] = [0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 5.0, 30.0];

const CLASSES: [&str; 3] = ["use", "disclosure", "evidence"];

/// The metrics of this service.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    size: Gauge<u64, AtomicU64>,
    entries: Family<Class, Counter>,
    seconds_to_checkpoint: Histogram,
    signed_at: Gauge,
    uncovered: Gauge<u64, AtomicU64>,
    verification_failures: Counter,
    subjects_shredded: Counter,
    shreddings_waiting: Gauge<u64, AtomicU64>,
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
            signed_at: Gauge::default(),
            uncovered: Gauge::default(),
            verification_failures: Counter::default(),
            subjects_shredded: Counter::default(),
            shreddings_waiting: Gauge::default(),
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
            signed_at,
            uncovered,
            verification_failures,
            subjects_shredded,
            shreddings_waiting,
        } = self.clone();
        for class in CLASSES {
            let _ = entries.get_or_create(&Class { class });
        }
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
        process.register(
            "vow_log_checkpoint_timestamp_seconds",
            "When the newest checkpoint was signed, in Unix time; 0 when there is none",
            signed_at,
        );
        process.register(
            "vow_log_uncovered_entries",
            "Entries that waited for a checkpoint when the log was last looked at",
            uncovered,
        );
        process.register(
            "vow_log_verification_failures",
            "Times that the stored log contradicted itself or what was signed; signing stops at once",
            verification_failures,
        );
        process.register(
            "vow_subjects_shredded",
            "Subjects whose audit key this process destroyed",
            subjects_shredded,
        );
        process.register(
            "vow_shreddings_waiting",
            "Subjects whose audit key a hold or the tenant's evidence retention keeps",
            shreddings_waiting,
        );
    }

    /// This many audit keys are kept by a hold or by retention.
    pub(crate) fn shreddings_waiting(&self, count: u64) {
        self.shreddings_waiting.set(count);
    }

    /// An event that this service or a caller brought got an entry.
    pub(crate) fn recorded(&self, event: &Event, recorded_by: &str) {
        if matches!(event, Event::KeyDestroyed(_)) && recorded_by == crate::NAME {
            self.subjects_shredded.inc();
        }
        let class = match event {
            Event::Use(_) => "use",
            Event::Disclosure(_) => "disclosure",
            _ => "evidence",
        };
        self.entries.get_or_create(&Class { class }).inc();
    }

    /// This is how far the log is covered.
    pub(crate) fn covered(&self, covered: Covered) {
        self.size.set(covered.size);
        self.signed_at.set(covered.signed_at / 1_000);
        self.uncovered.set(covered.newly);
    }

    /// The log is not what it must be.
    pub(crate) fn verification_failed(&self) {
        self.verification_failures.inc();
    }

    /// A checkpoint was signed, this many milliseconds after the oldest entry it newly covers.
    pub(crate) fn signed(&self, milliseconds: i64) {
        self.seconds_to_checkpoint
            .observe(milliseconds.max(0) as f64 / 1_000.0);
    }
}
