//! What delays a shredding: a hold on the person, and the tenant's stated retention of evidence.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::first_broken;

const TEXT_CHARACTERS_MAX: usize = 200;
const RETENTION_DAYS_MAX: u32 = 36_500;
const DAY_MS: i64 = 86_400_000;

/// That a person may not be shredded, and by whose word. It names an authority and a reference,
/// never the person but by the random id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HoldOrder {
    pub(crate) subject_id: Uuid,
    pub(crate) authority: String,
    pub(crate) reference: String,
    /// Unix milliseconds; `None` until it is lifted.
    pub(crate) until: Option<i64>,
}

/// That a hold ended before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HoldLift {
    pub(crate) hold_id: Uuid,
    pub(crate) subject_id: Uuid,
}

/// How long the tenant keeps what the log says of a person, from the person's newest entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RetentionStatement {
    pub(crate) days: u32,
}

/// Why a person is shredded later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DelayReason {
    Hold,
    EvidenceRetention,
}

/// What keeps a person's audit key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delay {
    pub(crate) reasons: Vec<DelayReason>,
    /// When the last of them ends, in Unix milliseconds; `None` when a hold has no end of its own.
    pub(crate) until: Option<i64>,
}

impl HoldOrder {
    /// Whether every field is well-formed; if not, the name of the first that is not.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let is_text = |text: &str| {
            let length = text.chars().count();
            (1..=TEXT_CHARACTERS_MAX).contains(&length) && !text.chars().any(char::is_control)
        };
        first_broken(&[
            ("authority", is_text(&self.authority)),
            ("reference", is_text(&self.reference)),
        ])
    }
}

impl RetentionStatement {
    /// Whether it states a time that anybody may live to see.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        first_broken(&[("days", self.days <= RETENTION_DAYS_MAX)])
    }

    /// When evidence may go whose newest entry is this old, in Unix milliseconds.
    pub(crate) fn ends(self, newest_entry_at: i64) -> i64 {
        newest_entry_at + i64::from(self.days) * DAY_MS
    }
}

/// What delays a shredding that retention allows at `due_at`, while holds stand with these ends.
pub(crate) fn delay(due_at: i64, holds: &[Option<i64>], now: i64) -> Option<Delay> {
    let standing: Vec<_> = holds
        .iter()
        .filter(|it| it.is_none_or(|end| now < end))
        .collect();
    let mut reasons = Vec::new();
    let mut until = Some(now);
    if !standing.is_empty() {
        reasons.push(DelayReason::Hold);
        let latest = |latest: Option<i64>, end: &&Option<i64>| Some(latest?.max((**end)?));
        until = standing.iter().fold(until, latest);
    }
    if now < due_at {
        reasons.push(DelayReason::EvidenceRetention);
        until = until.map(|it| it.max(due_at));
    }
    (!reasons.is_empty()).then_some(Delay { reasons, until })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn order(authority: &str, reference: &str) -> HoldOrder {
        HoldOrder {
            subject_id: Uuid::from_u128(1),
            authority: authority.to_owned(),
            reference: reference.to_owned(),
            until: None,
        }
    }

    #[test]
    fn a_shredding_waits_for_the_last_hold_and_the_retention() {
        use DelayReason::{EvidenceRetention, Hold};
        let delayed = |reasons: &[DelayReason], until| {
            Some(Delay {
                reasons: reasons.to_vec(),
                until,
            })
        };
        for (due_at, holds, expected) in [
            (10, vec![], None),
            (11, vec![], delayed(&[EvidenceRetention], Some(11))),
            (10, vec![Some(10)], None),
            (10, vec![Some(11)], delayed(&[Hold], Some(11))),
            (10, vec![None], delayed(&[Hold], None)),
            (10, vec![Some(20), None, Some(30)], delayed(&[Hold], None)),
            (
                25,
                vec![Some(20)],
                delayed(&[Hold, EvidenceRetention], Some(25)),
            ),
            (
                15,
                vec![Some(20)],
                delayed(&[Hold, EvidenceRetention], Some(20)),
            ),
            (15, vec![None], delayed(&[Hold, EvidenceRetention], None)),
        ] {
            assert_eq!(delay(due_at, &holds, 10), expected, "{due_at} {holds:?}");
        }
    }

    #[test]
    fn retention_counts_days_from_the_newest_entry() {
        let statement = RetentionStatement { days: 2 };
        assert_eq!(statement.ends(1_000), 172_801_000);
        assert_eq!(RetentionStatement { days: 0 }.ends(1_000), 1_000);
        for (days, checked) in [(0, Ok(())), (36_500, Ok(())), (36_501, Err("days"))] {
            assert_eq!(RetentionStatement { days }.check(), checked);
        }
    }

    #[test]
    fn a_hold_names_its_authority_and_reference() {
        for (authority, reference, checked) in [
            ("Superior Court", "24-1234", Ok(())),
            ("", "24-1234", Err("authority")),
            ("Superior\nCourt", "24-1234", Err("authority")),
            ("Superior Court", "", Err("reference")),
            ("Superior Court", &"1".repeat(201), Err("reference")),
        ] {
            assert_eq!(order(authority, reference).check(), checked);
        }
    }
}
