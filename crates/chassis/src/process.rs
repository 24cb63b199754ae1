//! One service's ground: its ports, its material, its background work, and its orderly end.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, anyhow, bail, ensure};
use client::{ConnectError, Connection};
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
    Config, Database, DatabaseError, DatabaseUrl, Databases, KeyStore, Migration, Migrations, Stop,
    admin,
    admission::Admission,
    database::Opening,
    door::{Door, Keeper, LIMIT_MAX},
    key_store,
    metrics::Metrics,
    reload::{Current, Reload},
    tasks::Tasks,
    tls,
    trace::Tracing,
};

/// Records the migrations of a service's own tables.
const MIGRATIONS_TABLE: &str = "migrations";
/// The gRPC services that every process has.
const OF_EVERY_PROCESS: [&str; 2] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
];
/// Calls that one connection may have in progress.
const STREAMS_MAX: u32 = 256;
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a process looks whether somebody else has migrated its database.
const SCHEMA_INTERVAL: Duration = Duration::from_secs(1);
/// How long the calls of an old connection may take to end: as long as any call may. A stream is
/// cut off, and its caller follows on from where it was.
const CONNECTION_GRACE: Duration = LIMIT_MAX;
/// How long background work may take to end once no call is left.
const BACKGROUND_GRACE: Duration = Duration::from_secs(5);

/// What a service stands on from its first moment to its last.
pub struct Process {
    service: &'static str,
    config: Config,
    current: Current,
    listener: TcpListener,
    admin_address: SocketAddr,
    /// What goes on from the first moment; it ends when it is dropped.
    _beside: JoinSet<io::Result<()>>,
    metrics: Metrics,
    /// The request to stop.
    asked: Stop,
    /// What follows it after the time to drain: until then everything goes on.
    stop: Stop,
    ready: watch::Sender<bool>,
    /// What it is not ready for yet, in words.
    waiting_for: watch::Sender<String>,
    tasks: Tasks,
}

