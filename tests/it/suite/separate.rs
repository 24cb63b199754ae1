//! The services as separate processes, several replicas of each where they share a PostgreSQL.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use client::{Addresses, Clients};
use tempfile::TempDir;

use super::{Database, VOW, client_material, postgres};

pub const SERVICES: [&str; 4] = ["disclosure-audit", "consent", "payments-data", "identity"];
const START_LIMIT: Duration = Duration::from_secs(60);

/// Four services, each in processes of its own, killed when this is dropped.
pub struct Separate {
    folder: TempDir,
    databases: BTreeMap<&'static str, String>,
    environment: Vec<(String, String)>,
    replicas: Vec<Replica>,
    /// Where a service of the first replica finds a peer, if not where the peer is.
    redirected: BTreeMap<(&'static str, &'static str), u16>,
}

/// One set of four services; its services call each other.
struct Replica {
    ports: BTreeMap<&'static str, Ports>,
    processes: BTreeMap<&'static str, Child>,
}

#[derive(Clone, Copy)]
struct Ports {
    grpc: u16,
    admin: u16,
}

impl Separate {
    /// Starts `replicas` sets of four processes at once, on empty databases.
    pub async fn start(database: Database, replicas: usize) -> Self {
        Self::start_with(database, replicas, &[]).await
    }

    /// The same with environment variables.
    pub async fn start_with(
        database: Database,
        replicas: usize,
        environment: &[(&str, &str)],
    ) -> Self {
        let folder = TempDir::new().expect("the temporary folder can be written");
        let material = folder.path().join("suite");
        let urls = SERVICES.map(|service| (service, database_url(database, &material, service)));
        let mut suite = Self::begin_in(folder, urls.into(), replicas, environment);
        suite.wait_until_all_ready().await;
        suite.publish_policy().await;
        suite
    }

    /// The same on given databases, not waited for, and without a policy.
    pub fn begin(
        databases: BTreeMap<&'static str, String>,
        replicas: usize,
        environment: &[(&str, &str)],
    ) -> Self {
        let folder = TempDir::new().expect("the temporary folder can be written");
        Self::begin_in(folder, databases, replicas, environment)
    }

    fn begin_in(
        folder: TempDir,
        databases: BTreeMap<&'static str, String>,
        replicas: usize,
        environment: &[(&str, &str)],
    ) -> Self {
        let material = folder.path().join("suite");
        let made = Command::new(VOW).arg("init").arg(&material).output();
        assert!(
            made.expect("the program runs").status.success(),
            "init makes the material"
        );
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        let replicas = (0..replicas).map(|_| Replica::with_free_ports()).collect();
        let redirected = BTreeMap::new();
        let mut suite = Self {
            folder,
            databases,
            environment,
            replicas,
            redirected,
        };
        for replica in 0..suite.replicas.len() {
            for service in SERVICES {
                suite.spawn(replica, service);
            }
        }
        suite
    }

