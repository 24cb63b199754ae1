//! What a vault counts: what left it, what it refused and why, and how far it follows consent.

use std::sync::Arc;

use client::{Guard, GuardError};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};

use super::Metrics;

/// The figures of a vault. Clones count together.
#[derive(Clone, Debug)]
pub struct VaultMetrics {
    opened_word: &'static str,
    answers: Family<Answer, Counter>,
    grants_refused: Family<Refusal, Counter>,
}

/// Reasons are those of the contract: a closed list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    outcome: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    reason: &'static str,
}

impl VaultMetrics {
    /// `opened_word` is the outcome of a good answer.
    pub fn new(opened_word: &'static str) -> VaultMetrics {
        let metrics = VaultMetrics {
            opened_word,
            answers: Family::default(),
            grants_refused: Family::default(),
        };
        let opened = Answer {
            outcome: opened_word,
            reason: "",
        };
        let _ = metrics.answers.get_or_create(&opened);
        // The one that time alone brings about.
        let reason = GuardError::Superseded.reason();
        let _ = metrics.grants_refused.get_or_create(&Refusal { reason });
        metrics
    }

    /// Shows them; `name` is that of the answers.
    pub fn register(&self, process: &Metrics, name: &str, help: &str) {
        process.register(name, help, self.answers.clone());
        process.register(
            "vow_grants_refused",
            "Grants that were not honoured, by reason",
            self.grants_refused.clone(),
        );
    }

    /// Shows how far the vault behind this guard follows consent.
    pub fn follow(&self, process: &Metrics, guard: &Arc<Guard>) {
        let following = guard.clone();
        process.read(
            "vow_revision_followed_timestamp_seconds",
            "When the newest revision was last read, in Unix time; 0 when it never was",
            move || (following.following().read_at / 1_000) as f64,
        );
        let following = guard.clone();
        process.read(
            "vow_revision_lag",
            "Revisions that are known to exist and are not applied yet, the most of any tenant",
            move || following.following().behind as f64,
        );
    }

    /// Counts an answer: good, or refused for a reason.
    pub fn answered(&self, refused: Option<&'static str>) {
        let labels = Answer {
            outcome: match refused {
                None => self.opened_word,
                Some(_) => "refused",
            },
            reason: refused.unwrap_or_default(),
        };
        self.answers.get_or_create(&labels).inc();
    }

    /// Counts a grant that was not honoured.
    pub fn grant_refused(&self, error: &GuardError) {
        let reason = error.reason();
        self.grants_refused.get_or_create(&Refusal { reason }).inc();
    }
}
