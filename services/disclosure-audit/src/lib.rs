//! The log of every use and disclosure of personal data, and the last gate before anything leaves.
//!
//! `recorder` gathers what calls bring into batches; `log` decides under the one lock what each
//! event becomes, and `recipient` whether a disclosure may be made at all; `store` writes the
//! batch in one transaction before anybody is answered. `signer` covers what was written with a
//! signed checkpoint, and `receipt` proves an entry to a stranger. `seal` keeps what an entry
//! says under the subject's own key, and `shredding` destroys that key: the entry then says
//! nothing any more, and every proof still holds. This service calls no other.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use chassis::Process;
use ledger::NoteKey;
use proto::disclosure_audit::disclosure_audit_service_server::DisclosureAuditServiceServer;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::watch;

mod api;

mod accounting;
mod batch;
mod checkpoint;
mod event;
mod log;
mod receipt;
mod recipient;
mod seal;
mod vocabulary;

mod recorder;
mod shredding;
mod signer;
mod sweep;

mod error;
mod metrics;
mod store;

pub use store::MIGRATIONS;

/// The service's name, as in its folder and its SPIFFE id.
pub const NAME: &str = "disclosure-audit";

/// The log's identity where none is configured.
pub const LOG_ORIGIN: &str = "vow.local/log";

const GRPC_NAME: &str = "vow.disclosure_audit.v1.DisclosureAuditService";

/// What this service needs to know.
#[derive(clap::Args, Clone, Debug)]
pub struct Config {
    /// What every service needs.
    #[command(flatten)]
    pub chassis: chassis::Config,
    /// The log's identity: the first line of every checkpoint and the name of its key.
    #[arg(long, env = "VOW_LOG_ORIGIN", default_value = LOG_ORIGIN)]
    pub log_origin: String,
    /// The file of the Ed25519 key that signs checkpoints, PKCS#8 in PEM.
    #[arg(long, env = "VOW_LOG_KEY")]
    pub log_key: PathBuf,
}

/// Serves until the process is stopped.
///
/// # Errors
/// The key or a database cannot be read, the stored log contradicts what was signed, or another key
/// or name signed it.
pub async fn run(config: Config, process: Process) -> anyhow::Result<()> {
    let key = log_key(&config)?;
    let database = process.database(store::MIGRATIONS).await?;
    let key_store = process.key_store().await?;
    let store = Arc::new(store::Store::open(database).await?);
    // Before anything is served: what a log signed, it signs on with the same key.
    store.check_key(&key).await?;
    // Likewise: a restored backup of the keys must not bring one back.
    shredding::replay(&store, &key_store).await?;

    let metrics = metrics::Metrics::default();
    metrics.register(process.metrics());
    let (covered, covered_by_signer) = watch::channel(0);
    let signer = signer::run(store.clone(), key, metrics.clone(), covered, process.stop());
    process.spawn("signer", signer);
    process.spawn("sweep", sweep::run(store.clone(), process.stop()));
    let api = api::Api {
        recorder: recorder::Recorder::start(store.clone(), key_store.clone(), metrics),
        store,
        key_store,
        covered: covered_by_signer,
    };
    let routes = tonic::service::Routes::new(DisclosureAuditServiceServer::new(api));
    process.serve(routes, &[GRPC_NAME]).await
}

fn log_key(config: &Config) -> anyhow::Result<NoteKey> {
    let key =
        PrivatePkcs8KeyDer::from_pem_file(&config.log_key).context("reading the log's key")?;
    NoteKey::from_pkcs8(&config.log_origin, key.secret_pkcs8_der()).context("reading the log's key")
}
