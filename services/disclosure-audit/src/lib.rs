//! The log of every use and disclosure of personal data, and the last gate before anything leaves.
//!
//! `recorder` gathers what calls bring into batches; `log` decides under the one lock what each
//! event becomes, and `recipient` whether a disclosure may be made at all; `store` writes the
//! batch in one transaction before anybody is answered. `signer` covers what was written with a
//! signed checkpoint, `publication` puts both into the tile store, from which `tile_port` serves
//! them to anybody, and `receipt` proves an entry to a stranger. `seal` keeps what an entry
//! says under the subject's own key, and `shredding` destroys that key: the entry then says
//! nothing any more, and every proof still holds. This service calls no other.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use chassis::Process;
use ledger::{NoteKey, SignatureType, TrustPolicy};
use proto::disclosure_audit::disclosure_audit_service_server::DisclosureAuditServiceServer;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::{Semaphore, watch};

use publication::{PublicationMetrics, Publisher};
use tile_store::TileStore;
use witnesses::{Answers, Witnesses};

mod api;

mod accounting;
mod batch;
mod checkpoint;
mod context;
mod event;
mod hold;
mod log;
mod receipt;
mod recipient;
mod seal;
mod vocabulary;

mod publication;
mod recorder;
mod shredding;
mod signer;
mod sweep;
mod tile_port;
mod witnesses;

mod error;
mod metrics;
mod store;
mod tile_store;

pub use store::{MIGRATIONS, StoredLog};
pub use tile_port::TileListen;
pub use tile_store::TileStoreUrl;

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
    /// File of a checkpoint of this log that was kept elsewhere, a signed note. A log that does not
    /// continue it, such as one restored from an older backup, is not served.
    #[arg(long, env = "VOW_KNOWN_CHECKPOINT")]
    pub known_checkpoint: Option<PathBuf>,
    /// Where the log is published: file:///folder or s3://bucket/prefix, with the usual AWS_*
    /// variables. All replicas need the same one. By default, on SQLite, the folder `log` beside the
    /// file of the database; on PostgreSQL the log is then not published.
    #[arg(long, env = "VOW_TILE_STORE")]
    pub tile_store: Option<TileStoreUrl>,
    /// Where the published log is served to anybody, in plain HTTP (C2SP tlog-tiles). By default
    /// nowhere: the tile store can be served by any server of static files as well.
    #[arg(long, env = "VOW_TILE_LISTEN")]
    pub tile_listen: Option<TileListen>,
    /// File of the log's own trust policy (C2SP tlog-policy): the witnesses who must cosign a
    /// checkpoint before it is shown to anybody, with their URLs. By default none must.
    #[arg(long, env = "VOW_LOG_TRUST_POLICY")]
    pub log_trust_policy: Option<PathBuf>,
}

/// Serves until the process is stopped.
///
/// # Errors
/// The key, a database or the tile store cannot be read, the stored log contradicts what was signed,
/// published or is known of it, or another key or name signed it.
pub async fn run(config: Config, process: Process) -> anyhow::Result<()> {
    let key = Arc::new(log_key(&config)?);
    let tiles = tile_store(&config)?;
    let database = process.database(store::MIGRATIONS).await?;
    let key_store = process.key_store().await?;
    let witnessed = config.log_trust_policy.is_some();
    let store = Arc::new(store::Store::open(database, witnessed).await?);
    // Before anything is served: what a log signed, it signs on with the same key.
    store.check_key(&key).await?;
    if let Some(file) = &config.known_checkpoint {
        let note = fs::read_to_string(file).context("reading the known checkpoint")?;
        // Shells and editors add empty lines.
        let note = format!("{}\n", note.trim_end());
        store.check_known(&key, &note).await?;
    }
    let (signed_here, signed) = watch::channel(0);
    let metrics = metrics::Metrics::default();
    metrics.register(process.metrics());
    if let Some(tiles) = tiles {
        let publisher = Publisher {
            store: store.clone(),
            tiles,
            witnesses: witnesses(&config, &key, process.metrics())?,
            key: key.clone(),
            metrics: PublicationMetrics::default(),
            log: metrics.clone(),
        };
        publish(publisher, signed, config.tile_listen.as_ref(), &process).await?;
    }
    // Likewise: a restored backup of the keys must not bring one back.
    shredding::replay(&store, &key_store).await?;

    let (shown, shown_by_signer) = watch::channel(None);
    let told = signer::Told { shown, signed_here };
    let signer = signer::run(store.clone(), key, metrics.clone(), told, process.stop());
    process.spawn("signer", signer);
    process.spawn("sweep", sweep::run(store.clone(), process.stop()));
    let recorder = recorder::Recorder::start(store.clone(), key_store.clone(), metrics.clone());
    let shreddings = shredding::run(
        store.clone(),
        key_store.clone(),
        recorder.clone(),
        metrics,
        process.stop(),
    );
    process.spawn("shreddings", shreddings);
    let api = api::Api {
        recorder,
        store,
        key_store,
        shown: shown_by_signer,
        waiting: Arc::new(Semaphore::new(api::WAITING_MAX)),
    };
    let routes = tonic::service::Routes::new(DisclosureAuditServiceServer::new(api));
    process.serve(routes, &[GRPC_NAME]).await
}

/// Publishes from now on, if the log continues what is published of it.
async fn publish(
    publisher: Publisher,
    signed: watch::Receiver<u64>,
    listen: Option<&TileListen>,
    process: &Process,
) -> anyhow::Result<()> {
    publisher.check().await?;
    publisher.metrics.register(process.metrics());
    if let Some(listen) = listen {
        let port = listen.open().context("opening the tile port")?;
        let serving = tile_port::run(port, publisher.tiles.clone(), process.stop());
        process.spawn("tile port", serving);
    }
    process.spawn("publication", publisher.run(signed, process.stop()));
    Ok(())
}

/// Where the log is published, if it is.
fn tile_store(config: &Config) -> anyhow::Result<Option<Arc<TileStore>>> {
    let database = config.chassis.databases.url()?;
    let default = || TileStoreUrl::beside(database.expose());
    let Some(url) = config.tile_store.clone().or_else(default) else {
        let unasked = config.tile_listen.is_none() && config.log_trust_policy.is_none();
        ensure!(
            unasked,
            "a tile port or a trust policy needs a published log: name a tile store"
        );
        return Ok(None);
    };
    Ok(Some(Arc::new(TileStore::open(&url)?)))
}

/// Who must cosign, where a trust policy asks for it.
fn witnesses(
    config: &Config,
    key: &NoteKey,
    metrics: &chassis::Metrics,
) -> anyhow::Result<Option<Witnesses>> {
    let Some(file) = &config.log_trust_policy else {
        return Ok(None);
    };
    let policy = fs::read(file).context("reading the trust policy")?;
    let policy = TrustPolicy::parse(policy).context("reading the trust policy")?;
    let answers = Answers::default();
    answers.register(metrics);
    let log = key.verifier(SignatureType::Ed25519);
    Witnesses::new(policy, &log, &answers).map(Some)
}

fn log_key(config: &Config) -> anyhow::Result<NoteKey> {
    let key =
        PrivatePkcs8KeyDer::from_pem_file(&config.log_key).context("reading the log's key")?;
    NoteKey::from_pkcs8(&config.log_origin, key.secret_pkcs8_der()).context("reading the log's key")
}
