//! `vow up`: the whole suite in one process, on material it makes itself.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, str::FromStr};

use anyhow::{Context, bail};
use chassis::{
    CONNECTION_AGE_SECONDS, CONNECTIONS_MAX, DatabaseUrl, Databases, GRACE_PERIOD_SECONDS,
    Migrations, Process, Stop, Telemetry,
};
use client::{Addresses, Clients, Material};
use disclosure_audit::{TileListen, TileStoreUrl};
use proto::consent::{GetPolicyRequest, PublishPolicyRequest};
use tokio::{
    runtime::{self, Runtime},
    sync::watch,
    task::JoinSet,
};
use tonic::Code;

use crate::{
    endpoints::{Endpoint, Endpoints},
    init::{self, Layout, SERVICES},
    say::say,
    serve::Service,
};

/// The policy a new suite begins with.
const POLICY: &str = include_str!("../../../policies/gupshup-bots.toml");
const POLICY_FILE: &str = "policies/gupshup-bots.toml";
/// The tenant of a development suite.
pub const TENANT: &str = "default";
/// The last of the nine ports must be one.
const PORT_MAX: i64 = 65_432;
/// How far the admin ports lie above the gRPC ports.
const ADMIN_PORT_OFFSET: u16 = 100;

/// Starts the whole suite on this machine, with mutual TLS and material made for it.
///
/// The first start makes the material and publishes the shipped policy; later starts use what is there.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The folder of the material and, on SQLite, of the data.
    #[arg(long, default_value = ".vow", env = "VOW_DIR")]
    dir: PathBuf,
    /// The first of four gRPC ports, before the one of the published log; the admin ports lie 100
    /// above. 0 takes free ones.
    #[arg(long, default_value_t = 7401, value_parser = clap::value_parser!(u16).range(..=PORT_MAX))]
    port: u16,
    /// A service's database, as SERVICE=postgres://...; SQLite in the folder for those not named.
    #[arg(long = "database-url", value_name = "SERVICE=URL")]
    databases: Vec<ServiceDatabase>,
    /// Where the log is published: file:///folder or s3://bucket/prefix; a folder in the folder by default.
    #[arg(long, env = "VOW_TILE_STORE", value_name = "URL")]
    tile_store: Option<TileStoreUrl>,
    /// File of the log's own trust policy: the witnesses who must cosign what it shows. By default none must.
    #[arg(long, env = "VOW_LOG_TRUST_POLICY", value_name = "FILE")]
    log_trust_policy: Option<PathBuf>,
}

/// One service's database, as it is named on the command line.
#[derive(Clone, Debug)]
struct ServiceDatabase {
    service: &'static str,
    url: DatabaseUrl,
}

/// Where the log is published and served from.
struct Published {
    tile_store: TileStoreUrl,
    tile_listen: TileListen,
    log_trust_policy: Option<PathBuf>,
}

/// A suite that runs in this process.
pub struct Suite {
    /// Where it can be reached.
    pub endpoints: Endpoints,
    services: JoinSet<anyhow::Result<()>>,
    stop: Stop,
}

/// Runs `vow up` until a signal stops it.
pub fn run(args: Args) -> anyhow::Result<()> {
    Runtime::new()?.block_on(async {
        Telemetry::start("vow")?;
        let layout = Layout::new(&args.dir);
        let suite = Suite::start(&layout, &args, Stop::on_signals()?).await?;
        greet(&layout, &suite.endpoints);
        let joined = suite.join().await;
        // Nobody can be reached there any more.
        let _ = std::fs::remove_file(layout.endpoints());
        joined
    })
}

impl Args {
    /// Free ports and SQLite in a folder of the tour's own.
    pub fn for_a_tour(dir: PathBuf) -> Self {
        Self {
            dir,
            port: 0,
            databases: Vec::new(),
            tile_store: None,
            log_trust_policy: None,
        }
    }

    fn database_url(&self, layout: &Layout, service: &str) -> DatabaseUrl {
        let named = self.databases.iter().find(|it| it.service == service);
        named.map_or_else(|| layout.database_url(service).into(), |it| it.url.clone())
    }

    /// Listeners are bound to this machine alone: development material is for nobody else.
    fn listen(&self, position: usize, offset: u16) -> SocketAddr {
        let port = match self.port {
            0 => 0,
            first => first + position as u16 + offset,
        };
        SocketAddr::from(([127, 0, 0, 1], port))
    }
}

