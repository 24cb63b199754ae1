//! `load capacity`: how many calls a second this machine carries, found by climbing until they get slow.

use std::{
    env,
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::{
    bench::{
        ground::{Ground, Store},
        program,
    },
    machine,
};

/// The rate that a ladder begins with, in acts a second; each step doubles it.
const FIRST_RATE: u32 = 50;
const STEPS: u32 = 8;
/// How often a rate is tried before it counts as not carried: a disk that stalls once says nothing.
const TRIES: u32 = 3;
/// More than this part of the acts late, and the rate is not carried.
const LATE_MAX: f64 = 0.01;

/// What is climbed: an act, and how long its calls may take.
struct Ladder {
    act: &'static str,
    calls: &'static str,
    p99_max_ms: f64,
}

const LADDERS: [Ladder; 3] = [
    Ladder {
        act: "check",
        calls: "`Check`",
        p99_max_ms: 50.0,
    },
    Ladder {
        act: "reveal",
        calls: "`Authorize`, then `Reveal`",
        p99_max_ms: 100.0,
    },
    Ladder {
        act: "record",
        calls: "`Record`",
        p99_max_ms: 100.0,
    },
];

/// Finds what this machine carries, on suites of its own, and writes it down as Markdown.
///
/// The suite, its database and this program share all processors. Each rate is the double of the one
/// before; what is told is the last at which, in one of three tries, every answer was right and the 99th
/// percentile of its calls held the bound, and then what people take of memory and disk.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What the suite stores in.
    #[arg(long, value_delimiter = ',', default_value = "sqlite,postgres")]
    database: Vec<Store>,
    /// The program to measure; the one beside this one when it is not named.
    #[arg(long)]
    vow: Option<PathBuf>,
    /// How long each rate is kept.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// People registered to see what they take.
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(1..))]
    people: u32,
}

/// One rate, as it went.
struct Step {
    rate: u32,
    /// Of the slowest of its methods.
    p99_ms: f64,
    late: f64,
    is_sound: bool,
}

/// Runs `load capacity`.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let vow = program(args.vow.as_deref())?;
    let mut text = String::from(
        "| Database | Calls | Carried | p99 then | Bound | Not carried |\n|---|---|--:|--:|--:|---|\n",
    );
    let mut footprints = String::new();
    for store in &args.database {
        let ground = Ground::start(&vow, *store, None)?;
        let footprint = footprint(&ground, args.people)?;
        let _ = writeln!(footprints, "\n{}: {footprint}", store.name());
        for ladder in &LADDERS {
            text.push_str(&climb(&ground, *store, ladder, args.seconds)?);
        }
    }
    let machine = machine::describe();
    let (processors, processor) = (&machine["processors"], &machine["processor"]);
    let processor = processor.as_str().unwrap_or_default();
    let on = format!("\nOn {processors} × {processor}, shared by suite, database and driver.\n");
    let mut stdout = io::stdout().lock();
    stdout.write_all([text, footprints, on].concat().as_bytes())?;
    Ok(())
}

/// A row of the table.
fn climb(ground: &Ground, store: Store, ladder: &Ladder, seconds: u32) -> anyhow::Result<String> {
    let mut carried = None;
    let mut stopped = String::new();
    let acts = format!("{}=1", ladder.act);
    'rates: for rate in (0..STEPS).map(|step| FIRST_RATE << step) {
        for _ in 0..TRIES {
            let step = Step::of(rate, &mix(ground, rate, seconds, 128, &acts)?);
            match step.not_carried(ladder.p99_max_ms) {
                Some(why) => stopped = format!("{rate}/s: {why}"),
                None => {
                    (carried, stopped) = (Some(step), "not found".to_owned());
                    continue 'rates;
                }
            }
        }
        break;
    }
    let (rate, p99) = match carried {
        Some(it) => (format!("{}/s", it.rate), format!("{:.0} ms", it.p99_ms)),
        None => ("none".to_owned(), "—".to_owned()),
    };
    Ok(format!(
        "| {} | {} | {rate} | {p99} | {:.0} ms | {stopped} |\n",
        store.name(),
        ladder.calls,
        ladder.p99_max_ms,
    ))
}

