//! Checkpoints: the size and root of the tree that a log signs (C2SP tlog-checkpoint).

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::merkle::parse_hash;
use crate::{Hash, LedgerError, Note, NoteKey, VerifierKey};

/// What a log commits to at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's identity, the name of its key.
    pub origin: String,
    /// Leaves in the tree.
    pub size: u64,
    /// The root of the tree.
    pub root: Hash,
}

impl Checkpoint {
    /// The signed text: origin, size and root, a line each.
    pub fn body(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            BASE64_STANDARD.encode(self.root)
        )
    }

    /// Reads a signed text.
    ///
    /// Extension lines are refused: this log writes none, and not every cosignature would cover them.
    ///
    /// # Errors
    /// [`LedgerError::CheckpointMalformed`].
    pub fn parse(body: &str) -> Result<Self, LedgerError> {
        let parts = || {
            let mut lines = body.split('\n');
            let origin = lines.next().filter(|origin| !origin.is_empty())?.to_owned();
            let size = lines.next()?.parse().ok()?;
            let root = parse_hash(lines.next()?)?;
            Some(Self { origin, size, root })
        };
        parts()
            .filter(|parsed| parsed.body() == body)
            .ok_or(LedgerError::CheckpointMalformed)
    }

    /// Signs the checkpoint with the log's key.
    ///
    /// # Errors
    /// [`LedgerError::OriginMismatch`] if the key is of another log.
    pub fn sign(&self, key: &NoteKey) -> Result<Note, LedgerError> {
        if self.origin != key.name() {
            return Err(LedgerError::OriginMismatch);
        }
        Note::sign(self.body(), key)
    }

    /// Reads the checkpoint of a note after verifying the log's signature on it.
    ///
    /// # Errors
    /// [`LedgerError::SignatureMissing`], [`LedgerError::SignatureInvalid`],
    /// [`LedgerError::CheckpointMalformed`] or [`LedgerError::OriginMismatch`].
    pub fn open(note: &Note, log: &VerifierKey) -> Result<Self, LedgerError> {
        note.verify(std::slice::from_ref(log))?;
        let checkpoint = Self::parse(note.text())?;
        if checkpoint.origin == log.name() {
            Ok(checkpoint)
        } else {
            Err(LedgerError::OriginMismatch)
        }
    }
}
