//! What a witness remembers of each log: the newest checkpoint that it cosigned, in a file of its own.

use std::{
    collections::HashMap,
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail, ensure};
use ledger::{
    AddCheckpoint, Checkpoint, Note, NoteKey, NoteSignature, Refusal, SignatureType, TrustPolicy,
    cosign, judge,
};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The folder of a witness, which no other process uses.
pub struct State {
    logs: HashMap<String, Arc<Mutex<Memory>>>,
    _lock: File,
}

/// One log, as the witness saw it last. Whoever holds its lock decides what it sees next.
pub struct Memory {
    /// In the witness's folder, named for the log's id.
    file: PathBuf,
    newest: Option<Newest>,
}

struct Newest {
    checkpoint: Checkpoint,
    /// The checkpoint with the log's signature and ours.
    note: String,
}

/// Why nothing was cosigned.
#[derive(Debug, thiserror::Error)]
pub enum NotCosigned {
    /// By the rule of the protocol.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The checkpoint is not known to be on the disk.
    #[error("the checkpoint cannot be kept")]
    NotKept(#[from] io::Error),
}

/// The public id of a log: the SHA-256 of its origin, in hexadecimal.
pub fn log_id(origin: &str) -> String {
    hex::encode(Sha256::digest(origin))
}

impl State {
    /// Takes the folder for this process and reads what was kept of these logs.
    pub fn open(folder: &Path, key: &NoteKey, logs: &TrustPolicy) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let lock = File::create(folder.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("another process uses the folder"),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let mut memories = HashMap::new();
        for log in logs.logs() {
            let (origin, id) = (log.key.name(), log_id(log.key.name()));
            let memory = Memory::read(folder.join(&id), key, origin)
                .with_context(|| format!("what was cosigned for {origin} ({id})"))?;
            memories.insert(id, Arc::new(Mutex::new(memory)));
        }
        Ok(Self {
            logs: memories,
            _lock: lock,
        })
    }

    /// What is remembered of the log with this id, for the holder alone. `None` for no known log.
    pub async fn of(&self, id: &str) -> Option<OwnedMutexGuard<Memory>> {
        let memory = self.logs.get(id)?.clone();
        Some(memory.lock_owned().await)
    }
}

impl Memory {
    fn read(file: PathBuf, key: &NoteKey, origin: &str) -> anyhow::Result<Self> {
        let newest = match fs::read_to_string(&file) {
            Ok(note) => Some(Newest::read(note, key, origin)?),
            // A link that leads nowhere is no log that was never cosigned.
            Err(_) if is_absent(&file) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Self { file, newest })
    }

    /// The newest cosigned checkpoint, with the log's signature and ours.
    pub fn note(&self) -> Option<&str> {
        self.newest.as_ref().map(|it| it.note.as_str())
    }

    /// Cosigns a checkpoint that continues the newest one, once it is on the disk. Blocks.
    pub fn cosign(
        &mut self,
        request: &AddCheckpoint,
        logs: &TrustPolicy,
        key: &NoteKey,
        now: u64,
    ) -> Result<NoteSignature, NotCosigned> {
        let last = self.newest.as_ref().map(|it| &it.checkpoint);
        let checkpoint = judge(request, logs, last)?;
        let cosignature = cosign(&request.checkpoint, key, now);
        // The same checkpoint once more is on the disk already.
        if last != Some(&checkpoint) {
            let note = kept(&request.checkpoint, &checkpoint.origin, logs, &cosignature);
            // What cannot be read again would stop the next start.
            let newest = note.and_then(|it| Newest::read(it, key, &checkpoint.origin));
            let newest = newest.map_err(io::Error::other)?;
            write_durably(&self.file, &newest.note)?;
            self.newest = Some(newest);
        }
        Ok(cosignature)
    }
}

impl Newest {
    fn read(note: String, key: &NoteKey, origin: &str) -> anyhow::Result<Self> {
        // Without this a damaged file would be a promise forgotten.
        let parsed = Note::parse(&note)?;
        let own_key = key.verifier(SignatureType::Cosignature);
        parsed
            .verify(std::slice::from_ref(&own_key))
            .context("this witness did not cosign it")?;
        let checkpoint = Checkpoint::parse(parsed.text())?;
        ensure!(checkpoint.origin == origin, "it is of another log");
        Ok(Self { checkpoint, note })
    }
}

/// The note with the signatures that its log made and ours, and without what strangers may have added.
fn kept(
    note: &Note,
    origin: &str,
    logs: &TrustPolicy,
    cosignature: &NoteSignature,
) -> anyhow::Result<String> {
    let keys = logs.logs().iter().map(|it| &it.key);
    let keys: Vec<_> = keys.filter(|it| it.name() == origin).cloned().collect();
    let mut kept = note.signed_by(&keys)?;
    kept.add(cosignature.clone());
    Ok(kept.to_string())
}

fn is_absent(file: &Path) -> bool {
    let found = fs::symlink_metadata(file);
    found.is_err_and(|it| it.kind() == io::ErrorKind::NotFound)
}

/// Replaces a file whole; it survives a loss of power once this returns.
fn write_durably(path: &Path, text: &str) -> io::Result<()> {
    let partial = path.with_extension("partial");
    let mut file = File::create(&partial)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    // The new name is in the folder.
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    File::open(folder)?.sync_all()
}
