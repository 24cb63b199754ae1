//! Proofs computed from tiles, without the entries.

use std::ops::Range;

use crate::merkle::{self, Hash, Subtree, consistency_path, inclusion_path, subtrees};
use crate::tile::Tiles;
use crate::{LedgerError, TileId};

/// The tiles [`prove_inclusion`] will read, so that a store can fetch them in one query.
///
/// # Errors
/// [`LedgerError::IndexOutsideTree`].
pub fn tiles_for_inclusion(index: u64, size: u64) -> Result<Vec<TileId>, LedgerError> {
    Ok(Tiles::needed(&parts(&inclusion_path(index, size)?), size))
}

/// The tiles [`prove_consistency`] will read, so that a store can fetch them in one query.
///
/// # Errors
/// [`LedgerError::SizesOutOfOrder`].
pub fn tiles_for_consistency(old: u64, new: u64) -> Result<Vec<TileId>, LedgerError> {
    Ok(Tiles::needed(&parts(&consistency_path(old, new)?), new))
}

/// The proof that a leaf stands at `index` of the tree of this size, the leaf's sibling first.
///
/// `read` gives the bytes of a tile, or of a wider one at the same place.
///
/// # Errors
/// [`LedgerError::IndexOutsideTree`], [`LedgerError::TileMissing`] or [`LedgerError::TileTooShort`].
pub fn prove_inclusion(
    index: u64,
    size: u64,
    read: impl FnMut(TileId) -> Option<Vec<u8>>,
) -> Result<Vec<Hash>, LedgerError> {
    hashes(&inclusion_path(index, size)?, size, read)
}

/// The proof that the tree of size `new` begins with the tree of size `old`, deepest hash first.
///
/// `read` gives the bytes of a tile, or of a wider one at the same place.
///
/// # Errors
/// [`LedgerError::SizesOutOfOrder`], [`LedgerError::TileMissing`] or [`LedgerError::TileTooShort`].
pub fn prove_consistency(
    old: u64,
    new: u64,
    read: impl FnMut(TileId) -> Option<Vec<u8>>,
) -> Result<Vec<Hash>, LedgerError> {
    hashes(&consistency_path(old, new)?, new, read)
}

fn parts(path: &[Range<u64>]) -> Vec<Subtree> {
    path.iter().flat_map(subtrees).collect()
}

fn hashes(
    path: &[Range<u64>],
    size: u64,
    read: impl FnMut(TileId) -> Option<Vec<u8>>,
) -> Result<Vec<Hash>, LedgerError> {
    let tiles = Tiles::read(Tiles::needed(&parts(path), size), size, read)?;
    let hash_of = |range| {
        let hashes: Vec<_> = subtrees(range)
            .into_iter()
            .map(|part| tiles.hash(part))
            .collect();
        merkle::fold(&hashes)
    };
    Ok(path.iter().map(hash_of).collect())
}
