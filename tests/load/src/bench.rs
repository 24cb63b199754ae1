//! `load bench`: measures what the log does beside a bare database on the same processors, round by round.

mod closed_loop;
mod entries;
mod fill;
pub mod ground;
mod measures;
mod noise;
mod postgres;
mod recording;
mod reference;
mod rounds;
mod rows;
mod statistics;
pub mod table;

use std::{
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::Context;
use serde_json::{Value, json};

use self::{
    fill::Filler,
    ground::{Ground, Pinning, Store},
    measures::{BATCH, Found},
    noise::Before,
    recording::Recording,
    rounds::Plan,
    rows::Measured,
};
use crate::machine;

/// Leaves of one transaction while the log is filled.
const CHUNK: usize = 4_000;
/// Bytes that stand for a sealed opening in leaves that nobody opens: about what is sealed.
const SEALED_BYTES: usize = 700;
/// Disclosures recorded through the front door while the log is filled, spread over all of it.
const RECORDED: usize = 10_000;

/// Measures the rows of the table of performance, on a suite and databases of its own.
///
/// Rounds of ours and of the reference alternate, and their order is swapped each time. A goal is
/// reached when the bound of the 95 % bootstrap interval that is against it reaches it. A row is
/// void, and measured again, when the machine was busy at its start (load average over 0.5), more
/// than 1 % of the processors' time was stolen, or the reference varied by more than 10 % from one
/// round to the next.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The rows; all of them when none is named.
    rows: Vec<Measured>,
    /// What the suite stores in.
    #[arg(long, value_delimiter = ',', default_value = "sqlite,postgres")]
    database: Vec<Store>,
    /// The program to measure; the one beside this one when it is not named.
    #[arg(long)]
    vow: Option<PathBuf>,
    /// Rounds of each side.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pairs: u32,
    /// How long a round lasts.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// How long each side runs before the first round.
    #[arg(long, default_value_t = 5)]
    warm_up_seconds: u64,
    /// People of whom disclosures are recorded, the nth 1/n^1.1 times as often as the first.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    people: u32,
    /// Leaves in the log from which receipts are asked and which is verified.
    #[arg(long, default_value_t = 10_000_000)]
    leaves: u64,
    /// Processors of the suite with its database, and of this program, as lists for taskset.
    #[arg(long, value_name = "SERVER/CLIENT", default_value = "0/1")]
    pin: Pinning,
    /// How long to wait before each row until the machine is quiet.
    #[arg(long, default_value_t = 300)]
    patience_seconds: u64,
    /// Attempts at a row before it is told as void.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    attempts: u32,
    /// See in seconds that everything works: two short rounds, few leaves, no pinning, no waiting.
    /// The figures say nothing.
    #[arg(long)]
    quick: bool,
    /// Write the report to this file, with all that is needed to repeat it; for `load table`.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// What is asked for, all told.
struct Asked {
    vow: PathBuf,
    plan: Plan,
    people: usize,
    leaves: u64,
    recorded: usize,
    pinning: Option<Pinning>,
    patience: Duration,
    attempts: u32,
}

/// Runs `load bench`; whether every goal was reached. A quick run only says that all worked.
pub async fn run(args: Args) -> anyhow::Result<bool> {
    let asked = Asked::of(&args)?;
    let chosen = match args.rows.as_slice() {
        [] => Measured::ALL.to_vec(),
        rows => rows.to_vec(),
    };
    let mut rows = Vec::new();
    let mut postgres = Value::Null;
    for store in &args.database {
        let mut filled = None;
        for measured in &chosen {
            let row = asked.measure(*measured, *store, &mut filled, &mut postgres);
            let row = row.await.with_context(|| measured.words())?;
            let word = |name: &str| row[name].as_str().unwrap_or_default();
            let (what, figure, verdict) = (word("what"), word("figure"), word("verdict"));
            say(&format!("{}, {what}: {figure}, {verdict}\n", store.name()));
            rows.push(row);
        }
    }
    let is_reached = rows.iter().all(|it| it["verdict"] == "reached");
    let report = json!({
        "command": env::args().collect::<Vec<_>>(),
        "version": env!("CARGO_PKG_VERSION"),
        "commit": said("git", &["rev-parse", "--short=12", "HEAD"]),
        "rustc": said("rustc", &["--version"]),
        "started_at": client::clock::now_seconds(),
        "machine": machine::describe(),
        "postgres": postgres,
        "rows": rows,
    });
    let table = table::markdown(std::slice::from_ref(&report));
    io::stdout().lock().write_all(table.as_bytes())?;
    if let Some(path) = &args.json {
        let text = serde_json::to_vec_pretty(&report)?;
        fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(is_reached || args.quick)
}

impl Asked {
    fn of(args: &Args) -> anyhow::Result<Self> {
        let vow = program(args.vow.as_deref())?;
        let seconds = Duration::from_secs;
        Ok(match args.quick {
            true => Self {
                vow,
                plan: Plan {
                    pairs: 2,
                    round: seconds(1),
                    warm_up: seconds(1),
                },
                people: 100,
                leaves: 20_000,
                recorded: 200,
                pinning: None,
                patience: Duration::ZERO,
                attempts: 1,
            },
            false => Self {
                vow,
                plan: Plan {
                    pairs: args.pairs as usize,
                    round: seconds(args.seconds),
                    warm_up: seconds(args.warm_up_seconds),
                },
                people: args.people as usize,
                leaves: args.leaves,
                recorded: RECORDED,
                pinning: Some(args.pin.clone()),
                patience: seconds(args.patience_seconds),
                attempts: args.attempts,
            },
        })
    }

    /// Measures one row until it is not void, but not for ever.
    async fn measure(
        &self,
        measured: Measured,
        store: Store,
        filled: &mut Option<Filled>,
        postgres: &mut Value,
    ) -> anyhow::Result<Value> {
        for voided in 0.. {
            // Receipts and verification share one long log; all else begins with an empty one.
            let fresh = match measured {
                Measured::Receipt | Measured::Verify => None,
                _ => Some(self.start(store)?),
            };
            if fresh.is_none() && filled.is_none() {
                *filled = Some(self.fill(store).await?);
            }
            let ground = fresh.as_ref().or(filled.as_ref().map(|it| &it.ground));
            let ground = ground.context("one of them is there")?;
            let before = Before::quiet(self.patience).await?;
            let found = self.find(measured, ground, filled.as_ref()).await?;
            let noise = before.noise(found.variation)?;
            if let Some(server) = ground.postgres.as_ref().filter(|_| postgres.is_null()) {
                *postgres = server.describe()?;
            }
            if noise.voids().is_empty() || voided + 1 == self.attempts {
                return Ok(rows::row(measured, store, found, &noise, voided));
            }
            say(&format!("void: {}\n", noise.voids().join(", ")));
        }
        unreachable!("the last attempt is told whatever it is")
    }

    async fn find(
        &self,
        measured: Measured,
        ground: &Ground,
        filled: Option<&Filled>,
    ) -> anyhow::Result<Found> {
        let (plan, people) = (self.plan, self.people);
        let entries = filled.map(|it| it.entries.as_slice()).unwrap_or_default();
        match measured {
            Measured::RecordBatch => measures::record_batch(plan, ground, people).await,
            Measured::Record => measures::record(plan, ground, people).await,
            Measured::Checkpoint => measures::checkpoint(plan, ground, people).await,
            Measured::Receipt => measures::receipt(plan, ground, entries).await,
            Measured::Verify => measures::verify(plan, ground, &self.vow, self.leaves).await,
        }
    }

    fn start(&self, store: Store) -> anyhow::Result<Ground> {
        Ground::start(&self.vow, store, self.pinning.as_ref())
    }

    /// A suite with a long log, in which entries that can be opened lie evenly among all others.
    async fn fill(&self, store: Store) -> anyhow::Result<Filled> {
        let ground = self.start(store)?;
        let recording = Recording::open(&ground, self.people).await?;
        let mut filler = Filler::open(&ground, SEALED_BYTES).await?;
        let mut entries = Vec::with_capacity(self.recorded);
        let mut leaves = 0;
        while leaves < self.leaves {
            // As many of these as of all leaves are there so far.
            let due = self.recorded as u128 * u128::from(leaves) / u128::from(self.leaves);
            while entries.len() as u128 <= due && entries.len() < self.recorded {
                let recorded = recording.many(0, BATCH.min(self.recorded)).await?;
                entries.extend(recorded.into_iter().map(|it| it.entry_id));
            }
            leaves = filler.append(CHUNK).await?;
        }
        say(&format!("filled: {leaves} leaves\n"));
        Ok(Filled { ground, entries })
    }
}

/// The program to measure: the one that was named, or the one beside this one.
pub fn program(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let beside = env::current_exe()?.with_file_name("vow");
    let vow = named.unwrap_or(&beside);
    fs::canonicalize(vow).with_context(|| format!("{} is not there: build it first", vow.display()))
}

/// A suite with a long log.
struct Filled {
    ground: Ground,
    /// The entries that were recorded through the front door.
    entries: Vec<String>,
}

/// What a program says in its first line; null where it cannot be run.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(str::to_owned)
}

/// Says how far it is.
fn say(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
