//! A running `vow witness` for a test, and what a log says to it.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use ledger::{AddCheckpoint, VerifierKey};
use reqwest::Response;
use tempfile::TempDir;

use crate::suite::VOW;

/// `vow witness` on a folder of its own, killed when it is dropped.
pub struct Witness {
    folder: TempDir,
    port: u16,
    process: Child,
    /// What verifies its cosignatures.
    pub key: VerifierKey,
}

impl Witness {
    /// A new witness of these logs.
    pub fn start(name: &str, logs: &[&VerifierKey]) -> Self {
        let folder = TempDir::new().expect("the temporary folder can be written");
        let made = Command::new(VOW)
            .args(["witness", "--generate-key", name, "--key"])
            .arg(folder.path().join("key"))
            .output()
            .expect("the program runs");
        let key = String::from_utf8(made.stdout).expect("it prints text");
        let key = VerifierKey::parse(key.trim()).expect("it prints the key");
        let logs: String = logs.iter().map(|it| format!("log {it}\n")).collect();
        fs::write(folder.path().join("logs"), logs + "quorum none\n").expect("it can be written");
        let port = free_port();
        let process = command(&folder, port).spawn().expect("the program starts");
        let mut witness = Self {
            folder,
            port,
            process,
            key,
        };
        witness.wait_until_it_listens();
        witness
    }

    /// The submission and the monitoring prefix.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where it keeps its state.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Kills it as a power switch would.
    pub fn kill(&mut self) {
        self.process.kill().expect("it can be signalled");
        self.process.wait().expect("it was started here");
    }

    /// Starts it again where it was.
    pub fn restart(&mut self) {
        self.process = command(&self.folder, self.port)
            .spawn()
            .expect("the program starts");
        self.wait_until_it_listens();
    }

    /// Starts another one on the same folder, which must end by itself; what it says.
    pub fn run_another(&self) -> String {
        let ended = command(&self.folder, 0).stderr(Stdio::piped()).output();
        let ended = ended.expect("the program runs");
        assert!(!ended.status.success(), "two processes share a folder");
        String::from_utf8_lossy(&ended.stderr).into_owned()
    }

    /// Asks for a cosignature. Fails when the witness is killed meanwhile.
    pub async fn add(&self, request: &AddCheckpoint) -> reqwest::Result<(u16, String)> {
        let response = self.post("/add-checkpoint", request.to_string()).await?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    /// Posts anything.
    pub async fn post(
        &self,
        path: &str,
        body: impl Into<reqwest::Body>,
    ) -> reqwest::Result<Response> {
        let request = reqwest::Client::new().post(self.url() + path);
        request.body(body).send().await
    }

    /// Gets anything.
    pub async fn get(&self, path: &str) -> Response {
        let answer = reqwest::get(self.url() + path).await;
        answer.expect("it answers")
    }

    /// The newest cosigned checkpoint of a log; `None` before the first.
    pub async fn newest(&self, log: &VerifierKey) -> Option<String> {
        use sha2::{Digest, Sha256};
        let id: String = Sha256::digest(log.name())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let answer = self.get(&format!("/{id}/checkpoint")).await;
        match answer.status().as_u16() {
            404 => None,
            200 => Some(answer.text().await.expect("it answers with text")),
            other => panic!("the newest checkpoint: {other}"),
        }
    }

    /// Its second line says where it listens; its output stays open as long as it runs.
    fn wait_until_it_listens(&mut self) {
        let output = self.process.stdout.take().expect("it is piped");
        let line = BufReader::new(output).lines().nth(1);
        let Some(Ok(line)) = line else {
            let log = fs::read_to_string(self.folder.path().join("log"));
            panic!("the witness does not start: {}", log.unwrap_or_default());
        };
        assert!(line.contains(&self.url()), "{line}");
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One that stays the same when the witness is started again.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

fn command(folder: &TempDir, port: u16) -> Command {
    let file = |name: &str| folder.path().join(name);
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(file("log"));
    let mut command = Command::new(VOW);
    command.arg("witness").arg("--key").arg(file("key"));
    command.arg("--logs").arg(file("logs"));
    command.arg("--state").arg(file("state"));
    command.arg("--listen").arg(format!("127.0.0.1:{port}"));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.expect("the folder can be written"));
    command
}
