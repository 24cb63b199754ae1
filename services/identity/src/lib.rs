//! identity: who a person is, sealed under a key of the person's own, and the erasure of everything.
//!
//! A person is registered without personal data and enrolled in consent ([`subject`]). Values come
//! in under a grant to collect ([`permission`], [`value`]), are sealed to their person, category and
//! version, and can be looked up only through a keyed index. They leave under a grant to use or
//! disclose, and only after that is durable in the log. An erasure ([`erasure`]) goes through all
//! services step by step, each step remembered, until every key is gone and a signed certificate of
//! it is in the log.

pub mod erasure;
pub mod error;
pub mod permission;
pub mod subject;
pub mod value;

mod api;
mod metrics;
mod peers;
mod saga;
mod store;
mod sweep;

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::Context;
use chassis::Process;
use client::Guard;
use grant::{KeyBundle, SigningKey};
use proto::identity::identity_service_server::IdentityServiceServer;
use tonic::service::Routes;

use crate::{api::Api, metrics::Metrics, peers::Peers, saga::Saga, store::Store};

pub use store::MIGRATIONS;

/// The service's name: its folder, its workload identity, the audience of its grants and the issuer
/// of its certificates.
pub const NAME: &str = "identity";

/// How long an erasure may take unless configured otherwise, in seconds.
pub const ERASURE_DEADLINE_SECONDS: i64 = 30 * 24 * 60 * 60;

/// What the service needs to know before it starts.
#[derive(clap::Args, Clone, Debug)]
pub struct Config {
    /// What every service needs.
    #[command(flatten)]
    pub chassis: chassis::Config,
    /// File of the public keys that grants are signed with (JWKS).
    #[arg(long, env = "VOW_GRANT_KEYS")]
    pub grant_keys: PathBuf,
    /// File of the key that signs erasure certificates (Ed25519, PKCS#8 PEM).
    #[arg(long, env = "VOW_CERTIFICATE_KEY")]
    pub certificate_key: PathBuf,
    /// Address of consent, as https://host:port.
    #[arg(long, env = "VOW_CONSENT")]
    pub consent: String,
    /// Address of payments-data, as https://host:port.
    #[arg(long, env = "VOW_PAYMENTS_DATA")]
    pub payments_data: String,
    /// Address of disclosure-audit, as https://host:port.
    #[arg(long, env = "VOW_DISCLOSURE_AUDIT")]
    pub disclosure_audit: String,
    /// How many seconds an erasure may take before it counts as overdue: 30 days, which the
    /// strictest laws leave for it.
    #[arg(long, env = "VOW_ERASURE_DEADLINE_SECONDS", default_value_t = ERASURE_DEADLINE_SECONDS,
          value_parser = clap::value_parser!(i64).range(1..))]
    pub erasure_deadline_seconds: i64,
}

/// Serves until the process is stopped.
pub async fn run(config: Config, process: Process) -> anyhow::Result<()> {
    let grant_keys = fs::read_to_string(&config.grant_keys).context("reading the grant keys")?;
    let grant_keys = KeyBundle::parse(&grant_keys).context("reading the grant keys")?;
    let pem = fs::read_to_string(&config.certificate_key).context("reading the certificate key")?;
    let certificate_key =
        SigningKey::from_pkcs8_pem(&pem).context("reading the certificate key")?;
    let peers = Peers {
        consent: process.connect(&config.consent)?,
        payments_data: process.connect(&config.payments_data)?,
        log: process.connect(&config.disclosure_audit)?,
    };
    let store = Store::new(process.database(store::MIGRATIONS).await?);
    let keys = process.key_store().await?;
    let guard = Guard::new(NAME, grant_keys, peers.consent.clone(), peers.log.clone());
    let metrics = Metrics::register(process.metrics());
    metrics.vault.follow(process.metrics(), &guard);
    let saga = Saga {
        metrics: metrics.clone(),
        deadline_ms: config.erasure_deadline_seconds.saturating_mul(1_000),
        store: store.clone(),
        keys: keys.clone(),
        guard: guard.clone(),
        peers: peers.clone(),
        certificate_key: Arc::new(certificate_key),
    };

    let stop = process.stop();
    // Before the log is waited for, and before anybody is served.
    process.spawn("quarantines", saga.clone().run_quarantines(stop.clone()));
    tokio::select! {
        replayed = saga.replay_destroyed() => replayed?,
        () = stop.requested() => return Ok(()),
    }
    process.spawn("sweep", sweep::run(store.clone(), stop.clone()));
    process.spawn("erasures", saga.clone().run(stop));
    let api = Api {
        store,
        keys,
        guard,
        peers,
        saga,
        metrics,
    };
    let routes = Routes::new(IdentityServiceServer::new(api));
    process
        .serve(routes, &["vow.identity.v1.IdentityService"])
        .await
}
