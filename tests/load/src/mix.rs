//! `load mix`: begins acts on their schedule, whatever the suite answers, until the time is over.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use client::Clients;
use proto::{
    consent::{GetPolicyRequest, PublishPolicyRequest},
    disclosure_audit::RegisterRecipientRequest,
};
use tokio::{sync::Semaphore, time::Instant};
use tonic::Code;

use crate::{
    act::{Act, Setting, Weighted},
    call::Caller,
    pace,
    report::{self, Asked},
    schedule::{Rotation, Schedule},
    suite::SuiteArgs,
    tally::Tally,
    words::{self, CARD, EMAIL, NAME, NEWSLETTER, PAYMENT, PROCESSOR, PROVIDER},
};

/// The policy of a suite that has none yet.
const POLICY: &str = include_str!("../../../policies/gupshup-bots.toml");
/// People registered at once before the run.
const ENTERING: usize = 32;

/// Begins acts of many people at a fixed rate, and reports how each call was answered.
///
/// A call's time counts from when it was due, so that waiting for a slow suite counts too. A call
/// that fails with UNAVAILABLE or ABORTED is made again, as every caller should; it counts as
/// failed when the last attempt fails. Ctrl-C and SIGTERM end the run early, with its report.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    suite: SuiteArgs,
    /// Acts begun in a second; each is one to seven calls.
    #[arg(long, default_value_t = 20.0, value_parser = rate)]
    rate: f64,
    /// How long acts are begun; without it until a signal comes.
    #[arg(long)]
    seconds: Option<u64>,
    /// Acts in progress at once; one that finds no place begins late, and its time still counts.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    in_flight: u32,
    /// Attempts of a call before it counts as failed.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    attempts: u32,
    /// People registered before the run, half of whom permit the newsletter. When an act finds none,
    /// it registers one first: twice --in-flight are enough.
    #[arg(long, default_value_t = 200)]
    people: usize,
    /// How often each act comes in proportion to the others; those not named do not come.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "ACT=WEIGHT",
        default_value = "check=40,check-refused=10,reveal=20,reveal-refused=4,register=6,\
                         permit=6,withdraw=5,order=6,erase=3"
    )]
    acts: Vec<Weighted>,
    /// What the suite's databases are, in words for the report.
    #[arg(long, default_value = "not told")]
    databases: String,
    /// Write the report to this file too, with all that is needed to repeat the run.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Runs `load mix`; whether all was well.
pub async fn run(args: Args) -> anyhow::Result<bool> {
    let weights: Vec<_> = args.acts.iter().map(|it| (it.act, it.weight)).collect();
    let mut rotation = Rotation::new(&weights).context("at least one act needs a weight")?;
    let caller = args.suite.caller()?;
    let setting = Arc::new(prepare(&args, &caller).await?);
    register_people(&args, &setting, &caller).await?;

    let tally = Arc::new(Tally::default());
    let act = |due| {
        let mut caller = Caller::new(caller.clone(), args.attempts, tally.clone(), due);
        let (setting, act) = (setting.clone(), rotation.turn());
        // How it ends is in the tally.
        async move { drop(act.perform(&setting, &mut caller).await) }
    };
    let schedule = Schedule::new(args.rate);
    let seconds = args.seconds.map(Duration::from_secs);
    let planned = seconds.map(|it| schedule.count_before(it));
    let started_at = client::clock::now_seconds();
    let kept = pace::keep(schedule, planned, args.in_flight, pace::signalled()?, act).await;

    let counts = tally.read();
    let asked = Asked {
        started_at,
        rate: args.rate,
        in_flight: args.in_flight,
        attempts: args.attempts,
        people: args.people,
        databases: &args.databases,
    };
    report::print(&asked, &kept, &counts);
    if let Some(path) = &args.json {
        let text = serde_json::to_vec_pretty(&report::json(&asked, &kept, &counts))?;
        fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(counts.is_sound() && kept.unended == 0)
}

/// Makes sure of a policy, and registers two recipients of this run's own.
async fn prepare(args: &Args, caller: &Clients) -> anyhow::Result<Setting> {
    let mut operator = args.suite.operator()?;
    let current = client::retry(args.attempts, || {
        let mut caller = caller.clone();
        let request = caller.request(GetPolicyRequest::default());
        async move { caller.consent.get_policy(request).await }
    });
    let policy_version = match current.await {
        Ok(answer) => answer
            .into_inner()
            .version
            .context("a policy has a version")?,
        Err(status) if status.code() == Code::NotFound => {
            let request = operator.request(PublishPolicyRequest {
                request_id: words::new_id(),
                text: POLICY.to_owned(),
                validate_only: false,
            });
            let answer = operator.consent.publish_policy(request).await?;
            answer
                .into_inner()
                .version
                .context("a policy has a version")?
        }
        Err(status) => return Err(status).context("the current policy cannot be read"),
    }
    .policy_version;

    let marker = &words::new_id()[..8];
    let setting = Setting {
        people: Default::default(),
        vault: match args.acts.iter().any(|it| it.act == Act::Record) {
            true => Some(args.suite.vault()?),
            false => None,
        },
        policy_version,
        provider: format!("load-provider-{marker}"),
        processor: format!("load-processor-{marker}"),
    };
    for recipient in [
        words::recipient(&setting.provider, PROVIDER, NEWSLETTER, &[NAME, EMAIL]),
        words::recipient(&setting.processor, PROCESSOR, PAYMENT, &[NAME, CARD]),
    ] {
        let request_id = words::new_id();
        let answer = client::retry(args.attempts, || {
            let mut operator = operator.clone();
            let request = operator.request(RegisterRecipientRequest {
                request_id: request_id.clone(),
                recipient: Some(recipient.clone()),
            });
            async move { operator.audit.register_recipient(request).await }
        });
        let answer = answer.await;
        answer.context("a recipient cannot be registered")?;
    }
    Ok(setting)
}

/// Registers the people that the run begins with. Their calls are in no report.
async fn register_people(
    args: &Args,
    setting: &Arc<Setting>,
    caller: &Clients,
) -> anyhow::Result<()> {
    let tally = Arc::new(Tally::default());
    let places = Arc::new(Semaphore::new(ENTERING));
    for number in 0..args.people {
        let place = places.clone().acquire_owned().await?;
        let (setting, act) = (setting.clone(), [Act::Register, Act::Permit][number % 2]);
        let mut caller = Caller::new(caller.clone(), args.attempts, tally.clone(), Instant::now());
        tokio::spawn(async move {
            let entered = act.perform(&setting, &mut caller).await;
            drop((entered, place));
        });
    }
    let _all = places.acquire_many(ENTERING as u32).await?;
    let counts = tally.read();
    ensure!(
        counts.is_sound(),
        "people cannot be registered: {:?}",
        counts.failures
    );
    Ok(())
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.01..=100_000.0).contains(&rate) => Ok(rate),
        _ => Err("a rate is 0.01 to 100,000 acts a second".to_owned()),
    }
}