    /// An environment variable of every process that is started from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.into(), value.into()));
    }

    /// Waits until every process says that it is ready.
    pub async fn wait_until_all_ready(&mut self) {
        for replica in 0..self.replicas.len() {
            for service in SERVICES {
                self.wait_until_ready(replica, service).await;
            }
        }
    }

    /// Waits until the admin port of one process answers with these words.
    pub async fn wait_until(&self, replica: usize, service: &str, path: &str, words: &str) {
        let port = self.admin(replica, service);
        let answered = tokio::time::timeout(START_LIMIT, async {
            while !http_get(port, path)
                .await
                .is_some_and(|it| it.contains(words))
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let answered = answered.await.is_ok();
        assert!(answered, "{path} of {service} does not say: {words}");
    }

    /// Starts one process that ends by itself, and returns what it wrote to its log.
    pub fn run_to_its_end(&self, replica: usize, service: &'static str) -> String {
        let log = log_file(self.folder.path(), replica, service);
        let before = fs::metadata(&log).expect("it was started before").len();
        let mut process = self.command(replica, service);
        let ended = process.status().expect("the program starts");
        assert!(!ended.success(), "{service} ended with {ended}");
        let log = fs::read(log).expect("it can be read");
        String::from_utf8_lossy(&log[before as usize..]).into_owned()
    }

    /// A client of one replica's services.
    pub fn client(&self, replica: usize, name: &str) -> Clients {
        let own = client_material(&self.material(), name);
        Clients::connect(&self.addresses(replica), &own, "default").expect("they are addresses")
    }

    /// The gRPC addresses of one replica.
    pub fn addresses(&self, replica: usize) -> Addresses {
        let ports = &self.replicas[replica].ports;
        let address = |service: &str| format!("https://localhost:{}", ports[service].grpc);
        Addresses {
            disclosure_audit: address("disclosure-audit"),
            consent: address("consent"),
            payments_data: address("payments-data"),
            identity: address("identity"),
        }
    }

    /// The development material.
    pub fn material(&self) -> PathBuf {
        self.folder.path().join("suite")
    }

    /// Where the metrics and health of one process are.
    pub fn admin(&self, replica: usize, service: &str) -> u16 {
        self.replicas[replica].ports[service].admin
    }

    /// Kills one process as a power switch would.
    pub fn kill(&mut self, replica: usize, service: &'static str) {
        if let Some(mut process) = self.replicas[replica].processes.remove(service) {
            process.kill().expect("it can be signalled");
            process.wait().expect("it was started here");
        }
    }

    /// Asks one process to stop, as an orchestrator does, and waits until it has.
    pub async fn stop(&mut self, replica: usize, service: &'static str) {
        let stopping = self.replicas[replica].processes.remove(service);
        let mut process = stopping.expect("it was started");
        let asked = Command::new("kill").arg(process.id().to_string()).status();
        assert!(asked.expect("the program runs").success());
        // Without holding up its callers, who must hang up.
        let status = loop {
            match process.try_wait().expect("it was started here") {
                Some(status) => break status,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        assert!(status.success(), "{service} stopped with {status}");
    }

    /// Starts one process again and waits until it serves.
    pub async fn restart(&mut self, replica: usize, service: &'static str) {
        self.spawn(replica, service);
        self.wait_until_ready(replica, service).await;
    }

    /// Starts one process again, with its calls to a peer going to another port of this machine.
    pub async fn redirect(&mut self, service: &'static str, peer: &'static str, port: u16) {
        self.kill(0, service);
        self.redirected.insert((service, peer), port);
        self.restart(0, service).await;
    }

    /// Waits until one process says that it is ready.
    pub async fn wait_until_ready(&mut self, replica: usize, service: &'static str) {
        let port = self.admin(replica, service);
        let process = self.replicas[replica]
            .processes
            .get_mut(service)
            .expect("it was started");
        let log = log_file(self.folder.path(), replica, service);
        let ready = tokio::time::timeout(START_LIMIT, async {
            while !is_ready(port).await {
                if let Ok(Some(status)) = process.try_wait() {
                    let log = fs::read_to_string(&log).unwrap_or_default();
                    panic!("{service} ended with {status}: {log}");
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let ready = ready.await.is_ok();
        assert!(
            ready,
            "{service}: {}",
            fs::read_to_string(&log).unwrap_or_default()
        );
    }

    async fn publish_policy(&self) {
        let mut operator = self.client(0, "operator");
        let request = proto::consent::PublishPolicyRequest {
            request_id: "first".into(),
            text: include_str!("../../../policies/gupshup-bots.toml").into(),
            validate_only: false,
        };
        let answer = operator
            .consent
            .publish_policy(operator.request(request))
            .await;
        answer.expect("the shipped policy compiles");
    }

    fn spawn(&mut self, replica: usize, service: &'static str) {
        let process = self
            .command(replica, service)
            .spawn()
            .expect("the program starts");
        self.replicas[replica].processes.insert(service, process);
    }

    fn command(&self, replica: usize, service: &'static str) -> Command {
        let material = self.material();
        let own = |name: &str| material.join(service).join(name);
        let ports = &self.replicas[replica].ports;
        let peer = |name: &'static str| {
            let redirected = self.redirected.get(&(service, name));
            format!(
                "https://localhost:{}",
                redirected.unwrap_or(&ports[name].grpc)
            )
        };
        let mut command = Command::new(VOW);
        command
            .arg("serve")
            .arg(service)
            .envs(self.environment.iter().cloned());
        command
            .arg("--listen")
            .arg(format!("127.0.0.1:{}", ports[service].grpc));
        command
            .arg("--admin-listen")
            .arg(format!("127.0.0.1:{}", ports[service].admin));
        command.arg("--database-url").arg(&self.databases[service]);
        command.arg("--tls-certificate").arg(own("certificate.pem"));
        command.arg("--tls-key").arg(own("certificate.key"));
        command.arg("--tls-authority").arg(material.join("ca.pem"));
        command.arg("--callers").arg(material.join("callers.toml"));
        command
            .arg("--key-encryption-keys")
            .arg(own("key-encryption.keys"));
        match service {
            "disclosure-audit" => {
                command.arg("--log-key").arg(own("signing.key"));
            }
            "consent" => {
                command.arg("--grant-key").arg(own("signing.key"));
                command
                    .arg("--disclosure-audit")
                    .arg(peer("disclosure-audit"));
            }
            _ => {
                command
                    .arg("--grant-keys")
                    .arg(material.join("grant-keys.jwks"));
                command.arg("--consent").arg(peer("consent"));
                command
                    .arg("--disclosure-audit")
                    .arg(peer("disclosure-audit"));
            }
        }
        if service == "identity" {
            command.arg("--certificate-key").arg(own("signing.key"));
            command.arg("--payments-data").arg(peer("payments-data"));
        }
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log_file(self.folder.path(), replica, service));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(log.expect("the folder can be written"));
        command
    }
}

impl Replica {
    fn with_free_ports() -> Self {
        // All are bound at once before any is let go, so that no two are the same.
        let listeners: Vec<_> = (0..SERVICES.len() * 2)
            .map(|_| TcpListener::bind("127.0.0.1:0").expect("a port is free"))
            .collect();
        let port = |index: usize| listeners[index].local_addr().expect("it is bound").port();
        let ports = SERVICES
            .into_iter()
            .enumerate()
            .map(|(index, service)| {
                (
                    service,
                    Ports {
                        grpc: port(index * 2),
                        admin: port(index * 2 + 1),
                    },
                )
            })
            .collect();
        Self {
            ports,
            processes: BTreeMap::new(),
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        for process in self.processes.values_mut() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn database_url(database: Database, material: &Path, service: &str) -> String {
    match database {
        Database::Sqlite => {
            format!(
                "sqlite://{}",
                material.join(format!("data/{service}.db")).display()
            )
        }
        Database::Postgres => postgres::cluster()
            .expect("it was asked for")
            .new_database(),
    }
}

fn log_file(folder: &Path, replica: usize, service: &str) -> PathBuf {
    folder.join(format!("{service}-{replica}.log"))
}

async fn is_ready(admin: u16) -> bool {
    let Some(answer) = http_get(admin, "/readyz").await else {
        return false;
    };
    answer.starts_with("HTTP/1.1 200")
}

/// A plain HTTP request to an admin port; the whole answer with its head.
pub async fn http_get(port: u16, path: &str) -> Option<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}
