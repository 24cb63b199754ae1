//! How each row is measured on a suite that runs.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, ensure};
use client::Clients;
use hdrhistogram::Histogram;
use ledger::{ProofFile, VerifierKey};
use proto::disclosure_audit::{GetCheckpointRequest, GetReceiptRequest};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{
    closed_loop,
    ground::Ground,
    recording::Recording,
    reference::Reference,
    rounds::{self, Pair, Plan, Round, histogram},
    statistics::{Random, variation},
};
use crate::{pace, schedule::Schedule};

/// Disclosures in a call of many.
pub const BATCH: usize = 100;
/// Callers at once who send many in a call.
const CALLERS_OF_BATCHES: usize = 8;
/// Callers at once who send one.
const CALLERS_OF_ONE: usize = 64;
/// Records in a second, of each of which it is measured when it is covered.
const RECORDS_PER_SECOND: f64 = 200.0;
/// Receipts in a second.
const RECEIPTS_PER_SECOND: f64 = 100.0;
const IN_FLIGHT: u32 = 256;
/// How often it is asked how far the log is covered.
const ASKED_EVERY: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(1_800);

/// What a measurement found.
pub struct Found {
    /// The figure of each round.
    pub figures: Vec<f64>,
    /// How much the reference's rounds varied, where there is one.
    pub variation: Option<f64>,
    /// Everything else, for programs.
    pub details: Value,
    /// In words, for the table: ours, and the reference.
    pub words: (String, String),
}

/// Recording many in a call, in times what the bare database does.
pub async fn record_batch(plan: Plan, ground: &Ground, people: usize) -> anyhow::Result<Found> {
    let recording = Recording::open(ground, people).await?;
    let ours = async |time| {
        let recording = recording.clone();
        let call = move |caller| {
            let recording = recording.clone();
            async move { Ok(recording.many(caller, BATCH).await?.len() as u64) }
        };
        closed_loop::run(CALLERS_OF_BATCHES, time, call).await
    };
    against_the_reference(plan, ground, (CALLERS_OF_BATCHES, BATCH), ours).await
}

/// Recording one in a call, in times what the bare database commits one at a time.
pub async fn record(plan: Plan, ground: &Ground, people: usize) -> anyhow::Result<Found> {
    let recording = Recording::open(ground, people).await?;
    let ours = async |time| {
        let recording = recording.clone();
        let call = move |caller| {
            let recording = recording.clone();
            async move { recording.one(caller).await.map(|_| 1) }
        };
        closed_loop::run(CALLERS_OF_ONE, time, call).await
    };
    against_the_reference(plan, ground, (CALLERS_OF_ONE, 1), ours).await
}

async fn against_the_reference(
    plan: Plan,
    ground: &Ground,
    (callers, rows): (usize, usize),
    mut ours: impl AsyncFnMut(Duration) -> anyhow::Result<Round>,
) -> anyhow::Result<Found> {
    // The reference's rows are as long as those that ours has written.
    ours(plan.warm_up).await?;
    let reference = Reference::open(ground, callers as u32).await?;
    let bare = async |time| {
        let reference = reference.clone();
        let call = move |_| {
            let reference = reference.clone();
            async move { reference.insert(rows).await }
        };
        closed_loop::run(callers, time, call).await
    };
    let pairs = rounds::pairs(plan, ours, bare).await?;
    let ratio = |it: &Pair| it.ours.per_second / it.reference.per_second;
    let per_second: Vec<_> = pairs.iter().map(|it| it.reference.per_second).collect();
    let ours = rounds::json(pairs.iter().map(|it| &it.ours));
    let reference = rounds::json(pairs.iter().map(|it| &it.reference));
    Ok(Found {
        figures: pairs.iter().map(ratio).collect(),
        variation: Some(variation(&per_second)),
        words: (rows_per_second(&ours), rows_per_second(&reference)),
        details: json!({
            "callers": callers,
            "rows_per_call": rows,
            "ours": ours,
            "reference": reference,
        }),
    })
}

