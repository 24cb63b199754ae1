//! payments-data: what is given with an order, sealed under that order and for that order only.
//!
//! An order gets a key of its own when it opens. Values come in under a grant to collect and are
//! sealed with that key to their order, merchant, purpose and expiry ([`value`]). They leave under a
//! grant that names the order ([`permission`]), counted ([`order`]), and only after the release is
//! durable in the log. When the order is settled, cancelled, expired or erased, its values are
//! deleted and its key is destroyed, and the log is told; a sweep finishes what a stopped process
//! left behind.

pub mod card;
pub mod error;
pub mod order;
pub mod permission;
pub mod release;
pub mod value;

mod api;
mod closing;
mod metrics;
mod peers;
mod store;

use std::{fs, path::PathBuf};

use anyhow::Context;
use chassis::Process;
use client::Guard;
use grant::KeyBundle;
use proto::payments_data::payments_data_service_server::{PaymentsDataServiceServer, SERVICE_NAME};
use tonic::service::Routes;

use crate::{api::Api, closing::Closing, metrics::Metrics, store::Store};

pub use store::MIGRATIONS;

/// The service's name: its folder, its workload identity, and the audience of its grants.
pub const NAME: &str = "payments-data";

/// What the service needs to know before it starts.
#[derive(clap::Args, Clone, Debug)]
pub struct Config {
    /// What every service needs.
    #[command(flatten)]
    pub chassis: chassis::Config,
    /// File of the public keys that grants are signed with (JWKS).
    #[arg(long, env = "VOW_GRANT_KEYS")]
    pub grant_keys: PathBuf,
    /// Address of consent, as https://host:port.
    #[arg(long, env = "VOW_CONSENT")]
    pub consent: String,
    /// Address of disclosure-audit, as https://host:port.
    #[arg(long, env = "VOW_DISCLOSURE_AUDIT")]
    pub disclosure_audit: String,
}

/// Serves until the process is stopped.
pub async fn run(config: Config, process: Process) -> anyhow::Result<()> {
    let store = Store::new(process.database(store::MIGRATIONS).await?);
    let keys = process.key_store().await?;
    let bundle = fs::read_to_string(&config.grant_keys).context("reading the grant keys")?;
    let bundle = KeyBundle::parse(&bundle).context("reading the grant keys")?;
    let consent = process.connect(&config.consent)?;
    let log = process.connect(&config.disclosure_audit)?;

    let metrics = Metrics::register(process.metrics());
    let outbox = metrics.outbox.clone();
    let closing = Closing::new(store.clone(), keys.clone(), log.clone(), outbox);
    let stop = process.stop();
    tokio::select! {
        replayed = closing.replay_destroyed() => replayed?,
        () = stop.requested() => return Ok(()),
    }
    process.spawn("sweep", closing.clone().sweep(stop));
    let guard = Guard::new(NAME, bundle, consent, log);
    metrics.vault.follow(process.metrics(), &guard);
    let api = Api {
        store,
        keys,
        guard,
        closing,
        metrics: metrics.vault,
    };
    let routes = Routes::new(PaymentsDataServiceServer::new(api));
    process.serve(routes, &[SERVICE_NAME]).await
}
