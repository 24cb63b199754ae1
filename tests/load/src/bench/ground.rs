//! Where a measurement is made: the suite on new databases, each part on its own processor, all gone afterwards.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    str::FromStr,
    thread::sleep,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use client::{Addresses, Clients, Material};
use serde_json::Value;
use tempfile::TempDir;

use super::postgres::Postgres;

const SERVICES: [&str; 4] = ["disclosure-audit", "consent", "payments-data", "identity"];
const TENANT: &str = "default";
const START_LIMIT: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);

/// What the services store in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Store {
    /// Embedded files.
    Sqlite,
    /// A private server.
    Postgres,
}

/// Which processors do what, as lists that `taskset` reads; none pins nothing.
#[derive(Clone, Debug)]
pub struct Pinning {
    /// For the suite and its database.
    pub server: String,
    /// For this program.
    pub client: String,
}

/// A suite that runs, with all that belongs to it.
pub struct Ground {
    /// What it stores in.
    pub store: Store,
    /// The server, on PostgreSQL.
    pub postgres: Option<Postgres>,
    folder: TempDir,
    process: Child,
}

impl FromStr for Pinning {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (server, client) = text
            .split_once('/')
            .ok_or("write SERVER/CLIENT, as in 0/1")?;
        Ok(Self {
            server: server.to_owned(),
            client: client.to_owned(),
        })
    }
}

impl Store {
    /// As the manual spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

impl Ground {
    /// Starts the suite that `vow` is. Returns when it serves.
    pub fn start(vow: &Path, store: Store, pinning: Option<&Pinning>) -> anyhow::Result<Self> {
        // Children run where this process may run when it starts them.
        if let Some(pinning) = pinning {
            pin(&pinning.server)?;
        }
        let started = Self::start_here(vow, store);
        if let Some(pinning) = pinning {
            pin(&pinning.client)?;
        }
        started
    }

    fn start_here(vow: &Path, store: Store) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("vow-load-")?;
        let postgres = match store {
            Store::Sqlite => None,
            Store::Postgres => Some(Postgres::start()?),
        };
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(vow);
        command.args(["up", "--port", "0", "--dir"]);
        command.arg(folder.path().join("suite"));
        if let Some(postgres) = &postgres {
            for service in SERVICES {
                let url = postgres.new_database(service)?;
                command.args(["--database-url", &format!("{service}={url}")]);
            }
        }
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log"))?)
            .spawn()?;
        let mut ground = Self {
            store,
            postgres,
            folder,
            process,
        };
        ground.wait_until_ready()?;
        Ok(ground)
    }

    /// The folder of the suite's material and, on SQLite, its data.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join("suite")
    }

    /// The URL of the log's database, for this program to look into.
    pub fn log_database(&self) -> String {
        match &self.postgres {
            Some(postgres) => postgres.url(SERVICES[0]),
            None => {
                let file = self.folder().join("data").join("disclosure-audit.db");
                format!("sqlite://{}", file.display())
            }
        }
    }

    /// A file beside the suite, for whoever measures.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder of the log's tiles, once they are published.
    pub fn tiles(&self) -> PathBuf {
        self.folder().join("data").join("log")
    }

    /// New connections with the certificate of a service, of the people's shop or of the operator.
    pub fn clients(&self, name: &str) -> anyhow::Result<Clients> {
        let folder = self.folder();
        let (certificate, key) = match SERVICES.contains(&name) {
            true => (
                format!("{name}/certificate.pem"),
                format!("{name}/certificate.key"),
            ),
            false => (format!("clients/{name}.pem"), format!("clients/{name}.key")),
        };
        let authority = folder.join("ca.pem");
        let own = Material::read(&folder.join(certificate), &folder.join(key), &authority)?;
        Ok(Clients::connect(&self.addresses()?, &own, TENANT)?)
    }

    /// Bytes of memory that the suite has.
    pub fn memory(&self) -> anyhow::Result<u64> {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(path).context("the suite has ended")?;
        let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|it| it.split_whitespace().next());
        Ok(kibibytes.context("it has memory")?.parse::<u64>()? * 1024)
    }

    /// Bytes that the databases take.
    pub fn stored(&self) -> anyhow::Result<u64> {
        match &self.postgres {
            Some(postgres) => SERVICES.iter().map(|it| postgres.size(it)).sum(),
            None => {
                let files = fs::read_dir(self.folder().join("data"))?;
                files.map(|it| anyhow::Ok(it?.metadata()?.len())).sum()
            }
        }
    }

    fn addresses(&self) -> anyhow::Result<Addresses> {
        let text = fs::read_to_string(self.folder().join("endpoints.json"))?;
        let endpoints: Value = serde_json::from_str(&text)?;
        let address = |service: &str| {
            let address = endpoints["services"][service]["grpc"].as_str();
            address
                .map(str::to_owned)
                .context("every service is listed")
        };
        Ok(Addresses {
            disclosure_audit: address(SERVICES[0])?,
            consent: address(SERVICES[1])?,
            payments_data: address(SERVICES[2])?,
            identity: address(SERVICES[3])?,
        })
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        for _ in 0..START_LIMIT.as_millis() / PAUSE.as_millis() {
            if self.folder().join("endpoints.json").exists() {
                return Ok(());
            }
            if let Some(status) = self.process.try_wait()? {
                let log = fs::read_to_string(self.folder.path().join("log"))?;
                bail!("the suite ended with {status}: {log}");
            }
            sleep(PAUSE);
        }
        bail!("the suite did not start within {START_LIMIT:?}")
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Moves this process, and what it starts from now on, to these processors.
fn pin(processors: &str) -> anyhow::Result<()> {
    let pid = std::process::id().to_string();
    let output = Command::new("taskset")
        .args(["-acp", processors, &pid])
        .output()
        .context("taskset cannot be run")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "taskset: {said}");
    Ok(())
}
