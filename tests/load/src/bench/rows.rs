//! The rows of the table: what is measured, its goal, and whether it was reached.

use serde_json::{Value, json};

use super::{
    ground::Store,
    measures::Found,
    noise::Noise,
    statistics::{Interval, interval},
};

/// One thing that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Measured {
    /// Recording a hundred disclosures in a call, against a bare database that inserts the same rows
    RecordBatch,
    /// Recording one disclosure in a call, against a bare database that commits one row at a time
    Record,
    /// How long after its answer a record is covered by a signed checkpoint
    Checkpoint,
    /// How long a receipt takes, with its inclusion proof
    Receipt,
    /// How many leaves `vow verify` verifies
    Verify,
}

/// What a figure must reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// So many times what the reference does.
    Ratio(f64),
    /// At most so much time.
    Milliseconds(f64),
    /// At least so many in a second.
    PerSecond(f64),
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The goal is within reach of the whole interval.
    Reached,
    /// It is not.
    Missed,
    /// Something disturbed the measurement.
    Void,
}

impl Measured {
    /// Every row, in the order of the table.
    pub const ALL: [Self; 5] = [
        Self::RecordBatch,
        Self::Record,
        Self::Checkpoint,
        Self::Receipt,
        Self::Verify,
    ];

    /// Its goal, the same on both databases.
    pub fn goal(self) -> Goal {
        match self {
            Self::RecordBatch => Goal::Ratio(0.5),
            Self::Record => Goal::Ratio(1.5),
            Self::Checkpoint => Goal::Milliseconds(1_000.0),
            Self::Receipt => Goal::Milliseconds(5.0),
            Self::Verify => Goal::PerSecond(300_000.0),
        }
    }

    /// In the words of the table.
    pub fn words(self) -> &'static str {
        match self {
            Self::RecordBatch => {
                "`RecordBatch` of 100, 8 callers, against as many rows inserted bare"
            }
            Self::Record => "`Record`, 64 callers, against one row committed at a time by as many",
            Self::Checkpoint => "from `Record`'s answer to a signed checkpoint that covers it, p99",
            Self::Receipt => "`GetReceipt` of any entry, its proof included, p99",
            Self::Verify => "`vow verify` of the whole log, on one processor",
        }
    }
}

impl Goal {
    /// Whether the whole interval is on the good side.
    pub fn is_reached(self, found: Interval) -> bool {
        match self {
            Self::Ratio(least) | Self::PerSecond(least) => found.low >= least,
            Self::Milliseconds(most) => found.high <= most,
        }
    }

    /// In the words of the table.
    pub fn words(self) -> String {
        match self {
            Self::Ratio(least) => format!("≥ {least} ×"),
            Self::Milliseconds(most) => format!("≤ {most} ms"),
            Self::PerSecond(least) => format!("≥ {least}/s"),
        }
    }

    /// A figure with its interval, in the words of the table.
    pub fn told(self, Interval { low, median, high }: Interval) -> String {
        match self {
            Self::Ratio(_) => format!("{median:.2} × [{low:.2}, {high:.2}]"),
            Self::Milliseconds(_) => format!("{median:.1} ms [{low:.1}, {high:.1}]"),
            Self::PerSecond(_) => format!("{median:.0}/s [{low:.0}, {high:.0}]"),
        }
    }
}

impl Verdict {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Missed => "missed",
            Self::Void => "void",
        }
    }

    fn of(goal: Goal, found: Interval, voids: &[String]) -> Self {
        match (voids, goal.is_reached(found)) {
            ([], true) => Self::Reached,
            ([], false) => Self::Missed,
            _ => Self::Void,
        }
    }
}

/// One row of the report, for people and for programs.
pub fn row(measured: Measured, store: Store, found: Found, noise: &Noise, voided: u32) -> Value {
    let goal = measured.goal();
    let figure = interval(&found.figures);
    let voids = noise.voids();
    let verdict = Verdict::of(goal, figure, &voids);
    json!({
        "what": measured.words(),
        "database": store.name(),
        "ours": found.words.0,
        "reference": found.words.1,
        "figure": goal.told(figure),
        "goal": goal.words(),
        "verdict": verdict.word(),
        "void_because": voids,
        "voided_before": voided,
        "noise": noise.json(),
        "interval": { "low": figure.low, "median": figure.median, "high": figure.high },
        "rounds": found.figures,
        "details": found.details,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn between(low: f64, high: f64) -> Interval {
        Interval {
            low,
            median: (low + high) / 2.0,
            high,
        }
    }

    #[test]
    fn a_goal_is_reached_by_the_bound_that_is_against_it() {
        for (goal, found, is_reached) in [
            (Goal::Ratio(0.5), between(0.5, 0.7), true),
            (Goal::Ratio(0.5), between(0.49, 0.7), false),
            (Goal::PerSecond(300.0), between(301.0, 400.0), true),
            (Goal::PerSecond(300.0), between(299.0, 400.0), false),
            (Goal::Milliseconds(5.0), between(1.0, 5.0), true),
            (Goal::Milliseconds(5.0), between(1.0, 5.1), false),
        ] {
            assert_eq!(goal.is_reached(found), is_reached, "{goal:?} {found:?}");
        }
    }

    #[test]
    fn what_was_disturbed_is_neither_reached_nor_missed() {
        let (goal, found) = (Goal::Ratio(0.5), between(0.6, 0.7));
        assert_eq!(Verdict::of(goal, found, &[]), Verdict::Reached);
        assert_eq!(Verdict::of(goal, between(0.1, 0.7), &[]), Verdict::Missed);
        let voids = ["the machine was busy".to_owned()];
        assert_eq!(Verdict::of(goal, found, &voids), Verdict::Void);
    }

    #[test]
    fn a_row_tells_its_figure_with_the_interval() {
        let found = Found {
            figures: vec![0.6; 9],
            variation: Some(0.05),
            details: json!({}),
            words: ("60 rows/s".into(), "100 rows/s".into()),
        };
        let noise = Noise {
            load_average: 0.1,
            stolen: 0.0,
            variation: Some(0.05),
        };
        let row = row(Measured::RecordBatch, Store::Postgres, found, &noise, 2);
        assert_eq!(row["figure"], "0.60 × [0.60, 0.60]");
        assert_eq!(row["goal"], "≥ 0.5 ×");
        assert_eq!(row["verdict"], "reached");
        assert_eq!(row["voided_before"], 2);
    }
}