/// How long after its answer each record was covered by a signed checkpoint.
pub async fn checkpoint(plan: Plan, ground: &Ground, people: usize) -> anyhow::Result<Found> {
    let recording = Recording::open(ground, people).await?;
    let (covers, covered) = watch::channel(0);
    let asking = tokio::spawn(follow(ground.clients("shop")?, covers));
    let round = async |time: Duration| {
        let times = Times::default();
        let act = |_| {
            let (recording, times) = (recording.clone(), times.clone());
            let mut covered = covered.clone();
            async move {
                let waited = async {
                    let recorded = recording.one(0).await?;
                    let answered = Instant::now();
                    covered.wait_for(|size| *size > recorded.index).await?;
                    anyhow::Ok(answered.elapsed())
                };
                times.note(waited.await);
            }
        };
        open_loop(RECORDS_PER_SECOND, time, act).await?;
        times.round(time)
    };
    let rounds = rounds::alone(plan, round).await?;
    asking.abort();
    Ok(percentiles(&rounds))
}

/// How long a receipt of any entry takes.
pub async fn receipt(plan: Plan, ground: &Ground, entries: &[String]) -> anyhow::Result<Found> {
    let shop = ground.clients("shop")?;
    let key = fs::read_to_string(ground.folder().join("log.vkey"))?;
    let key = Arc::new(VerifierKey::parse(key.trim())?);
    let mut random = Random::new(1);
    let round = async |time: Duration| {
        let times = Times::default();
        let act = |due: Instant| {
            let (shop, key, times) = (shop.clone(), key.clone(), times.clone());
            let entry_id = entries[random.below(entries.len())].clone();
            async move {
                let answered = async {
                    let mut shop = shop;
                    let request = shop.request(GetReceiptRequest { entry_id });
                    let receipt = shop.audit.get_receipt(request).await?.into_inner();
                    let taken = due.elapsed();
                    let proof = ProofFile::parse(&String::from_utf8(receipt.proof)?)?;
                    proof.verify(&key)?;
                    anyhow::Ok(taken)
                };
                times.note(answered.await);
            }
        };
        open_loop(RECEIPTS_PER_SECOND, time, act).await?;
        times.round(time)
    };
    Ok(percentiles(&rounds::alone(plan, round).await?))
}

/// How many leaves in a second `vow verify` verifies on one processor.
pub async fn verify(plan: Plan, ground: &Ground, vow: &Path, leaves: u64) -> anyhow::Result<Found> {
    let folder = ground.tiles();
    wait_until_published(&folder, leaves).await?;
    let round = async |_| {
        let began = Instant::now();
        let output = Command::new(vow)
            .arg("verify")
            .arg(&folder)
            .arg("--key")
            .arg(ground.folder().join("log.vkey"))
            .stdin(Stdio::null())
            .output()?;
        let elapsed = began.elapsed();
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "vow verify failed: {said}");
        let mut latency = histogram();
        latency.saturating_record(elapsed.as_micros() as u64);
        Ok(Round::new(leaves, elapsed, latency))
    };
    let rounds = rounds::alone(plan, round).await?;
    let figures: Vec<_> = rounds.iter().map(|it| it.per_second).collect();
    let told = rounds::json(rounds.iter());
    Ok(Found {
        words: (format!("{leaves} leaves"), String::new()),
        details: json!({ "leaves": leaves, "ours": told }),
        figures,
        variation: None,
    })
}

async fn open_loop<Doing>(
    rate: f64,
    time: Duration,
    act: impl FnMut(Instant) -> Doing,
) -> anyhow::Result<()>
where
    Doing: Future<Output = ()> + Send + 'static,
{
    let schedule = Schedule::new(rate);
    let planned = Some(schedule.count_before(time));
    let kept = pace::keep(schedule, planned, IN_FLIGHT, std::future::pending(), act).await;
    ensure!(kept.unended == 0, "{} calls did not end", kept.unended);
    Ok(())
}

