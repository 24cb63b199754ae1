//! A running suite for a test: the real program, material and databases of its own, free ports.

pub mod acts;
pub mod postgres;
pub mod published;
pub mod separate;
pub mod sqlite;

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use client::{Addresses, Clients, Material};
use serde_json::Value;
use tempfile::TempDir;

/// The program under test.
pub const VOW: &str = env!("CARGO_BIN_EXE_vow");
const START_LIMIT: Duration = Duration::from_secs(60);

/// The databases every guarantee holds on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// Embedded files.
    Sqlite,
    /// A server.
    Postgres,
}

/// `vow up` in a folder of its own, killed when it is dropped.
pub struct Suite {
    folder: TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    process: Child,
}

/// The databases of this run: both, or SQLite alone where PostgreSQL is not installed.
pub fn databases() -> Vec<Database> {
    match postgres::cluster() {
        Some(_) => vec![Database::Sqlite, Database::Postgres],
        None => vec![Database::Sqlite],
    }
}

/// Says that something was not run, not by a macro: what those print is kept from the reader when a
/// test passes.
pub fn aloud(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

impl Suite {
    /// A new suite on a database.
    pub async fn start_on(database: Database) -> Self {
        Self::start_with(database, &[]).await
    }

    /// A new suite with environment variables.
    pub async fn start_with(database: Database, environment: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().expect("the temporary folder can be written");
        let mut arguments = vec!["up".to_owned(), "--port".to_owned(), "0".to_owned()];
        arguments.push("--dir".to_owned());
        arguments.push(folder.path().join("suite").display().to_string());
        if database == Database::Postgres {
            for service in ["disclosure-audit", "consent", "payments-data", "identity"] {
                let url = postgres::cluster()
                    .expect("it was asked for")
                    .new_database();
                arguments.push("--database-url".to_owned());
                arguments.push(format!("{service}={url}"));
            }
        }
        let environment: Vec<_> = environment
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        let process = spawn(&arguments, &environment, folder.path());
        let mut suite = Self {
            folder,
            arguments,
            environment,
            process,
        };
        suite.wait_until_ready().await;
        suite
    }

    /// The folder of the material, the data and the program's own log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The development material.
    pub fn material(&self) -> PathBuf {
        self.folder.path().join("suite")
    }

    /// The databases it was given; none on SQLite.
    pub fn database_urls(&self) -> Vec<String> {
        let given = self.arguments.iter().filter_map(|it| it.split_once('='));
        given.map(|(_, url)| url.to_owned()).collect()
    }

    /// All that the program wrote to its standard error.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A client with one of the development certificates.
    pub fn client(&self, name: &str, tenant: &str) -> Clients {
        let own = client_material(&self.material(), name);
        Clients::connect(&self.addresses(), &own, tenant).expect("the addresses are well formed")
    }

    /// The internal service that does most things, in the tenant `default`.
    pub fn shop(&self) -> Clients {
        self.client("shop", "default")
    }

    /// The person who publishes policies and registers recipients.
    pub fn operator(&self) -> Clients {
        self.client("operator", "default")
    }

    /// Where the services listen.
    pub fn endpoints(&self) -> Value {
        let text = fs::read_to_string(self.material().join("endpoints.json"));
        serde_json::from_str(&text.expect("the suite is up")).expect("it is JSON")
    }

    /// The gRPC addresses.
    pub fn addresses(&self) -> Addresses {
        let endpoints = self.endpoints();
        let address = |service: &str| {
            let address = endpoints["services"][service]["grpc"].as_str();
            address.expect("every service is listed").to_owned()
        };
        Addresses {
            disclosure_audit: address("disclosure-audit"),
            consent: address("consent"),
            payments_data: address("payments-data"),
            identity: address("identity"),
        }
    }

    /// Kills the program as a power switch would.
    pub fn kill(&mut self) {
        self.process.kill().expect("it can be signalled");
        self.process.wait().expect("it was started here");
    }

    /// Starts the program again on the same material and data.
    pub async fn restart(&mut self) {
        // It says where the suite is, once it is.
        let _ = fs::remove_file(self.material().join("endpoints.json"));
        self.process = spawn(&self.arguments, &self.environment, self.folder.path());
        self.wait_until_ready().await;
    }

    async fn wait_until_ready(&mut self) {
        let endpoints = self.material().join("endpoints.json");
        let ready = tokio::time::timeout(START_LIMIT, async {
            while !endpoints.exists() {
                if let Ok(Some(status)) = self.process.try_wait() {
                    panic!("vow up ended with {status}: {}", self.log());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        assert!(
            ready.await.is_ok(),
            "vow up was not ready in time: {}",
            self.log()
        );
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The certificate of a development client.
pub fn client_material(material: &Path, name: &str) -> Material {
    let clients = material.join("clients");
    let certificate = clients.join(format!("{name}.pem"));
    let key = clients.join(format!("{name}.key"));
    Material::read(&certificate, &key, &material.join("ca.pem")).expect("init made it")
}

fn spawn(arguments: &[String], environment: &[(String, String)], folder: &Path) -> Child {
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("log"));
    Command::new(VOW)
        .args(arguments)
        .envs(environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.expect("the folder can be written"))
        .spawn()
        .expect("the program starts")
}
