//! The receipt that a person or an auditor verifies offline: a `.tlog-proof` file (C2SP tlog-proof).
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64 of: entry, 57 bytes || blind, 32 bytes || payload>
//! index <place in the log>
//! <base64 hash, the leaf's sibling first, one a line>
//!
//! <checkpoint with signatures and cosignatures, verbatim>
//! ```
//!
//! The format leaves `extra` unauthenticated; here it is not trusted but checked: the entry must be the
//! leaf that the proof leads from, and blind and payload must open the entry's commitment.
//! Once the opening is destroyed `extra` is the entry alone, and the proof still holds.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::entry::ENTRY_BYTES;
use crate::merkle::{parse_hash, verify_inclusion};
use crate::{Checkpoint, Entry, Hash, LedgerError, Note, Opening, VerifierKey};

const HEADER: &str = "c2sp.org/tlog-proof@v1";
const FILE_BYTES_MAX: usize = 1024 * 1024;

/// A proof file, nothing of it verified yet.
///
/// `Display` writes the file, byte for byte as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofFile {
    /// The leaf.
    pub entry: Entry,
    /// What it commits to; `None` when that was destroyed or is not for the holder of the proof.
    pub opening: Option<Opening>,
    /// The leaf's place in the log, from zero.
    pub index: u64,
    /// The inclusion proof, the leaf's sibling first.
    pub proof: Vec<Hash>,
    /// The checkpoint the proof leads to, as signed.
    pub checkpoint: Note,
}

/// What a proof file proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The entry's place in the log, from zero.
    pub index: u64,
    /// The size of the tree the log signed.
    pub size: u64,
    /// The entry, which is in that tree.
    pub entry: Entry,
    /// What the entry commits to, if the file carries it.
    pub opening: Option<Opening>,
}

impl ProofFile {
    /// Reads a proof file of at most 1 MiB.
    ///
    /// # Errors
    /// [`LedgerError::ProofFileMalformed`] also when there is no `extra`,
    /// [`LedgerError::EntryMalformed`], [`LedgerError::OpeningMalformed`] or [`LedgerError::NoteMalformed`].
    pub fn parse(file: &str) -> Result<Self, LedgerError> {
        let malformed = LedgerError::ProofFileMalformed;
        if file.len() > FILE_BYTES_MAX {
            return Err(malformed);
        }
        let (head, checkpoint) = file.split_once("\n\n").ok_or(malformed)?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(malformed);
        }
        let mut member = |name| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let extra = member("extra").ok_or(malformed)?;
        let index_digits = member("index").ok_or(malformed)?;
        let index: u64 = index_digits.parse().map_err(|_| malformed)?;
        if index.to_string() != index_digits {
            return Err(malformed);
        }
        let proof = lines
            .map(parse_hash)
            .collect::<Option<_>>()
            .ok_or(malformed)?;
        let extra = BASE64_STANDARD.decode(extra).map_err(|_| malformed)?;
        let (entry, opening) = extra.split_at_checked(ENTRY_BYTES).ok_or(malformed)?;
        let opening = (!opening.is_empty())
            .then(|| Opening::parse(opening))
            .transpose()?;
        let entry = Entry::parse(entry)?;
        Ok(Self {
            entry,
            opening,
            index,
            proof,
            checkpoint: Note::parse(checkpoint)?,
        })
    }

    /// Verifies the whole chain: log signature, checkpoint, inclusion proof, entry, opening.
    ///
    /// Cosignatures are verified apart, with [`Note::verify`] on the checkpoint.
    ///
    /// # Errors
    /// Those of [`Checkpoint::open`] and [`verify_inclusion`], or [`LedgerError::CommitmentMismatch`].
    pub fn verify(&self, log: &VerifierKey) -> Result<Verified, LedgerError> {
        let Checkpoint { size, root, .. } = Checkpoint::open(&self.checkpoint, log)?;
        verify_inclusion(
            &self.entry.leaf_hash(),
            self.index,
            size,
            &self.proof,
            &root,
        )?;
        if let Some(opening) = &self.opening {
            opening.verify(&self.entry)?;
        }
        let opening = self.opening.clone();
        Ok(Verified {
            index: self.index,
            size,
            entry: self.entry,
            opening,
        })
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let opening = self
            .opening
            .as_ref()
            .map(Opening::to_bytes)
            .unwrap_or_default();
        let extra = [self.entry.to_bytes().as_slice(), &opening].concat();
        writeln!(formatter, "{HEADER}")?;
        writeln!(formatter, "extra {}", BASE64_STANDARD.encode(extra))?;
        writeln!(formatter, "index {}", self.index)?;
        for hash in &self.proof {
            writeln!(formatter, "{}", BASE64_STANDARD.encode(hash))?;
        }
        write!(formatter, "\n{}", self.checkpoint)
    }
}
