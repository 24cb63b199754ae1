//! A log in a folder, as anybody may publish one, that a test can alter.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use ledger::{
    BundleId, Checkpoint, Contents, Entry, Frontier, Gap, Hash, LogPaths, NoteKey, Opening,
    ProofFile, SignatureType, Tile, TilePath, cosign, leaf_hash, prove_inclusion, write_bundle,
};
use tempfile::TempDir;
use uuid::Uuid;

use crate::suite::VOW;

const ORIGIN: &str = "disclosure.example/log1";

/// The log, and beside it the key and the policy of those who believe it.
pub struct Published {
    folder: TempDir,
    entries: Vec<Vec<u8>>,
    frontier: Frontier,
    tiles: Vec<Tile>,
}

/// What `vow verify` said, and with which code it ended.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub text: String,
}

impl Published {
    /// A log of these entries, all published at once.
    pub fn new(entries: Vec<Vec<u8>>) -> Self {
        let folder = TempDir::new().expect("the temporary folder can be written");
        let mut published = Self {
            folder,
            entries: Vec::new(),
            frontier: Frontier::new(),
            tiles: Vec::new(),
        };
        let (log, witness) = keys();
        let policy = format!(
            "log {}\nwitness w1 {}\nquorum w1\n",
            log.verifier(SignatureType::Ed25519),
            witness.verifier(SignatureType::Cosignature)
        );
        let key = log.verifier(SignatureType::Ed25519).to_string();
        published.write("log.vkey", key.as_bytes());
        published.write("policy", policy.as_bytes());
        published.grow(entries);
        published
    }

    /// A log of a number of entries that are all different, and differ from those of other names.
    pub fn of(size: u64, name: &str) -> Self {
        Self::new(numbered(0, size, name))
    }

    /// Publishes more entries; what was published of narrower tiles stays.
    pub fn grow(&mut self, entries: Vec<Vec<u8>>) {
        let leaves: Vec<_> = entries.iter().map(|it| leaf_hash(it)).collect();
        self.entries.extend(entries);
        for tile in self.frontier.append(&leaves) {
            self.tiles
                .retain(|it| (it.id.level, it.id.index) != (tile.id.level, tile.id.index));
            self.tiles.push(tile);
        }
        for path in LogPaths::new(self.frontier.size()) {
            self.write(&format!("log/{path}"), &self.bytes(path));
        }
        self.write("log/checkpoint", self.checkpoint().as_bytes());
    }

    /// The newest checkpoint with the signatures of the log and of its witness.
    pub fn checkpoint(&self) -> String {
        let (log, witness) = keys();
        let mut note = Checkpoint {
            origin: ORIGIN.to_owned(),
            size: self.frontier.size(),
            root: self.frontier.root(),
        }
        .sign(&log)
        .expect("it is its own log");
        note.add(cosign(&note, &witness, 1_700_000_000));
        note.to_string()
    }

    /// Writes the receipt of the entry at a place, beside the log.
    pub fn receipt(&self, index: u64, opening: &Opening) -> String {
        let name = format!("{index}-of-{}.tlog-proof", self.frontier.size());
        self.proof_file(&name, index, Contents::Opening(opening.clone()))
    }

    /// Writes the receipt of the entry at a place whose key was destroyed, as the newest entry
    /// records of all entries before it.
    pub fn gap(&self, index: u64, destruction: &Opening) -> String {
        let last = self.frontier.size() - 1;
        let entries = &self.entries[..last as usize];
        let leaves: Vec<_> = entries.iter().map(|it| leaf_hash(it)).collect();
        let gap = Gap {
            place: index,
            path: Gap::path(&leaves, index).expect("it is there"),
            destruction: self.entry(last),
            index: last,
            proof: self.proof(last),
            opening: destruction.clone(),
        };
        let name = format!("{index}-gone.tlog-proof");
        self.proof_file(&name, index, Contents::Gap(gap))
    }

    fn proof_file(&self, name: &str, index: u64, contents: Contents) -> String {
        let file = ProofFile {
            entry: self.entry(index),
            contents,
            index,
            proof: self.proof(index),
            checkpoint: ledger::Note::parse(&self.checkpoint()).expect("we signed it"),
        };
        self.write(name, file.to_string().as_bytes());
        self.path(name).display().to_string()
    }

