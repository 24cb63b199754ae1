//! The table of performance: made from reports, and put in its place in the manual.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::Context;
use serde_json::Value;

const BEGIN: &str = "<!-- load table: begin -->\n";
const END: &str = "<!-- load table: end -->\n";

/// Makes the table from the reports of `load bench`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Reports; where two have the same row, the later counts.
    #[arg(required = true)]
    reports: Vec<PathBuf>,
    /// Put it between the marks of this file instead of standard output.
    #[arg(long)]
    into: Option<PathBuf>,
}

/// Runs `load table`.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let read = |path: &PathBuf| {
        let text = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        Ok(serde_json::from_slice(&text)?)
    };
    let reports: Vec<Value> = args
        .reports
        .iter()
        .map(read)
        .collect::<anyhow::Result<_>>()?;
    let table = markdown(&reports);
    match &args.into {
        None => io::stdout().lock().write_all(table.as_bytes())?,
        Some(path) => {
            let page = fs::read_to_string(path)?;
            let page = replaced(&page, &table).context("the file has no marks for the table")?;
            fs::write(path, page)?;
        }
    }
    Ok(())
}

/// The table of these reports, and under it what they were measured on.
pub fn markdown(reports: &[Value]) -> String {
    let mut rows: Vec<&Value> = Vec::new();
    for row in reports.iter().flat_map(|it| array(&it["rows"])) {
        let is_same = |it: &&Value| it["what"] == row["what"] && it["database"] == row["database"];
        rows.retain(|it| !is_same(it));
        rows.push(row);
    }
    let mut text = String::from(
        "| What | Database | Vow | Bare database | Figure, 95 % interval | Goal | |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let cells = ["what", "database", "ours", "reference", "figure", "goal"];
        for cell in cells {
            let _ = write!(text, "| {} ", row[cell].as_str().unwrap_or_default());
        }
        let _ = writeln!(text, "| {} |", verdict(row));
    }
    for report in reports {
        let _ = write!(text, "\n{}", circumstances(report));
    }
    text
}

fn verdict(row: &Value) -> String {
    let mut text = row["verdict"].as_str().unwrap_or_default().to_owned();
    for why in array(&row["void_because"]) {
        let _ = write!(text, "; {}", why.as_str().unwrap_or_default());
    }
    match row["voided_before"].as_u64() {
        None | Some(0) => text,
        Some(count) => format!("{text}; {count} void before"),
    }
}

/// What one report was measured on, and with which command.
fn circumstances(report: &Value) -> String {
    let machine = &report["machine"];
    let word = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut command: Vec<_> = array(&report["command"]).iter().skip(1).map(word).collect();
    // Where the report was written to says nothing.
    if let Some(place) = command.iter().position(|it| it == "--json") {
        command.drain(place..(place + 2).min(command.len()));
    }
    let mut text = format!(
        "`load {}` on {} × {}, kernel {}, {}, commit {}.\n",
        command.join(" "),
        word(&machine["processors"]),
        word(&machine["processor"]),
        word(&machine["kernel"]),
        word(&report["rustc"]),
        word(&report["commit"]),
    );
    let postgres = &report["postgres"];
    if !postgres.is_null() {
        let settings: Vec<_> = array(&postgres["settings"]).iter().map(word).collect();
        let syncs: Vec<_> = array(&postgres["pg_test_fsync"]).iter().map(word).collect();
        let _ = writeln!(
            text,
            "PostgreSQL {}: {}; `pg_test_fsync`: {}.",
            word(&postgres["version"]),
            settings.join(", "),
            syncs.join("; "),
        );
    }
    text
}

/// The page with another table between its marks.
fn replaced(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(database: &str, figure: &str) -> Value {
        json!({
            "command": ["target/release/load", "bench", "--json", "/a/place", "record"],
            "commit": "abc",
            "rustc": "rustc 1.94",
            "machine": { "processors": 2, "processor": "One", "kernel": "6.1" },
            "postgres": { "version": "15", "settings": ["fsync=on"], "pg_test_fsync": ["fsync 9 ops/sec"] },
            "rows": [{
                "what": "Record", "database": database, "ours": "2 rows/s", "reference": "1 rows/s",
                "figure": figure, "goal": "≥ 1.5 ×", "verdict": "reached", "voided_before": 1,
                "void_because": [],
            }],
        })
    }

    #[test]
    fn a_later_report_replaces_the_same_row_and_no_other() {
        let text = markdown(&[report("A", "1 ×"), report("B", "2 ×"), report("A", "3 ×")]);
        assert!(!text.contains("1 × |"), "{text}");
        let kept = "| Record | A | 2 rows/s | 1 rows/s | 3 × | ≥ 1.5 × | reached; 1 void before |";
        assert!(text.contains(kept), "{text}");
        assert!(text.contains("| B |"), "{text}");
        assert!(
            text.contains("`load bench record` on 2 × One, kernel 6.1"),
            "{text}"
        );
        assert!(text.contains("PostgreSQL 15: fsync=on"), "{text}");
    }

    #[test]
    fn the_table_takes_the_place_between_its_marks() {
        let page = format!("a\n{BEGIN}old\n{END}b\n");
        let new = replaced(&page, "new").expect("it has marks");
        assert_eq!(new, format!("a\n{BEGIN}\nnew\n{END}b\n"));
        assert_eq!(replaced(&new, "new").as_deref(), Some(new.as_str()));
        assert_eq!(replaced("a\nb\n", "new"), None);
    }
}
