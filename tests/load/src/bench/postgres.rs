//! A private PostgreSQL for a measurement: a new cluster with the server's own settings, gone afterwards.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

/// PostgreSQL refuses to run as root; the Debian package brings this user.
const USER: &str = "postgres";
const START_LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);
/// The settings that decide how fast a commit is, and whether it is durable.
const SETTINGS: &str = "SELECT name || '=' || setting || coalesce(unit, '') FROM pg_settings WHERE name IN \
     ('fsync', 'synchronous_commit', 'full_page_writes', 'wal_sync_method', 'shared_buffers', \
      'max_wal_size', 'checkpoint_timeout', 'commit_delay', 'autovacuum', 'max_connections') ORDER BY name";

/// A running server, stopped and removed when it is dropped.
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    process: Child,
}

impl Postgres {
    /// Makes a cluster and starts it, on the processors that this process may use now.
    pub fn start() -> anyhow::Result<Self> {
        let programs = programs().context("PostgreSQL's server programs are not installed")?;
        let folder = TempDir::with_prefix("vow-load-postgres-")?;
        if is_root() {
            succeed(Command::new("chown").arg(USER).arg(folder.path()))?;
        }
        let data = folder.path().join("data");
        let mut initdb = as_server_user(&programs.join("initdb"));
        initdb.args(["--auth=trust", "--encoding=UTF8", "--no-instructions"]);
        succeed(initdb.args(["-U", USER, "-D"]).arg(&data))?;
        let port = free_port()?;
        let process = as_server_user(&programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k"])
            .arg(folder.path())
            .args(["-c", "max_connections=200"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join("log"))?)
            .spawn()?;
        let postgres = Self {
            folder,
            programs,
            port,
            process,
        };
        postgres.wait_until_ready()?;
        Ok(postgres)
    }

    /// Makes an empty database and gives its URL.
    pub fn new_database(&self, name: &str) -> anyhow::Result<String> {
        succeed(self.program("createdb").args(self.address()).arg(name))?;
        Ok(self.url(name))
    }

    /// The URL of a database.
    pub fn url(&self, name: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{name}", self.port)
    }

    /// How many bytes a database takes.
    pub fn size(&self, database: &str) -> anyhow::Result<u64> {
        let asked = self.ask(&format!("SELECT pg_database_size('{database}')"))?;
        Ok(asked.parse()?)
    }

    /// The server's version, the settings that matter, and what a sync of its disk takes.
    pub fn describe(&self) -> anyhow::Result<Value> {
        let settings = self.ask(SETTINGS)?;
        Ok(json!({
            "version": self.ask("SHOW server_version")?,
            "settings": settings.lines().collect::<Vec<_>>(),
            "pg_test_fsync": self.test_fsync()?,
        }))
    }

    /// Lines of the server's own measurement: each way to sync 8 KiB, and how often in a second.
    fn test_fsync(&self) -> anyhow::Result<Vec<String>> {
        let mut program = self.program("pg_test_fsync");
        let output = program
            .args(["-s", "1", "-f"])
            .arg(self.folder.path().join("synced"))
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let one_write = text.split("two 8kB writes").next().unwrap_or_default();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines = one_write.lines().filter(|it| it.contains("ops/sec"));
        Ok(lines.map(words).collect())
    }

    fn ask(&self, sql: &str) -> anyhow::Result<String> {
        let mut psql = self.program("psql");
        let answer = succeed(psql.args(self.address()).args(["-Atqc", sql, USER]))?;
        Ok(answer.trim().to_owned())
    }

    fn address(&self) -> [String; 6] {
        let port = self.port.to_string();
        ["-h", "127.0.0.1", "-p", &port, "-U", USER].map(str::to_owned)
    }

    fn program(&self, name: &str) -> Command {
        Command::new(self.programs.join(name))
    }

    fn wait_until_ready(&self) -> anyhow::Result<()> {
        for _ in 0..START_LIMIT.as_millis() / PAUSE.as_millis() {
            let mut ready = self.program("pg_isready");
            if ready.arg("-q").args(self.address()).status()?.success() {
                return Ok(());
            }
            sleep(PAUSE);
        }
        bail!("PostgreSQL did not start within {START_LIMIT:?}")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A server that is killed leaves nothing that anybody needs: its folder goes with it.
        let pid = self.process.id().to_string();
        let _ = Command::new("kill").args(["-INT", &pid]).status();
        let _ = self.process.wait();
    }
}

/// Runs a program that must succeed, and returns what it wrote to its standard output.
fn succeed(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .output()
        .with_context(|| format!("{command:?} cannot be run"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// However this process ends, what runs for it ends with it.
fn as_server_user(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]);
    if is_root() {
        command.args(["--reuid", USER, "--regid", USER, "--clear-groups"]);
    }
    command.arg(program);
    command
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ids = status.lines().find_map(|it| it.strip_prefix("Uid:"));
    ids.and_then(|it| it.split_whitespace().nth(1)) == Some("0")
}

/// Debian keeps the server programs out of PATH, one folder per major version; the newest wins.
fn programs() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut folders: Vec<_> = folders.flatten().map(|it| it.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    folders
        .into_iter()
        .find(|it| it.join("initdb").exists() && it.join("postgres").exists())
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