/// Tells, until it is aborted, how many entries the newest checkpoint covers.
async fn follow(mut shop: Clients, covers: watch::Sender<u64>) {
    loop {
        let request = shop.request(GetCheckpointRequest {});
        if let Ok(answer) = shop.audit.get_checkpoint(request).await
            && let Some(size) = covered(&answer.into_inner().checkpoint)
        {
            covers.send_replace(size);
        }
        sleep(ASKED_EVERY).await;
    }
}

/// The second line of a checkpoint: how many entries it covers.
fn covered(checkpoint: &[u8]) -> Option<u64> {
    let text = str::from_utf8(checkpoint).ok()?;
    text.lines().nth(1)?.parse().ok()
}

async fn wait_until_published(folder: &Path, leaves: u64) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let published = fs::read(folder.join("checkpoint")).unwrap_or_default();
        if covered(&published).is_some_and(|it| it >= leaves) {
            return Ok(());
        }
        ensure!(
            began.elapsed() < PATIENCE,
            "the tiles were not published in {PATIENCE:?}"
        );
        sleep(Duration::from_millis(500)).await;
    }
}

/// The times of the calls of a round, which many tasks make; the first that failed fails it.
#[derive(Clone)]
struct Times(Arc<Mutex<anyhow::Result<Histogram<u64>>>>);

impl Default for Times {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Ok(histogram()))))
    }
}

impl Times {
    fn note(&self, taken: anyhow::Result<Duration>) {
        let mut times = self.0.lock().expect("no holder panics");
        match (&mut *times, taken) {
            (Ok(times), Ok(taken)) => times.saturating_record(taken.as_micros() as u64),
            (Ok(_), Err(error)) => *times = Err(error),
            (Err(_), _) => {}
        }
    }

    fn round(&self, time: Duration) -> anyhow::Result<Round> {
        let mut times = self.0.lock().expect("no holder panics");
        let latency = std::mem::replace(&mut *times, Ok(histogram()));
        let latency = latency.context("a call failed")?;
        Ok(Round::new(latency.len(), time, latency))
    }
}

/// The 99th percentile of each round.
fn percentiles(rounds: &[Round]) -> Found {
    let told = rounds::json(rounds.iter());
    let milliseconds = &told["milliseconds"];
    let part = |name: &str| milliseconds[name].as_f64().unwrap_or(f64::NAN);
    let (p50, p99, max) = (part("p50"), part("p99"), part("max"));
    let words = format!("p50 {p50:.1}, p99 {p99:.1}, max {max:.1} ms");
    Found {
        figures: rounds.iter().map(|it| it.milliseconds(99.0)).collect(),
        variation: None,
        words: (words, String::new()),
        details: json!({ "ours": told }),
    }
}

fn rows_per_second(told: &Value) -> String {
    let per_second = told["per_second"]["median"].as_f64().unwrap_or(f64::NAN);
    let p99 = told["milliseconds"]["p99"].as_f64().unwrap_or(f64::NAN);
    format!("{per_second:.0} rows/s, p99 {p99:.1} ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_tells_what_it_covers() {
        assert_eq!(covered(b"vow.local/log\n42\nroot\n"), Some(42));
        for broken in [&b""[..], b"vow.local/log\n", b"a\nb\n", b"\xff\n1\n"] {
            assert_eq!(covered(broken), None);
        }
    }

    #[test]
    fn one_call_that_failed_fails_the_round() {
        let times = Times::default();
        times.note(Ok(Duration::from_millis(2)));
        let round = times.round(Duration::from_secs(1)).expect("no call failed");
        assert_eq!((round.per_second, round.milliseconds(99.0)), (1.0, 2.0));
        times.note(Err(anyhow::anyhow!("planted")));
        times.note(Ok(Duration::from_millis(2)));
        assert!(times.round(Duration::from_secs(1)).is_err());
    }
}
