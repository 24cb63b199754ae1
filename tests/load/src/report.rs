//! How a run went, for people as Markdown and for programs as JSON.

use std::{
    env,
    fmt::Write as _,
    io::{self, Write as _},
};

use serde_json::{Value, json};

use crate::{
    machine,
    pace::Kept,
    tally::{Counts, Row},
};

/// What the run was asked to do.
pub struct Asked<'a> {
    /// When it began, in seconds since 1970.
    pub started_at: u64,
    /// Acts in a second.
    pub rate: f64,
    /// Acts in progress at once.
    pub in_flight: u32,
    /// Attempts of a call.
    pub attempts: u32,
    /// People registered beforehand.
    pub people: usize,
    /// The suite's databases, in words.
    pub databases: &'a str,
}

/// Writes the report to standard output.
pub fn print(asked: &Asked, kept: &Kept, counts: &Counts) {
    // A reader that went away is no reason to fail.
    let _ = io::stdout()
        .lock()
        .write_all(markdown(asked, kept, counts).as_bytes());
}

fn markdown(asked: &Asked, kept: &Kept, counts: &Counts) -> String {
    let calls: u64 = counts.rows.values().map(Row::count).sum();
    let per_second = calls as f64 / kept.seconds;
    let mut text = format!(
        "{} acts in {:.1} s ({} asked for a second), {calls} calls ({per_second:.0} a second); \
         {} acts began late, {} never began, {} did not end.\n\n\
         | Call | Count | Answered | Refused as due | Retried | Failed | p50 ms | p90 ms | p99 ms | max ms |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        kept.begun, kept.seconds, asked.rate, kept.late, kept.unbegun, kept.unended,
    );
    for (method, row) in &counts.rows {
        let [p50, p90, p99, max] = row.milliseconds([50.0, 90.0, 99.0, 100.0]);
        let (answered, refused, retried, failed) =
            (row.answered, row.refused, row.retried, row.failed);
        let _ = writeln!(
            text,
            "| {method} | {} | {answered} | {refused} | {retried} | {failed} \
             | {p50:.1} | {p90:.1} | {p99:.1} | {max:.1} |",
            row.count(),
        );
    }
    for (title, table) in [
        ("Made again", &counts.retries),
        ("Failed", &counts.failures),
    ] {
        for (what, count) in table {
            let _ = write!(text, "\n{title}: {what} ({count})");
        }
    }
    for what in &counts.wrong_told {
        let _ = write!(text, "\nWRONG: {what}");
    }
    let verdict = match (counts.is_sound(), counts.wrong) {
        (true, _) => "Every answer was as it had to be.".to_owned(),
        (false, 0) => "Calls failed.".to_owned(),
        (false, wrong) => format!("{wrong} answers were WRONG."),
    };
    let _ = writeln!(text, "\n{verdict}");
    text
}

/// The report with all that is needed to repeat the kept.
pub fn json(asked: &Asked, kept: &Kept, counts: &Counts) -> Value {
    let calls = counts
        .rows
        .iter()
        .map(|(method, row)| ((*method).to_owned(), row.json()));
    json!({
        "command": env::args().collect::<Vec<_>>(),
        "version": env!("CARGO_PKG_VERSION"),
        "machine": machine::describe(),
        "databases": asked.databases,
        "started_at": asked.started_at,
        "seconds": kept.seconds,
        "rate": asked.rate,
        "in_flight": asked.in_flight,
        "attempts": asked.attempts,
        "people": asked.people,
        "acts": {
            "begun": kept.begun,
            "late": kept.late,
            "unbegun": kept.unbegun,
            "unended": kept.unended,
        },
        "calls": calls.collect::<serde_json::Map<_, _>>(),
        "retries": counts.retries,
        "failures": counts.failures,
        "wrong": counts.wrong,
        "wrong_told": counts.wrong_told,
    })
}

impl Row {
    fn count(&self) -> u64 {
        self.answered + self.refused + self.failed
    }

    fn milliseconds<const COUNT: usize>(&self, percentiles: [f64; COUNT]) -> [f64; COUNT] {
        percentiles.map(|it| self.latency.value_at_percentile(it) as f64 / 1000.0)
    }

    fn json(&self) -> Value {
        let [p50, p90, p99, max] = self.milliseconds([50.0, 90.0, 99.0, 100.0]);
        json!({
            "count": self.count(),
            "answered": self.answered,
            "refused": self.refused,
            "retried": self.retried,
            "failed": self.failed,
            "milliseconds": { "p50": p50, "p90": p90, "p99": p99, "max": max },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tally::{End, Tally};

    const ASKED: Asked = Asked {
        started_at: 1_800_000_000,
        rate: 20.0,
        in_flight: 64,
        attempts: 10,
        people: 200,
        databases: "PostgreSQL",
    };
    const KEPT: Kept = Kept {
        seconds: 2.0,
        begun: 40,
        late: 3,
        unbegun: 0,
        unended: 0,
    };

    fn checks(end: End) -> Tally {
        let tally = Tally::default();
        let again = vec!["UNAVAILABLE".to_owned()];
        tally.ended("Check", Duration::from_millis(3), Vec::new(), End::Refused);
        tally.ended("Check", Duration::from_millis(9), again, end);
        tally
    }

    #[test]
    fn a_sound_run_says_so_with_its_figures() {
        let counts = checks(End::Answered).read();
        let text = markdown(&ASKED, &KEPT, &counts);
        assert!(
            text.contains("2 calls (1 a second); 3 acts began late"),
            "{text}"
        );
        assert!(
            text.contains("| Check | 2 | 1 | 1 | 1 | 0 | 3.0 | 9.0 | 9.0 | 9.0 |"),
            "{text}"
        );
        assert!(text.contains("Made again: Check UNAVAILABLE (1)"), "{text}");
        assert!(
            text.ends_with("Every answer was as it had to be.\n"),
            "{text}"
        );
    }

    #[test]
    fn a_run_that_was_not_sound_says_what_failed_and_what_was_wrong() {
        let tally = checks(End::Failed("INTERNAL".to_owned()));
        let text = markdown(&ASKED, &KEPT, &tally.read());
        assert!(text.contains("Failed: Check INTERNAL (1)"), "{text}");
        assert!(text.ends_with("Calls failed.\n"), "{text}");
        tally.wrong("Check said yes".to_owned());
        let text = markdown(&ASKED, &KEPT, &tally.read());
        assert!(text.contains("WRONG: Check said yes"), "{text}");
        assert!(text.ends_with("1 answers were WRONG.\n"), "{text}");
    }

    #[test]
    fn a_program_reads_the_same_and_how_to_repeat_it() {
        let report = json(&ASKED, &KEPT, &checks(End::Answered).read());
        assert_eq!(report["calls"]["Check"]["count"], 2);
        assert_eq!(report["calls"]["Check"]["milliseconds"]["p50"], 3.001);
        assert_eq!(report["acts"]["late"], 3);
        for name in [
            "command",
            "version",
            "machine",
            "databases",
            "started_at",
            "rate",
        ] {
            assert!(!report[name].is_null(), "{name}");
        }
    }
}
