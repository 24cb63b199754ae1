//! A stranger's view of a suite's log: what the tile port serves, and nothing else.

use std::{env, fs, path::PathBuf, process::Command, time::Duration};

use ledger::{
    BundleId, Checkpoint, Frontier, Note, TileId, TilePath, VerifierKey, prove_consistency,
    tiles_for_consistency, verify_consistency,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Suite, VOW};

const LIMIT: Duration = Duration::from_secs(30);

/// A published log, with what was seen of it.
pub struct Published {
    port: u16,
    key: PathBuf,
    newest: Option<Checkpoint>,
}

/// An answer of the tile port.
pub struct Answer {
    /// The head, in lower case.
    pub head: String,
    /// Everything after it.
    pub body: Vec<u8>,
}

impl Answer {
    /// The number in the first line.
    pub fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// A header's value, or nothing.
    pub fn header(&self, name: &str) -> &str {
        let lines = self.head.lines();
        let found = lines
            .filter_map(|it| it.split_once(": "))
            .find(|(it, _)| *it == name);
        found.map_or("", |(_, value)| value)
    }
}

impl Published {
    /// The log of a suite that runs.
    pub fn of(suite: &Suite) -> Self {
        let endpoints = suite.endpoints();
        let url = endpoints["log"].as_str().expect("the log is published");
        let (_, port) = url.rsplit_once(':').expect("it has a port");
        Self {
            port: port.parse().expect("it is a number"),
            key: suite.material().join("log.vkey"),
            newest: None,
        }
    }

    /// The same log after the suite was started again, with what was seen of it before.
    pub fn again(self, suite: &Suite) -> Self {
        let newest = self.newest;
        Self {
            newest,
            ..Self::of(suite)
        }
    }

    /// Sends a request of one line and these headers.
    pub async fn ask(&self, line: &str, headers: &str) -> Answer {
        let asked = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
            let request =
                format!("{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.map(|_| bytes)
        };
        let bytes: Vec<u8> = asked.await.expect("the port answers");
        let end = bytes.windows(4).position(|it| it == b"\r\n\r\n");
        let end = end.expect("the answer has a head");
        Answer {
            head: String::from_utf8_lossy(&bytes[..end]).to_lowercase(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    /// What lies at a path. On the disk of tests/power it is asked for again when it is not found: there, unlike on
    /// any other, a file is missing for a moment while another one takes its name, because FUSE looks a name up and
    /// opens what it found in two steps.
    async fn get(&self, path: &str) -> Answer {
        let line = format!("GET /{path}");
        let mut answer = self.ask(&line, "").await;
        if env::var_os("VOW_TEST_DISK").is_some() {
            for _ in 0..50 {
                if answer.status() != "404" {
                    break;
                }
                answer = self.ask(&line, "").await;
            }
        }
        answer
    }

    /// The newest checkpoint, whose signature holds; `None` before the first.
    pub async fn checkpoint(&self) -> Option<Checkpoint> {
        let answer = self.get("checkpoint").await;
        if answer.status() == "404" {
            return None;
        }
        let note = String::from_utf8(answer.body).expect("a note is text");
        let note = Note::parse(&note).expect("it is a note");
        let key = fs::read_to_string(&self.key).expect("init made it");
        let key = VerifierKey::parse(key.trim()).expect("it is a key");
        Some(Checkpoint::open(&note, &key).expect("the log signed it"))
    }

    /// Waits until the entry at a place is published.
    pub async fn covers(&mut self, index: u64) {
        let covered = tokio::time::timeout(LIMIT, async {
            while self.follow().await <= index {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        covered.await.expect("the entry is published in time");
    }

    /// Reads the newest checkpoint and what it covers at the right edge, requires that the log
    /// continues what was seen before, and gives its size.
    pub async fn follow(&mut self) -> u64 {
        let Some(newest) = self.checkpoint().await else {
            assert_eq!(self.newest, None, "the checkpoint is gone");
            return 0;
        };
        let size = newest.size;
        if let Some(last) = size.checked_sub(1) {
            let last = BundleId::in_log(last / 256, size).expect("it is in the log");
            self.object(TilePath::Entries(last)).await;
        }
        let mut tiles = Vec::new();
        let before = self.newest.take();
        let old = before.as_ref().map_or(0, |it| it.size);
        assert!(old <= size, "the log went back from {old} to {size}");
        let mut needed = Frontier::right_edge(size);
        needed.extend(tiles_for_consistency(old, size).expect("it grew"));
        for id in needed {
            tiles.push((id, self.object(TilePath::Hashes(id)).await));
        }
        let read = |id: TileId| Some(tiles.iter().find(|(it, _)| *it == id)?.1.clone());
        let edge = Frontier::restore(size, read).expect("the edge is there");
        assert_eq!(edge.root(), newest.root, "the tiles lead to the root");
        if let Some(before) = before {
            let proof = prove_consistency(old, size, read).expect("all are there");
            let continues = verify_consistency(old, &before.root, size, &newest.root, &proof);
            assert_eq!(continues, Ok(()), "the log forked after {old}");
        }
        self.newest = Some(newest);
        size
    }

    /// A tile or bundle that must be there.
    async fn object(&self, path: TilePath) -> Vec<u8> {
        let answer = self.get(&path.to_string()).await;
        assert_eq!(
            answer.status(),
            "200",
            "a covered object is not there: {path}"
        );
        answer.body
    }

    /// What `vow verify` says of the whole log, which must continue what it remembers in a file.
    pub fn verify_whole(&self, remembered: &str) -> Result<String, String> {
        let url = format!("http://localhost:{}", self.port);
        let mut command = Command::new(VOW);
        command.args(["verify", &url, "--key"]).arg(&self.key);
        let remembered = self.key.with_file_name(remembered);
        let output = command.arg("--remember").arg(remembered).output();
        let output = output.expect("the program runs");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(text(&output.stderr)),
        }
    }
}
