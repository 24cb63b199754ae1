//! The consent service: it holds a company's policy versions and what each person permitted, and
//! decides.
//!
//! A write ([`book`] says what may happen) is committed with the writes of others under its
//! tenant's revision row ([`store`]), so that revisions have no gaps and become visible in order.
//! The [`follow`]er takes every revision into a [`snapshot`] in memory, whichever replica wrote it,
//! and there a [`question`] is answered by the policy's pure function. A permit becomes a signed
//! grant ([`grants`]). Evidence goes to the log by the [`outbox`], apart from any call.

mod acceptance;
mod api;
mod book;
mod consent;
mod decision;
mod error;
mod follow;
mod grants;
mod metrics;
mod outbox;
mod peers;
mod question;
mod recipient;
mod snapshot;
mod store;
mod subject;
mod tally;
mod watch;
mod wish;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use chassis::{Process, clock};
use grant::SigningKey;
use proto::consent::consent_service_server::{ConsentServiceServer, SERVICE_NAME};
use tonic::service::Routes;

use api::Api;
use follow::Follower;
use grants::Signer;
use metrics::Metrics;
use outbox::Outbox;
use peers::DisclosureAudit;
use store::{Store, Writer};
use tally::Tally;

pub use store::MIGRATIONS;

/// The name by which this service is known, also as the issuer of what it signs.
pub const NAME: &str = "consent";

/// How long a grant lives unless configured otherwise, in seconds.
pub const GRANT_LIFETIME_SECONDS: u64 = 60;

/// A grant is used at once or not at all; vaults refuse one that claims to live longer than this.
const GRANT_LIFETIME_SECONDS_MAX: u64 = grant::LIFETIME_SECONDS_MAX;

/// For how long a request that comes again is known.
const REQUESTS_KEPT_MILLISECONDS: i64 = 24 * 60 * 60 * 1_000;

/// What the service needs to know.
#[derive(clap::Args, Clone, Debug)]
pub struct Config {
    /// What every service needs to know.
    #[command(flatten)]
    pub chassis: chassis::Config,
    /// The Ed25519 key that signs grants and receipts: a PKCS#8 PEM file.
    #[arg(long, env = "VOW_GRANT_KEY")]
    pub grant_key: PathBuf,
    /// Where disclosure-audit answers, such as `https://disclosure-audit:7400`.
    #[arg(long, env = "VOW_DISCLOSURE_AUDIT")]
    pub disclosure_audit: String,
    /// How many seconds a grant lives, 1 to 300.
    #[arg(long, env = "VOW_GRANT_LIFETIME_SECONDS", default_value_t = GRANT_LIFETIME_SECONDS,
          value_parser = clap::value_parser!(u64).range(1..=GRANT_LIFETIME_SECONDS_MAX))]
    pub grant_lifetime_seconds: u64,
}

/// Serves until the process is asked to stop.
pub async fn run(config: Config, process: Process) -> anyhow::Result<()> {
    let lifetime_seconds = config.grant_lifetime_seconds;
    ensure!(
        (1..=GRANT_LIFETIME_SECONDS_MAX).contains(&lifetime_seconds),
        "a grant lives 1 to {GRANT_LIFETIME_SECONDS_MAX} seconds"
    );
    let pem =
        std::fs::read_to_string(&config.grant_key).context("the grant key is not readable")?;
    let signer = Signer {
        key: SigningKey::from_pkcs8_pem(&pem)?,
        lifetime_seconds,
    };
    let log = DisclosureAudit::new(process.connect(&config.disclosure_audit)?);
    let metrics = Metrics::register(process.metrics());
    let store = Store::new(process.database(store::MIGRATIONS).await?);
    let keys = process.key_store().await?;

    let follower = Arc::new(Follower::open(store.clone(), metrics.clone()).await?);
    let outbox = Arc::new(Outbox::new(store.clone(), log.clone(), metrics.clone()));
    keep_up(&process, &store, &follower, &outbox);
    let api = Api {
        writer: Writer::start(store.clone()),
        store,
        keys,
        follower,
        outbox,
        log,
        signer,
        metrics,
        tally: Tally::since(clock::now_ms()),
        stop: process.stop(),
    };
    let routes = Routes::new(ConsentServiceServer::new(api));
    process.serve(routes, &[SERVICE_NAME]).await
}

/// Starts what goes on beside the calls, until the process stops.
fn keep_up(process: &Process, store: &Store, follower: &Arc<Follower>, outbox: &Arc<Outbox>) {
    let (following, stop) = (follower.clone(), process.stop());
    process.spawn("follow", async move {
        tokio::select! {
            () = following.run() => {}
            () = stop.requested() => {}
        }
        Ok(())
    });
    let (delivering, stop) = (outbox.clone(), process.stop());
    process.spawn("outbox", async move {
        tokio::select! {
            () = delivering.run() => {}
            () = stop.requested() => {}
        }
        Ok(())
    });
    let (sweeping, stop) = (store.clone(), process.stop());
    process.spawn("sweep", async move {
        tokio::select! {
            () = sweep(&sweeping) => {}
            () = stop.requested() => {}
        }
        Ok(())
    });
}

/// Forgets old requests every hour. What cannot be forgotten now is forgotten later.
async fn sweep(store: &Store) {
    let mut hours = tokio::time::interval(Duration::from_secs(3_600));
    loop {
        hours.tick().await;
        let before = clock::now_ms() - REQUESTS_KEPT_MILLISECONDS;
        if store.forget_requests(before).await.is_err() {
            tracing::warn!("old requests are not forgotten");
        }
    }
}