    fn entry(&self, index: u64) -> Entry {
        Entry::parse(&self.entries[index as usize]).expect("it is one of ours")
    }

    fn proof(&self, index: u64) -> Vec<Hash> {
        let read = |id: ledger::TileId| {
            let mut tiles = self.tiles.iter();
            Some(tiles.find(|it| it.id == id)?.hashes.clone())
        };
        prove_inclusion(index, self.frontier.size(), read).expect("it is there")
    }

    fn bytes(&self, path: TilePath) -> Vec<u8> {
        match path {
            TilePath::Hashes(id) => {
                let mut tiles = self.tiles.iter();
                tiles
                    .find(|it| it.id == id)
                    .expect("the tree has it")
                    .hashes
                    .clone()
            }
            TilePath::Entries(BundleId { index, width }) => {
                let entries = &self.entries[index as usize * 256..][..usize::from(width)];
                write_bundle(entries.iter().map(Vec::as_slice)).expect("they are short")
            }
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn log(&self) -> String {
        self.path("log").display().to_string()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        let file = self.path(name);
        let folder = file.parent().expect("it is in a folder");
        fs::create_dir_all(folder).expect("the folder can be made");
        fs::write(file, bytes).expect("the file can be written");
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("it is there")
    }

    /// The files of the log, checkpoint included.
    pub fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.path("log")];
        while let Some(folder) = folders.pop() {
            for file in fs::read_dir(&folder).expect("it is a folder") {
                let path = file.expect("it can be listed").path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => files.push(self.name(&path)),
                }
            }
        }
        files.sort();
        files
    }

    fn name(&self, path: &Path) -> String {
        let name = path.strip_prefix(self.folder.path()).expect("it is inside");
        name.display().to_string()
    }

    /// Runs `vow verify` with the log's key.
    pub fn verify(&self, arguments: &[&str]) -> Said {
        let key = self.path("log.vkey").display().to_string();
        verify(&[arguments, &["--key", &key]].concat())
    }

    /// Runs `vow verify` on the log's folder, and on nothing else.
    pub fn verify_log(&self) -> Said {
        self.verify(&[&self.log()])
    }
}

/// Runs `vow verify`.
pub fn verify(arguments: &[&str]) -> Said {
    let mut program = Command::new(VOW);
    let Output {
        status,
        stdout,
        stderr,
    } = program
        .arg("verify")
        .args(arguments)
        .output()
        .expect("the program runs");
    let text = String::from_utf8([stdout, stderr].concat()).expect("it is text");
    Said {
        code: status.code(),
        text,
    }
}

impl Said {
    /// Requires that what was checked holds, and that these words are among those said.
    #[track_caller]
    pub fn holds(&self, words: &[&str]) {
        assert_eq!(self.code, Some(0), "{}", self.text);
        for word in words {
            assert!(
                self.text.contains(word),
                "{word:?} is not in: {}",
                self.text
            );
        }
    }

    /// Requires that what was checked does not hold, for the reason in these words.
    #[track_caller]
    pub fn is_refused(&self, words: &str) {
        assert_eq!(self.code, Some(3), "{}", self.text);
        assert!(
            self.text.contains(words),
            "{words:?} is not in: {}",
            self.text
        );
    }
}

/// Entries of a disclosure log that open to nothing in particular.
pub fn numbered(from: u64, until: u64, name: &str) -> Vec<Vec<u8>> {
    let entry = |number| {
        entry(
            number,
            &Opening::new(format!("{name} {number}").into_bytes()),
        )
    };
    (from..until).map(entry).collect()
}

/// The bytes of an entry that this opens.
pub fn entry(number: u64, opening: &Opening) -> Vec<u8> {
    let id = Uuid::from_u128(u128::from(number));
    let commitment = opening.commitment();
    let time = 1_700_000_000;
    Entry {
        id,
        time,
        commitment,
    }
    .to_bytes()
    .to_vec()
}

fn keys() -> (NoteKey, NoteKey) {
    let log = NoteKey::from_seed(ORIGIN, &[1; 32]).expect("it is a name");
    let witness = NoteKey::from_seed("witness.example/w1", &[2; 32]).expect("it is a name");
    (log, witness)
}
