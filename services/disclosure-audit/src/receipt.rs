//! The receipt: all that a stranger needs to check one entry offline.

use ledger::{Contents, Entry, Gap, Hash, Note, Opening, ProofFile, TileId, prove_inclusion};

use crate::error::Error;
use crate::store::SignedCheckpoint;

/// The record of a destroyed key, and what it covers.
pub(crate) struct Destroyed {
    pub(crate) entry: Entry,
    pub(crate) index: u64,
    pub(crate) opening: Opening,
    /// The leaf hashes of all entries that the key sealed, in their order.
    pub(crate) leaves: Vec<Hash>,
}

/// The proof file of the entry at `index`, leading to a checkpoint that covers it.
pub(crate) fn receipt(
    entry: Entry,
    opening: Opening,
    index: u64,
    checkpoint: &SignedCheckpoint,
    read: impl FnMut(TileId) -> Option<Vec<u8>>,
) -> Result<String, Error> {
    file(entry, Contents::Opening(opening), index, checkpoint, read)
}

/// The same of an entry that nobody can open any more: with the record of why, which the checkpoint
/// covers too.
pub(crate) fn gap_receipt(
    entry: Entry,
    index: u64,
    destroyed: Destroyed,
    checkpoint: &SignedCheckpoint,
    mut read: impl FnMut(TileId) -> Option<Vec<u8>>,
) -> Result<String, Error> {
    let leaf = entry.leaf_hash();
    let place = destroyed.leaves.iter().position(|it| *it == leaf);
    let place = place.ok_or(Error::LogCorrupt)? as u64;
    let proof = prove_inclusion(destroyed.index, checkpoint.size, &mut read);
    let gap = Gap {
        place,
        path: Gap::path(&destroyed.leaves, place).map_err(|_| Error::LogCorrupt)?,
        destruction: destroyed.entry,
        index: destroyed.index,
        proof: proof.map_err(|_| Error::LogCorrupt)?,
        opening: destroyed.opening,
    };
    file(entry, Contents::Gap(gap), index, checkpoint, read)
}

fn file(
    entry: Entry,
    contents: Contents,
    index: u64,
    checkpoint: &SignedCheckpoint,
    read: impl FnMut(TileId) -> Option<Vec<u8>>,
) -> Result<String, Error> {
    let proof = prove_inclusion(index, checkpoint.size, read).map_err(|_| Error::LogCorrupt)?;
    let checkpoint = Note::parse(&checkpoint.note).map_err(|_| Error::LogCorrupt)?;
    Ok(ProofFile {
        entry,
        contents,
        index,
        proof,
        checkpoint,
    }
    .to_string())
}