impl FromStr for ServiceDatabase {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, url) = text.split_once('=').ok_or("write SERVICE=URL")?;
        let service = SERVICES.into_iter().find(|it| *it == name);
        let service =
            service.ok_or_else(|| format!("SERVICE is one of {}", SERVICES.join(", ")))?;
        Ok(Self {
            service,
            url: url.to_owned().into(),
        })
    }
}

impl Suite {
    /// Makes what is missing, starts the four services, and returns when all of them serve.
    pub async fn start(layout: &Layout, args: &Args, stop: Stop) -> anyhow::Result<Self> {
        if !layout.authority().exists() {
            init::write_material(layout, |_| Vec::new())?;
        }
        // All four are bound before any of them starts, so that each knows where its peers are.
        let mut processes = Vec::new();
        let (tile_listen, tile_port) = TileListen::bind(args.listen(SERVICES.len(), 0))?;
        let mut endpoints = Endpoints {
            services: BTreeMap::new(),
            log: format!("http://localhost:{}", tile_port.port()),
        };
        for (position, service) in SERVICES.into_iter().enumerate() {
            let config = chassis_config(layout, args, service, position);
            let process = Process::open(service, config.clone(), stop.clone())
                .with_context(|| format!("{service} cannot start"))?;
            endpoints
                .services
                .insert(service.to_owned(), endpoint(&process)?);
            processes.push((service, config, process));
        }
        let folder = || TileStoreUrl::Folder(layout.published_log());
        let published = Published {
            tile_store: args.tile_store.clone().unwrap_or_else(folder),
            tile_listen,
            log_trust_policy: args.log_trust_policy.clone(),
        };
        let mut services = JoinSet::new();
        let mut ready = Vec::new();
        for (service, config, process) in processes {
            ready.push(process.ready());
            let service = configured(layout, &endpoints, service, config, &published)?;
            services.spawn_blocking(move || on_a_runtime_of_its_own(service, process));
        }
        let mut suite = Self {
            endpoints,
            services,
            stop,
        };
        match suite.begin(ready, layout).await {
            Ok(()) => Ok(suite),
            Err(error) => {
                suite.stop.request();
                // A service that ended says more than whoever missed it.
                suite.join().await?;
                Err(error)
            }
        }
    }

    /// Waits until all serve, publishes the first policy, and says where the suite is.
    async fn begin(
        &mut self,
        ready: Vec<watch::Receiver<bool>>,
        layout: &Layout,
    ) -> anyhow::Result<()> {
        for mut ready in ready {
            tokio::select! {
                Ok(_) = ready.wait_for(|it| *it) => {}
                Some(ended) = self.services.join_next() => {
                    ended??;
                    bail!("a service ended before all of them served");
                }
            }
        }
        publish_first_policy(layout, &self.endpoints.addresses()?).await?;
        self.endpoints.write(&layout.endpoints())
    }

    /// Waits until the suite has stopped. One service that ends ends them all.
    pub async fn join(mut self) -> anyhow::Result<()> {
        let mut result = Ok(());
        while let Some(ended) = self.services.join_next().await {
            self.stop.request();
            result = result.and(ended.context("a service panicked").and_then(|it| it));
        }
        result
    }
}

/// One small runtime for each service costs less than one large one for all: no call wakes a
/// thread to go on.
fn on_a_runtime_of_its_own(service: Service, process: Process) -> anyhow::Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(service.run(process))
}

/// Clients of the suite with one of the development certificates.
pub fn clients(layout: &Layout, at: &Addresses, name: &str) -> anyhow::Result<Clients> {
    clients_in(layout, at, name, TENANT)
}

/// The same in a tenant.
pub fn clients_in(
    layout: &Layout,
    at: &Addresses,
    name: &str,
    tenant: &str,
) -> anyhow::Result<Clients> {
    let material = Material::read(
        &layout.client_certificate(name),
        &layout.client_key(name),
        &layout.authority(),
    )?;
    Ok(Clients::connect(at, &material, tenant)?)
}

fn chassis_config(layout: &Layout, args: &Args, service: &str, position: usize) -> chassis::Config {
    chassis::Config {
        listen: args.listen(position, 0),
        admin_listen: args.listen(position, ADMIN_PORT_OFFSET),
        databases: Databases {
            database_url: Some(args.database_url(layout, service)),
            ..Databases::default()
        },
        migrations: Migrations::Apply,
        database_connections: CONNECTIONS_MAX,
        tls_certificate: layout.service_certificate(service),
        tls_key: layout.service_key(service),
        tls_authority: layout.authority(),
        callers: layout.callers(),
        key_encryption_keys: layout.key_encryption_keys(service),
        grace_period_seconds: GRACE_PERIOD_SECONDS,
        drain_seconds: 0,
        connection_age_seconds: CONNECTION_AGE_SECONDS,
    }
}