impl Process {
    /// Reads the material and binds both ports. Only health and metrics are answered yet: to come
    /// up may take long, and whoever watches must see that the process lives. Needs a running tokio
    /// runtime.
    pub fn open(service: &'static str, config: Config, stop: Stop) -> anyhow::Result<Process> {
        let (metrics, ready) = (Metrics::new(), watch::Sender::new(false));
        let (reload, current) = Reload::start(&config, &metrics)?;
        show(&metrics, &ready);
        let listener = bind(config.listen)?;
        let admin_listener = nonblocking(bind(config.admin_listen)?)?;
        let admin_address = admin_listener.local_addr()?;
        let waiting_for = watch::Sender::new("starting".to_owned());
        let (asked, stop) = (stop, Stop::new());
        let drain = Duration::from_secs(config.drain_seconds);
        let mut beside = JoinSet::new();
        beside.spawn(admin::serve(
            admin_listener,
            metrics.clone(),
            ready.subscribe(),
            waiting_for.subscribe(),
        ));
        beside.spawn(reload.run());
        beside.spawn(drained(asked.clone(), drain, ready.clone(), stop.clone()));
        Ok(Process {
            service,
            listener,
            admin_address,
            _beside: beside,
            config,
            current,
            metrics,
            asked,
            stop,
            ready,
            waiting_for,
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

    /// A connection to the service at an address as of [`client::connect`], whose calls are counted
    /// and whose certificates are those of the moment.
    pub fn connect(&self, address: &str) -> Result<Connection, ConnectError> {
        let connection = client::connect_with(address, self.current.material.clone())?;
        Ok(connection.observed(Arc::new(self.metrics.clone())))
    }

    /// What this process counts.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// When everything in this process is to end: after a request to stop, and the time to drain.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Becomes true when calls are answered, and false again when the process stops.
    pub fn ready(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    /// Opens the service's database, migrated.
    pub async fn database(&self, migrations: &[Migration]) -> anyhow::Result<Database> {
        let url = self.config.databases.url()?;
        self.wait_for(&url, migrations, MIGRATIONS_TABLE).await?;
        let open = || Database::open_with(&url, migrations, MIGRATIONS_TABLE, self.opening());
        let database = self.opened(open).await.context("opening the database")?;
        Ok(database.watched_by(&self.metrics.databases.values))
    }

    /// Opens the service's keys.
    pub async fn key_store(&self) -> anyhow::Result<KeyStore> {
        let path = &self.config.key_encryption_keys;
        let source = FileKeySource::read(path).with_context(|| named(path))?;
        let url = self.config.databases.keys_url()?;
        self.wait_for(&url, key_store::MIGRATIONS, key_store::MIGRATIONS_TABLE)
            .await?;
        let source = Arc::new(source);
        let open = || KeyStore::open_with(&url, source.clone(), self.opening());
        let keys = self.opened(open).await.context("opening the keys")?;
        ensure!(
            keys.may_expunge().await.context("opening the keys")?,
            "a key that is destroyed would stay in the database: its role may not vacuum the table \
             of keys, which `vow migrate --runtime-role` allows it"
        );
        let keys = keys.watched_by(&self.metrics.databases.keys);
        let counting = keys.clone().count(self.metrics.clone(), self.stop());
        self.spawn("counting keys", counting);
        Ok(keys)
    }

    /// Waits until somebody else has brought the tables to this version, where that is configured.
    async fn wait_for(
        &self,
        url: &DatabaseUrl,
        migrations: &[Migration],
        table: &str,
    ) -> anyhow::Result<()> {
        if self.config.migrations == Migrations::Apply {
            return Ok(());
        }
        loop {
            let pending = Database::pending(url, migrations, table).await;
            let reason = match pending {
                Ok(0) => break,
                Ok(pending) => {
                    self.metrics.migrations_pending.set(pending as i64);
                    anyhow!("{pending} migrations of the table {table} are pending")
                }
                Err(error @ DatabaseError::Connect(_)) => error.into(),
                Err(error) => return Err(error).context("reading which migrations are applied"),
            };
            self.wait(reason).await?;
        }
        self.metrics.migrations_pending.set(0);
        self.waiting_for.send_replace("starting".to_owned());
        Ok(())
    }

    /// Opens a database. A process that waits for its schema waits as well for a database that does
    /// not answer.
    async fn opened<T, Answer>(&self, open: impl Fn() -> Answer) -> anyhow::Result<T>
    where
        Answer: Future<Output = Result<T, DatabaseError>>,
    {
        loop {
            match open().await {
                Err(error @ DatabaseError::Connect(_))
                    if self.config.migrations == Migrations::Wait =>
                {
                    self.wait(error.into()).await?;
                }
                opened => return Ok(opened?),
            }
        }
    }

    /// Says what is waited for, once, and waits a little. Why a database does not answer is for the
    /// log alone.
    async fn wait(&self, reason: anyhow::Error) -> anyhow::Result<()> {
        let words = reason.to_string();
        self.waiting_for.send_if_modified(|it| {
            let changed = *it != words;
            if changed {
                tracing::info!("waiting: {reason:#}");
                *it = words;
            }
            changed
        });
        tokio::select! {
            () = sleep(SCHEMA_INTERVAL) => Ok(()),
            () = self.stop.requested() => bail!("stopped before the database was open"),
        }
    }

    fn opening(&self) -> Opening {
        Opening {
            migrates: self.config.migrations == Migrations::Apply,
            connections: self.config.database_connections,
        }
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

    /// Answers calls until the process is asked to stop; then health says so, and after the time to
    /// drain the port closes and calls in progress have the grace period to end. Streams must end by
    /// themselves when the process stops. `services` are the full names that health reports.
    pub async fn serve(self, routes: Routes, services: &[&'static str]) -> anyhow::Result<()> {
        let Process {
            service,
            asked,
            stop,
            ready,
            metrics,
            current,
            ..
        } = self;
        let age = Duration::from_secs(self.config.connection_age_seconds);
        let grace = Duration::from_secs(self.config.grace_period_seconds);
        let tracing = Arc::new(Tracing::start(service, &metrics).context("starting traces")?);
        let tasks = tokio::spawn(self.tasks.supervise(stop.clone()));

        let (health, health_service) = health_reporter();
        report(&health, services, ServingStatus::Serving).await;
        let keeper = Arc::new(Keeper {
            service,
            served: services.iter().copied().chain(OF_EVERY_PROCESS).collect(),
            admission: Admission::new(current.callers),
            tracing: tracing.clone(),
            metrics,
        });
        let server = Server::builder()
            .max_concurrent_streams(STREAMS_MAX)
            .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
            // Replicas that started together do not send their callers away together.
            .max_connection_age(client::jittered(age))
            .max_connection_age_grace(CONNECTION_GRACE)
            .layer(layer_fn(move |routes| Door::new(routes, keeper.clone())))
            .add_routes(
                routes
                    .add_service(health_service)
                    .add_service(reflection()?),
            );
        let connections = tls::accept(nonblocking(self.listener)?, current.tls);
        let stopping = async {
            tokio::select! {
                () = asked.requested() => {}
                // Something broke.
                () = stop.requested() => {}
            }
            report(&health, services, ServingStatus::NotServing).await;
            stop.requested().await;
            ready.send_replace(false);
            end_watches(health, services).await;
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

/// Brings a service's databases to this version and serves nothing. `runtime_role` gets the rights
/// that the running service needs.
pub async fn migrate(
    databases: &Databases,
    migrations: &[Migration],
    runtime_role: Option<&str>,
) -> anyhow::Result<()> {
    let (own, keys) = (databases.url()?, databases.keys_url()?);
    for (url, migrations, table) in [
        (&own, migrations, MIGRATIONS_TABLE),
        (&keys, key_store::MIGRATIONS, key_store::MIGRATIONS_TABLE),
    ] {
        let opened = Database::open(url, migrations, table).await;
        opened.context("opening the database")?.close().await?;
    }
    let Some(role) = runtime_role else {
        return Ok(());
    };
    for url in [&own, &keys] {
        let granted = Database::grant(url, role, key_store::EXPUNGED_TABLE).await;
        granted.with_context(|| format!("giving the role {role} its rights"))?;
    }
    Ok(())
}

/// Shows what is known of a process before it serves.
fn show(metrics: &Metrics, ready: &watch::Sender<bool>) {
    let ready = ready.subscribe();
    metrics.read(
        "vow_ready",
        "Whether calls are answered: 1, or 0",
        move || f64::from(u8::from(*ready.borrow())),
    );
}

/// Passes the request to stop on, after the time to drain if anybody is served. Nothing else may take
/// readiness back before it, or nobody would seem to be served.
async fn drained(
    asked: Stop,
    drain: Duration,
    ready: watch::Sender<bool>,
    stop: Stop,
) -> io::Result<()> {
    asked.requested().await;
    if ready.send_replace(false) {
        sleep(drain).await;
    }
    stop.request();
    Ok(())
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

/// Whoever watches the health of a process that stops would hold its connection until the grace period ends.
async fn end_watches(mut health: HealthReporter, services: &[&'static str]) {
    for service in services.iter().copied().chain([""]) {
        health.clear_service_status(service).await;
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
