//! A real PostgreSQL for the tests: one cluster for the whole run, a new database for whoever asks.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

const FOLDER_PREFIX: &str = "vow-test-postgres-";
/// PostgreSQL refuses to run as root; the Debian package brings this user.
const SERVER_USER: &str = "postgres";

/// A running cluster.
pub struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
    databases: AtomicU32,
}

/// The cluster of this run, or `None` when the server is not installed, which is then said aloud.
///
/// With `VOW_TEST_POSTGRES=required` a missing server is a failure.
pub fn cluster() -> Option<&'static Postgres> {
    static CLUSTER: OnceLock<Option<Postgres>> = OnceLock::new();
    let cluster = CLUSTER
        .get_or_init(|| programs().map(Postgres::start))
        .as_ref();
    if cluster.is_none() {
        let required = env::var("VOW_TEST_POSTGRES").is_ok_and(|it| it == "required");
        assert!(!required, "PostgreSQL's server programs were not found");
        super::aloud("NOT RUN on PostgreSQL: its server programs were not found\n");
    }
    cluster
}

impl Postgres {
    /// The URL of a new, empty database.
    pub fn new_database(&self) -> String {
        let name = format!("vow{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let port = self.port.to_string();
        let program = self.programs.join("createdb");
        let arguments = ["-h", "127.0.0.1", "-p", &port, "-U", SERVER_USER, &name];
        succeed(Command::new(program).args(arguments));
        format!("postgres://{SERVER_USER}@127.0.0.1:{port}/{name}")
    }

    /// The folders of everything the server writes, its log ahead of writes included, but for the
    /// databases that are not among these.
    pub fn written(&self, urls: &[String]) -> Vec<PathBuf> {
        let data = self.folder.join("data");
        let shared = fs::read_dir(&data).expect("the server's folder can be read");
        let shared = shared
            .map(|it| it.expect("it can be read").path())
            .filter(|it| it.is_dir() && !it.ends_with("base"));
        let own = urls.iter().map(|url| data.join("base").join(self.oid(url)));
        shared.chain(own).collect()
    }

    /// The name of a database's folder.
    fn oid(&self, url: &str) -> String {
        self.ask(
            url,
            "SELECT oid FROM pg_database WHERE datname = current_database()",
        )
    }

    /// What a database answers to SQL: a line for each row, `|` between its values.
    pub fn ask(&self, url: &str, sql: &str) -> String {
        let answer = succeed(self.program("psql").args(["-Atqc", sql, url]));
        String::from_utf8_lossy(&answer).trim().to_owned()
    }

    /// What a database says to SQL that it refuses.
    pub fn refusal(&self, url: &str, sql: &str) -> String {
        let refused = self.program("psql").args(["-Atqc", sql, url]).output();
        let refused = refused.expect("the program runs");
        assert!(!refused.status.success(), "{sql} is not refused");
        String::from_utf8_lossy(&refused.stderr).into_owned()
    }

    /// Kills every process of the server as a power switch would.
    pub fn crash(&self) {
        let file = self.folder.join("data/postmaster.pid");
        let postmaster = fs::read_to_string(file).expect("it runs");
        let postmaster = postmaster
            .lines()
            .next()
            .expect("its first line")
            .to_owned();
        // Stopped first, or it would start anew what ends; its children outlive it for a moment.
        succeed(Command::new("kill").args(["-STOP", &postmaster]));
        let children = Command::new("pkill")
            .args(["-KILL", "-P", &postmaster])
            .status();
        assert!(children.expect("pkill runs").success());
        succeed(Command::new("kill").args(["-KILL", &postmaster]));
        while Path::new("/proc").join(&postmaster).exists() {
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts a server that was killed, with what its disk has kept.
    pub fn start_again(&self) {
        let data = self.folder.join("data");
        run_until_this_process_ends(&self.programs, &self.folder, &data, self.port);
        self.wait_until_ready();
    }

    /// One of PostgreSQL's programs, of the server's own version.
    pub fn program(&self, name: &str) -> Command {
        Command::new(self.programs.join(name))
    }

    /// All that the server wrote to its log; a line begins with the database and the process.
    pub fn log(&self) -> String {
        let log = fs::read(self.folder.join("log")).expect("the server writes it");
        String::from_utf8_lossy(&log).into_owned()
    }

    fn start(programs: PathBuf) -> Self {
        remove_leftovers();
        let folder = env::temp_dir().join(format!("{FOLDER_PREFIX}{}", std::process::id()));
        fs::create_dir(&folder).expect("the temporary folder can be written");
        if is_root() {
            succeed(Command::new("chown").arg(SERVER_USER).arg(&folder));
        }
        let data = folder.join("data");
        succeed(
            as_server_user(&programs.join("initdb"))
                .args([
                    "--auth=trust",
                    "--encoding=UTF8",
                    "--no-instructions",
                    "-U",
                    SERVER_USER,
                ])
                .arg("-D")
                .arg(&data),
        );
        let port = free_port();
        run_until_this_process_ends(&programs, &folder, &data, port);
        let postgres = Self {
            folder,
            programs,
            port,
            databases: AtomicU32::new(0),
        };
        postgres.wait_until_ready();
        postgres
    }

    fn wait_until_ready(&self) {
        let port = self.port.to_string();
        // After a power cut it looks through all that it stores, on a machine that may do other work.
        for _ in 0..2_400 {
            let ready = Command::new(self.programs.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &port])
                .status()
                .expect("pg_isready runs");
            if ready.success() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("PostgreSQL did not start within 120 seconds");
    }
}

/// The parent-death signal belongs to the thread that started the child, so a thread of its own
/// starts the server and stays with it: however the tests end, the server ends with them.
fn run_until_this_process_ends(programs: &Path, folder: &Path, data: &Path, port: u16) {
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .expect("the folder can be written");
    let mut server = as_server_user(&programs.join("postgres"));
    server
        .arg("-D")
        .arg(data)
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k"])
        .arg(folder)
        .args([
            "-c",
            "max_connections=400",
            "-c",
            "log_line_prefix=[%d %p] ",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    thread::spawn(move || {
        let mut child = server.spawn().expect("the PostgreSQL server starts");
        child.wait()
    });
}

fn as_server_user(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]);
    if is_root() {
        command.args([
            "--reuid",
            SERVER_USER,
            "--regid",
            SERVER_USER,
            "--clear-groups",
        ]);
    }
    command.arg(program);
    command
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .and_then(|ids| ids.split_whitespace().nth(1))
        .is_some_and(|effective| effective == "0")
}

/// Debian keeps the server programs out of PATH, one folder per major version; the newest wins.
fn programs() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    folders.sort();
    folders.reverse();
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    folders.into_iter().find(|folder| {
        ["initdb", "postgres", "createdb"]
            .iter()
            .all(|it| folder.join(it).exists())
    })
}

/// Removes the folders of runs that were killed.
fn remove_leftovers() {
    for entry in fs::read_dir(env::temp_dir())
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name();
        let Some(process) = name.to_str().and_then(|it| it.strip_prefix(FOLDER_PREFIX)) else {
            continue;
        };
        if !Path::new("/proc").join(process).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

/// Runs a program that must succeed, and returns what it wrote to its standard output.
pub fn succeed(command: &mut Command) -> Vec<u8> {
    let output = command.output().expect("the program runs");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
