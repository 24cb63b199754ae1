//! What came of the calls, counted and measured.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use hdrhistogram::Histogram;

/// Wrong answers that are told in words; all are counted.
const WRONG_TOLD_MAX: usize = 20;
/// A tenth of a percent: the precision of the measured times.
const DIGITS: u8 = 3;
/// A call that takes longer counts as having taken this long.
const LATENCY_MAX: Duration = Duration::from_secs(600);

/// How a call ended, after the last attempt.
#[derive(Clone, Debug)]
pub enum End {
    /// It was answered.
    Answered,
    /// It was refused with the very reason that had to come.
    Refused,
    /// It failed, with its code and reason.
    Failed(String),
    /// It was answered and had to be refused; said in words.
    Wrong(String),
}

/// All calls of one method.
#[derive(Clone, Debug)]
pub struct Row {
    /// Microseconds from when each call was due until its end.
    pub latency: Histogram<u64>,
    /// Calls that were answered.
    pub answered: u64,
    /// Calls that were refused as they had to be.
    pub refused: u64,
    /// Calls that ended well after more than one attempt, answered or refused.
    pub retried: u64,
    /// Calls that failed.
    pub failed: u64,
}

/// What is known at some moment.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// By method.
    pub rows: BTreeMap<&'static str, Row>,
    /// Attempts that were made again, by method, code and reason.
    pub retries: BTreeMap<String, u64>,
    /// Calls that failed, by method, code and reason.
    pub failures: BTreeMap<String, u64>,
    /// Answers that had to be others.
    pub wrong: u64,
    /// The first of them, in words.
    pub wrong_told: Vec<String>,
}

/// Collects from all acts at once.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Counts>);

impl Tally {
    /// A call ended so long after it was due, having been tried again for these codes and reasons.
    pub fn ended(&self, method: &'static str, latency: Duration, again: Vec<String>, end: End) {
        let mut counts = self.counts();
        let row = counts.rows.entry(method).or_insert_with(Row::new);
        let microseconds = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        row.latency.saturating_record(microseconds);
        match &end {
            End::Answered | End::Wrong(_) => row.answered += 1,
            End::Refused => row.refused += 1,
            End::Failed(_) => row.failed += 1,
        }
        if !again.is_empty() && !matches!(end, End::Failed(_)) {
            row.retried += 1;
        }
        for why in again {
            *counts.retries.entry(format!("{method} {why}")).or_default() += 1;
        }
        match end {
            End::Answered | End::Refused => {}
            End::Failed(why) => {
                *counts
                    .failures
                    .entry(format!("{method} {why}"))
                    .or_default() += 1;
            }
            End::Wrong(what) => counts.wrong(what),
        }
    }

    /// An answer came that had to be another.
    pub fn wrong(&self, what: String) {
        self.counts().wrong(what);
    }

    /// What is known now.
    pub fn read(&self) -> Counts {
        self.counts().clone()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().expect("no holder panics")
    }
}

impl Counts {
    /// Whether every call was answered, or refused as it had to be.
    pub fn is_sound(&self) -> bool {
        self.failures.is_empty() && self.wrong == 0
    }

    fn wrong(&mut self, what: String) {
        self.wrong += 1;
        if self.wrong_told.len() < WRONG_TOLD_MAX {
            self.wrong_told.push(what);
        }
    }
}

impl Row {
    fn new() -> Self {
        Self {
            latency: Histogram::new_with_max(LATENCY_MAX.as_micros() as u64, DIGITS)
                .expect("the limits are allowed"),
            answered: 0,
            refused: 0,
            retried: 0,
            failed: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: &str = "Check";

    fn again(times: usize) -> Vec<String> {
        vec!["UNAVAILABLE".to_owned(); times]
    }

    #[test]
    fn a_call_that_was_made_again_and_ended_well_is_no_failure() {
        let tally = Tally::default();
        let millisecond = Duration::from_millis(1);
        tally.ended(CHECK, millisecond, again(0), End::Answered);
        tally.ended(CHECK, millisecond, again(2), End::Answered);
        tally.ended(CHECK, millisecond, again(1), End::Refused);
        let counts = tally.read();
        let row = &counts.rows[CHECK];
        assert_eq!(
            (row.answered, row.refused, row.retried, row.failed),
            (2, 1, 2, 0)
        );
        assert_eq!(counts.retries["Check UNAVAILABLE"], 3);
        assert_eq!(
            (row.latency.len(), row.latency.value_at_percentile(99.0)),
            (3, 1_000)
        );
        assert!(counts.is_sound());
    }

    #[test]
    fn a_failed_call_and_a_wrong_answer_are_each_unsound() {
        let tally = Tally::default();
        let end = End::Failed("UNAVAILABLE".to_owned());
        tally.ended(CHECK, Duration::from_secs(1), again(9), end);
        let counts = tally.read();
        assert_eq!(counts.rows[CHECK].retried, 0);
        assert_eq!(counts.failures["Check UNAVAILABLE"], 1);
        assert!(!counts.is_sound());

        let tally = Tally::default();
        let what = || "it permitted".to_owned();
        tally.ended(CHECK, Duration::ZERO, again(0), End::Wrong(what()));
        for _ in 0..WRONG_TOLD_MAX {
            tally.wrong(what());
        }
        let counts = tally.read();
        assert_eq!(counts.wrong as usize, WRONG_TOLD_MAX + 1);
        assert_eq!(counts.wrong_told.len(), WRONG_TOLD_MAX);
        assert!(!counts.is_sound());
    }
}
