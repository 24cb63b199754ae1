//! What is counted: reveals, refused grants, and erasures.

use chassis::VaultMetrics;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};

use crate::store::Backlog;

/// The figures of this service. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pub(crate) vault: VaultMetrics,
    erasures: Family<Progress, Counter>,
    pending: Gauge,
    overdue: Gauge,
    oldest: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Progress {
    outcome: &'static str,
}

impl Metrics {
    /// Figures that the process shows.
    pub(crate) fn register(process: &chassis::Metrics) -> Self {
        let metrics = Self {
            vault: VaultMetrics::new("revealed"),
            erasures: Family::default(),
            pending: Gauge::default(),
            overdue: Gauge::default(),
            oldest: Gauge::default(),
        };
        let help = "Reveals asked for, by what came of them and why";
        metrics.vault.register(process, "vow_reveals", help);
        process.register(
            "vow_erasures",
            "Erasures that this process started, and those it completed",
            metrics.erasures.clone(),
        );
        for outcome in ["started", "completed"] {
            let _ = metrics.erasures.get_or_create(&Progress { outcome });
        }
        process.register(
            "vow_erasures_pending",
            "Erasures that are not completed",
            metrics.pending.clone(),
        );
        process.register(
            "vow_erasures_overdue",
            "Erasures that are not completed and whose deadline has passed",
            metrics.overdue.clone(),
        );
        process.register(
            "vow_erasure_oldest_timestamp_seconds",
            "When the oldest erasure that is not completed was asked for, in Unix time; 0 when none is",
            metrics.oldest.clone(),
        );
        metrics
    }

    /// Counts an erasure that began.
    pub(crate) fn started(&self) {
        let outcome = "started";
        self.erasures.get_or_create(&Progress { outcome }).inc();
    }

    /// Counts an erasure that is done.
    pub(crate) fn completed(&self) {
        let outcome = "completed";
        self.erasures.get_or_create(&Progress { outcome }).inc();
    }

    /// Notes which erasures wait.
    pub(crate) fn waiting(&self, backlog: &Backlog) {
        self.pending.set(backlog.pending);
        self.overdue.set(backlog.overdue);
        self.oldest
            .set(backlog.oldest_requested_at_ms.unwrap_or(0) / 1_000);
    }
}
