//! The receipt: all that a stranger needs to check one entry offline.

use ledger::{Entry, Note, Opening, ProofFile, TileId, prove_inclusion};

use crate::error::Error;
use crate::store::SignedCheckpoint;

/// The proof file of the entry at `index`, leading to a checkpoint that covers it.
pub(crate) fn receipt(
    entry: Entry,
    opening: Opening,
    index: u64,
    checkpoint: &SignedCheckpoint,
    read: impl FnMut(TileId) -> Option<Vec<u8>>,
) -> Result<String, Error> {
    let proof = prove_inclusion(index, checkpoint.size, read).map_err(|_| Error::LogCorrupt)?;
    let checkpoint = Note::parse(&checkpoint.note).map_err(|_| Error::LogCorrupt)?;
    let opening = Some(opening);
    Ok(ProofFile {
        entry,
        opening,
        index,
        proof,
        checkpoint,
    }
    .to_string())
}