/// A service with everything that is its own.
fn configured(
    layout: &Layout,
    endpoints: &Endpoints,
    service: &str,
    chassis: chassis::Config,
    published: &Published,
) -> anyhow::Result<Service> {
    let consent = endpoints.grpc(consent::NAME)?.to_owned();
    let disclosure_audit = endpoints.grpc(disclosure_audit::NAME)?.to_owned();
    Ok(match service {
        disclosure_audit::NAME => Service::DisclosureAudit(Box::new(disclosure_audit::Config {
            chassis,
            log_origin: disclosure_audit::LOG_ORIGIN.to_owned(),
            log_key: layout.signing_key(service),
            known_checkpoint: None,
            tile_store: Some(published.tile_store.clone()),
            tile_listen: Some(published.tile_listen.clone()),
            log_trust_policy: published.log_trust_policy.clone(),
        })),
        consent::NAME => Service::Consent(Box::new(consent::Config {
            chassis,
            grant_key: layout.signing_key(service),
            disclosure_audit,
            grant_lifetime_seconds: consent::GRANT_LIFETIME_SECONDS,
        })),
        payments_data::NAME => Service::PaymentsData(Box::new(payments_data::Config {
            chassis,
            grant_keys: layout.grant_keys(),
            consent,
            disclosure_audit,
        })),
        _ => Service::Identity(Box::new(identity::Config {
            chassis,
            grant_keys: layout.grant_keys(),
            certificate_key: layout.signing_key(service),
            consent,
            disclosure_audit,
            payments_data: endpoints.grpc(payments_data::NAME)?.to_owned(),
            erasure_deadline_seconds: identity::ERASURE_DEADLINE_SECONDS,
        })),
    })
}

fn endpoint(process: &Process) -> anyhow::Result<Endpoint> {
    Ok(Endpoint {
        grpc: format!("https://localhost:{}", process.local_addr()?.port()),
        admin: format!("http://localhost:{}", process.admin_addr()?.port()),
    })
}

/// A tenant that has a policy keeps it.
pub async fn publish_first_policy(layout: &Layout, at: &Addresses) -> anyhow::Result<()> {
    let mut operator = clients(layout, at, "operator")?;
    let request = operator.request(GetPolicyRequest::default());
    match operator.consent.get_policy(request).await {
        Ok(_) => return Ok(()),
        Err(status) if status.code() == Code::NotFound => {}
        Err(status) => return Err(status).context("the current policy cannot be read"),
    }
    let request = operator.request(PublishPolicyRequest {
        request_id: "vow-up".to_owned(),
        text: POLICY.to_owned(),
        validate_only: false,
    });
    operator
        .consent
        .publish_policy(request)
        .await
        .context("the policy cannot be published")?;
    Ok(())
}

fn greet(layout: &Layout, endpoints: &Endpoints) {
    let folder = layout.folder().display();
    say!("Vow is up, with the policy {POLICY_FILE}.");
    say!();
    for (service, endpoint) in &endpoints.services {
        say!(
            "  {service:<17} {}   metrics {}/metrics",
            endpoint.grpc,
            endpoint.admin
        );
    }
    say!(
        "  {:<17} {}/checkpoint   for anybody (C2SP tlog-tiles)",
        "the log",
        endpoints.log
    );
    say!();
    say!(
        "Material is in {folder}: ca.pem, clients/shop.pem and clients/shop.key, and others beside them;"
    );
    say!("{folder}/callers.toml says who may call what.");
    say!();
    say!("Call it, in the tenant `default`, with stubs made from proto/ or by reflection:");
    let identity = endpoints
        .grpc(identity::NAME)
        .unwrap_or_default()
        .trim_start_matches("https://");
    say!(
        "  grpcurl -cacert {folder}/ca.pem -cert {folder}/clients/shop.pem -key {folder}/clients/shop.key \\"
    );
    say!(
        "    -d '{{\"request_id\": \"1\", \"region\": \"US\", \"age_band\": \"AGE_BAND_ADULT\"}}' \\"
    );
    say!("    {identity} vow.identity.v1.IdentityService/RegisterSubject");
    say!();
    say!(
        "Watch one person's life under the policy: vow tour (from the sources: cargo run -- tour)"
    );
    say!("Stop with Ctrl-C.");
}
