//! One service's ground: its ports, its material, its background work, and its orderly end.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, anyhow};
use client::Material;
use rustls::ServerConfig;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{service::Routes, transport::Server};
use tonic_health::{
    ServingStatus,
    server::{HealthReporter, health_reporter},
};
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};
use tower::layer::layer_fn;
use vault::FileKeySource;

use crate::{
    Callers, Config, Database, KeyStore, Migration, Stop, admin,
    admission::Admission,
    door::{Door, Keeper, LIMIT_MAX},
    metrics::Metrics,
    tasks::Tasks,
    tls,
    trace::Tracing,
};

/// Records the migrations of a service's own tables.
const MIGRATIONS_TABLE: &str = "migrations";
/// Calls that one connection may have in progress.
const STREAMS_MAX: u32 = 256;
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection lives. Its certificates are looked at only when it begins, so this is how
/// long one that has expired may still be used.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(3_600);
/// How long the calls of an old connection may take to end: as long as any call may. A stream is
/// cut off, and its caller follows on from where it was.
const CONNECTION_GRACE: Duration = LIMIT_MAX;
/// How long background work may take to end once no call is left.
const BACKGROUND_GRACE: Duration = Duration::from_secs(5);

/// What a service stands on from its first moment to its last.
pub struct Process {
    service: &'static str,
    config: Config,
    material: Material,
    tls: Arc<ServerConfig>,
    callers: Callers,
    listener: TcpListener,
    admin_address: SocketAddr,
    /// Ends when it is dropped.
    _admin: JoinSet<io::Result<()>>,
    metrics: Metrics,
    stop: Stop,
    ready: watch::Sender<bool>,
    tasks: Tasks,
}

impl Process {
    /// Reads the material and binds both ports. Only health and metrics are answered yet: to come
    /// up may take long, and whoever watches must see that the process lives. Needs a running tokio
    /// runtime.
    pub fn open(service: &'static str, config: Config, stop: Stop) -> anyhow::Result<Process> {
        let material = Material::read(
            &config.tls_certificate,
            &config.tls_key,
            &config.tls_authority,
        )?;
        let callers = Callers::read(&config.callers).with_context(|| named(&config.callers))?;
        let tls = tls::server_config(&material).context("reading the TLS material")?;
        let (metrics, ready) = (Metrics::new(), watch::Sender::new(false));
        let listener = bind(config.listen)?;
        let admin_listener = nonblocking(bind(config.admin_listen)?)?;
        let admin_address = admin_listener.local_addr()?;
        let mut admin = JoinSet::new();
        admin.spawn(admin::serve(
            admin_listener,
            metrics.clone(),
            ready.subscribe(),
        ));
        Ok(Process {
            service,
            listener,
            admin_address,
            _admin: admin,
            config,
            material,
            tls,
            callers,
            metrics,
            stop,
            ready,
            tasks: Tasks::default(),
        })
    }

    /// Where gRPC is served.
    pub fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Where health and metrics are served.
    pub fn admin_addr(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.admin_address)
    }

    /// What this process proves itself to others with.
    pub fn material(&self) -> &Material {
        &self.material
    }

    /// What this process counts.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The request to stop that this process obeys.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Becomes true when calls are answered, and false again when the process stops.
    pub fn ready(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    /// Opens and migrates the service's database.
    pub async fn database(&self, migrations: &[Migration]) -> anyhow::Result<Database> {
        open_database(&self.config, migrations).await
    }

    /// Opens the service's keys.
    pub async fn key_store(&self) -> anyhow::Result<KeyStore> {
        open_key_store(&self.config).await
    }

    /// Starts background work. When it fails or panics the process stops, with that failure: a
    /// service without its background work would seem well and not be. The work itself must end
    /// when the process stops.
    pub fn spawn<F>(&self, name: &'static str, work: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.tasks.spawn(name, work);
    }

    /// Answers calls until the process is asked to stop; then health says so, the port closes, and
    /// calls in progress have the grace period to end. Streams must end by themselves when the
    /// process stops. `services` are the full names that health reports.
    pub async fn serve(self, routes: Routes, services: &[&'static str]) -> anyhow::Result<()> {
        let Process {
            service,
            stop,
            ready,
            metrics,
            ..
        } = self;
        let grace = Duration::from_secs(self.config.grace_period_seconds);
        let tracing = Arc::new(Tracing::start(service).context("starting traces")?);
        let tasks = tokio::spawn(self.tasks.supervise(stop.clone()));

        let (health, health_service) = health_reporter();
        report(&health, services, ServingStatus::Serving).await;
        let keeper = Arc::new(Keeper {
            service,
            admission: Admission::new(self.callers),
            tracing: tracing.clone(),
            metrics,
        });
        let server = Server::builder()
            .max_concurrent_streams(STREAMS_MAX)
            .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
            .max_connection_age(CONNECTION_AGE_MAX)
            .max_connection_age_grace(CONNECTION_GRACE)
            .layer(layer_fn(move |routes| Door::new(routes, keeper.clone())))
            .add_routes(
                routes
                    .add_service(health_service)
                    .add_service(reflection()?),
            );
        let connections = tls::accept(nonblocking(self.listener)?, self.tls);
        let stopping = async {
            stop.requested().await;
            ready.send_replace(false);
            report(&health, services, ServingStatus::NotServing).await;
        };
        let serving =
            server.serve_with_incoming_shutdown(ReceiverStream::new(connections), stopping);
        ready.send_replace(true);
        tracing::info!(service, "serving");
        let served = tokio::select! {
            served = serving => served.context("serving"),
            () = grace_ends(&stop, grace) => {
                tracing::warn!(service, "calls in progress were cut off");
                Ok(())
            }
        };

        stop.request();
        let worked = match timeout(BACKGROUND_GRACE, tasks).await {
            Ok(worked) => worked.context("background work")?,
            Err(_) => Err(anyhow!("background work did not end")),
        };
        tracing.stop().await;
        served.and(worked)
    }
}

/// Brings a service's databases to this version and serves nothing.
pub async fn migrate(config: &Config, migrations: &[Migration]) -> anyhow::Result<()> {
    open_database(config, migrations).await?;
    open_key_store(config).await?;
    Ok(())
}

async fn open_database(config: &Config, migrations: &[Migration]) -> anyhow::Result<Database> {
    let database = Database::open(&config.database_url, migrations, MIGRATIONS_TABLE);
    database.await.context("opening the database")
}

async fn open_key_store(config: &Config) -> anyhow::Result<KeyStore> {
    let path = &config.key_encryption_keys;
    let source = FileKeySource::read(path).with_context(|| named(path))?;
    let url = config.keys_database_url();
    let keys = KeyStore::open(&url, Arc::new(source));
    keys.await.context("opening the keys")
}

impl fmt::Debug for Process {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Process({})", self.service)
    }
}

async fn report(health: &HealthReporter, services: &[&'static str], status: ServingStatus) {
    // The empty name is the process as a whole.
    for service in services.iter().copied().chain([""]) {
        health.set_service_status(service, status).await;
    }
}

async fn grace_ends(stop: &Stop, grace: Duration) {
    stop.requested().await;
    sleep(grace).await;
}

fn reflection() -> anyhow::Result<ServerReflectionServer<impl ServerReflection>> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .context("describing the contract")
}

fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| format!("binding {address}"))
}

fn nonblocking(listener: TcpListener) -> anyhow::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    Ok(tokio::net::TcpListener::from_std(listener)?)
}

fn named(path: &Path) -> String {
    format!("reading {}", path.display())
}
