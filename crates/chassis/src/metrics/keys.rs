//! Wrapped keys by age and by the key-encryption key that they open with.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
};

use super::Metrics;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Ages from the youngest on, with the milliseconds that each is younger than.
const AGES: [(&str, i64); 4] = [
    ("day", DAY_MS),
    ("month", 30 * DAY_MS),
    ("year", 365 * DAY_MS),
    ("older", i64::MAX),
];

/// How many keys there are of each age. Key-encryption keys are named by who runs the suite.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Labels {
    age: &'static str,
    key_encryption_key: String,
}

pub(super) type Keys = Family<Labels, Gauge>;

/// Keys of one age that open with one key-encryption key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyCount {
    pub(crate) age: &'static str,
    pub(crate) key_encryption_key: String,
    pub(crate) count: u64,
}

/// Since when a key was made that is of each age now, in Unix milliseconds, the youngest first; an
/// older key is of the next age.
pub(crate) fn ages(now: i64) -> [(&'static str, i64); 4] {
    AGES.map(|(age, below)| (age, now.saturating_sub(below)))
}

impl Metrics {
    /// Shows these counts and no earlier ones.
    pub(crate) fn keys_are(&self, counts: &[KeyCount]) {
        // Whoever reads the figures holds the same lock, and so never finds them half replaced.
        let _registry = self.registry();
        self.keys.clear();
        for it in counts {
            let labels = Labels {
                age: it.age,
                key_encryption_key: it.key_encryption_key.clone(),
            };
            let count = i64::try_from(it.count).unwrap_or(i64::MAX);
            self.keys.get_or_create(&labels).inc_by(count);
        }
    }
}
