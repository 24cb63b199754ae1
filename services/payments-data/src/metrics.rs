//! What is counted: releases, refused grants, and orders whose end the log does not have yet.

use chassis::VaultMetrics;
use prometheus_client::metrics::gauge::Gauge;

/// The figures of this service. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pub(crate) vault: VaultMetrics,
    /// Orders of which the log does not yet say that their key is gone.
    pub(crate) outbox: Gauge,
}

impl Metrics {
    /// Figures that the process shows.
    pub(crate) fn register(process: &chassis::Metrics) -> Self {
        let metrics = Self {
            vault: VaultMetrics::new("released"),
            outbox: Gauge::default(),
        };
        let help = "Releases asked for, by what came of them and why";
        metrics.vault.register(process, "vow_releases", help);
        process.register(
            "vow_outbox_events",
            "Events that the log does not have yet",
            metrics.outbox.clone(),
        );
        metrics
    }
}
