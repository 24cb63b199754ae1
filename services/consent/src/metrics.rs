//! What is counted: decisions by clause, changes by kind, evidence that waits, and how fresh the view is.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};

use crate::{
    decision::{Decision, Reason},
    store::Backlog,
    wish::KINDS,
};

/// The figures of this service. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    decisions: Family<DecisionLabels, Counter>,
    grants_issued: Counter,
    changes: Family<ChangeLabels, Counter>,
    followed_at: Gauge,
    evidence_waiting: Gauge,
    evidence_waiting_since: Gauge,
}

/// Clause keys come from published policies and reasons from a closed list: both are few.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    effect: &'static str,
    clause: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChangeLabels {
    kind: &'static str,
}

impl Metrics {
    /// Figures that the process shows.
    pub(crate) fn register(process: &chassis::Metrics) -> Self {
        let metrics = Self::default();
        process.register(
            "vow_decisions",
            "Decisions by effect, by the first clause they rest on, and by reason",
            metrics.decisions.clone(),
        );
        process.register(
            "vow_grants_issued",
            "Grants signed",
            metrics.grants_issued.clone(),
        );
        process.register(
            "vow_consent_changes",
            "Changes written by this process, by kind",
            metrics.changes.clone(),
        );
        for kind in KINDS {
            let _ = metrics.changes.get_or_create(&ChangeLabels { kind });
        }
        process.register(
            "vow_revision_followed_timestamp_seconds",
            "When the newest revision was last read, in Unix time; 0 when it never was",
            metrics.followed_at.clone(),
        );
        process.register(
            "vow_outbox_events",
            "Events that the log does not have yet",
            metrics.evidence_waiting.clone(),
        );
        process.register(
            "vow_outbox_oldest_timestamp_seconds",
            "When the oldest evidence that waits was written, in Unix time; 0 when none waits",
            metrics.evidence_waiting_since.clone(),
        );
        metrics
    }

    /// Counts a decision.
    pub(crate) fn decided(&self, decision: &Decision) {
        let labels = DecisionLabels {
            effect: match decision.refusal {
                None => "permit",
                Some(_) => "deny",
            },
            clause: decision.clauses.first().cloned().unwrap_or_default(),
            reason: decision.refusal.map(Reason::as_str).unwrap_or_default(),
        };
        self.decisions.get_or_create(&labels).inc();
    }

    /// Counts a grant.
    pub(crate) fn granted(&self) {
        self.grants_issued.inc();
    }

    /// Counts a change of this kind.
    pub(crate) fn changed(&self, kind: &'static str) {
        self.changes.get_or_create(&ChangeLabels { kind }).inc();
    }

    /// Notes that the database was read at a time in Unix milliseconds.
    pub(crate) fn followed(&self, at: i64) {
        self.followed_at.set(at / 1_000);
    }

    /// Notes how much evidence waits.
    pub(crate) fn evidence_waits(&self, backlog: &[Backlog]) {
        let count: u64 = backlog.iter().map(|it| it.count).sum();
        let since = backlog.iter().map(|it| it.since).min();
        self.evidence_waiting
            .set(i64::try_from(count).unwrap_or(i64::MAX));
        self.evidence_waiting_since.set(since.unwrap_or(0) / 1_000);
    }
}
