//! What publication counts. Sizes and times only: nothing here is about a person.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use chassis::now_ms;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

const NOTHING_WAITS: i64 = 0;

/// The metrics of publication.
#[derive(Debug, Clone, Default)]
pub(crate) struct PublicationMetrics {
    size: Gauge<u64, AtomicU64>,
    failures: Counter,
    /// Since when something waits to be published, in Unix milliseconds.
    waits_since: Arc<AtomicI64>,
}

impl PublicationMetrics {
    /// Adds them to what the process counts.
    pub(crate) fn register(&self, process: &chassis::Metrics) {
        process.register(
            "vow_log_published_size",
            "Entries covered by the published checkpoint when this process last looked",
            self.size.clone(),
        );
        process.register(
            "vow_log_publication_failures",
            "Times that a checkpoint was not cosigned or published and waits for the next attempt",
            self.failures.clone(),
        );
        let waits_since = self.waits_since.clone();
        process.read(
            "vow_log_publication_delay_seconds",
            "How long a signed checkpoint has waited to be published; 0 when none waits",
            move || match waits_since.load(Ordering::Relaxed) {
                NOTHING_WAITS => 0.0,
                since => (now_ms() - since).max(0) as f64 / 1_000.0,
            },
        );
    }

    /// Something waits.
    pub(super) fn waits(&self) {
        let since = &self.waits_since;
        let order = Ordering::Relaxed;
        let _ = since.compare_exchange(NOTHING_WAITS, now_ms(), order, order);
    }

    /// An attempt failed.
    pub(super) fn failed(&self) {
        self.failures.inc();
        self.waits();
    }

    /// This is how far the log is published.
    pub(super) fn published(&self, size: u64) {
        self.size.set(size);
        self.waits_since.store(NOTHING_WAITS, Ordering::Relaxed);
    }

    /// This is how far the log is published, and another replica may be at more.
    pub(super) fn seen(&self, size: u64) {
        self.size.set(size);
    }
}
