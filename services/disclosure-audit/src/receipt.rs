//! The receipt: all that a stranger needs to check one entry offline.

use ledger::{
    Checkpoint, Contents, Entry, Gap, Hash, Note, Opening, ProofFile, TileId, prove_inclusion,
    verify_inclusion,
};

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

/// The proof file of the entry at `index`, leading to a checkpoint that covers it, which was tried:
/// damaged tiles make a proof that no stranger would believe.
pub(crate) fn receipt(
    entry: Entry,
    contents: Contents,
    index: u64,
    checkpoint: &SignedCheckpoint,
    read: impl FnMut(TileId) -> Option<Vec<u8>>,
) -> Result<String, Error> {
    let proof = prove_inclusion(index, checkpoint.size, read).map_err(|_| Error::LogCorrupt)?;
    let checkpoint = Note::parse(&checkpoint.note).map_err(|_| Error::LogCorrupt)?;
    let tree = Checkpoint::parse(checkpoint.text()).map_err(|_| Error::LogCorrupt)?;
    verify_inclusion(&entry.leaf_hash(), index, tree.size, &proof, &tree.root)
        .map_err(|_| Error::LogCorrupt)?;
    Ok(ProofFile {
        entry,
        contents,
        index,
        proof,
        checkpoint,
    }
    .to_string())
}

/// The receipt of an entry that nobody can open any more: with the record of why, which the checkpoint
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
    receipt(entry, Contents::Gap(gap), index, checkpoint, read)
}