/// What people take.
fn footprint(ground: &Ground, people: u32) -> anyhow::Result<String> {
    let (memory, stored) = (ground.memory()?, ground.stored()?);
    let report = mix(ground, 1, 1, people, "check=1")?;
    ensure!(
        report["failures"] == serde_json::json!({}),
        "people are registered"
    );
    let per_person = |after: u64, before: u64| after.saturating_sub(before) / u64::from(people);
    Ok(format!(
        "the suite takes {} MiB of memory when it starts; a person takes {} bytes more of it, and {} \
         bytes of disk with name, e-mail address, half of a consent, keys and records ({people} people).",
        memory >> 20,
        per_person(ground.memory()?, memory),
        per_person(ground.stored()?, stored),
    ))
}

/// Runs `load mix` as a process of its own, and reads its report.
fn mix(ground: &Ground, rate: u32, seconds: u32, people: u32, acts: &str) -> anyhow::Result<Value> {
    let report = ground.file("report.json");
    let output = Command::new(env::current_exe()?)
        .args(["mix", "--acts", acts])
        .args([
            "--rate",
            &rate.to_string(),
            "--seconds",
            &seconds.to_string(),
        ])
        .args(["--people", &people.to_string()])
        .args([Path::new("--dir"), &ground.folder()])
        .args([Path::new("--json"), &report])
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let text = fs::read(&report).with_context(|| format!("no report: {said}"))?;
    fs::remove_file(&report)?;
    Ok(serde_json::from_slice(&text)?)
}

impl Step {
    fn of(rate: u32, report: &Value) -> Self {
        let calls = report["calls"].as_object().into_iter().flatten();
        let p99 = calls.filter_map(|(_, it)| it["milliseconds"]["p99"].as_f64());
        let count = |name: &str| report["acts"][name].as_f64().unwrap_or_default();
        let has_failed = report["failures"]
            .as_object()
            .is_some_and(|it| !it.is_empty());
        Self {
            rate,
            p99_ms: p99.fold(0.0, f64::max),
            late: (count("late") + count("unended")) / count("begun").max(1.0),
            is_sound: !has_failed && report["wrong"] == 0,
        }
    }

    /// Why this rate is more than the machine carries, if it is.
    fn not_carried(&self, p99_max_ms: f64) -> Option<String> {
        match self {
            Self {
                is_sound: false, ..
            } => Some("calls failed".to_owned()),
            Self { p99_ms, .. } if *p99_ms > p99_max_ms => Some(format!("p99 {p99_ms:.0} ms")),
            Self { late, .. } if *late > LATE_MAX => Some("acts began late".to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(p99: f64, late: u32, failures: Value, wrong: u32) -> Value {
        json!({
            "calls": {
                "Authorize": { "milliseconds": { "p99": 1.0 } },
                "Reveal": { "milliseconds": { "p99": p99 } },
            },
            "acts": { "begun": 100, "late": late, "unended": 0 },
            "failures": failures,
            "wrong": wrong,
        })
    }

    #[test]
    fn a_rate_is_carried_when_all_is_right_and_in_time() {
        for (report, why) in [
            (report(50.0, 1, json!({}), 0), None),
            (report(50.1, 0, json!({}), 0), Some("p99 50 ms")),
            (report(9.0, 2, json!({}), 0), Some("acts began late")),
            (
                report(9.0, 0, json!({"Reveal UNAVAILABLE": 1}), 0),
                Some("calls failed"),
            ),
            (report(9.0, 0, json!({}), 1), Some("calls failed")),
        ] {
            let step = Step::of(50, &report);
            assert_eq!(step.not_carried(50.0).as_deref(), why, "{report}");
        }
    }
}
