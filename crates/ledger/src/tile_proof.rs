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
/// [`LedgerError::IndexOutsideTree`], [`LedgerError::TileMissing`] or
/// [`LedgerError::TileTooShort`].
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use proptest::prelude::*;

    use super::*;
    use crate::Frontier;
    use crate::frontier::tests::Store;
    use crate::merkle::tests::{Oracle, leaves};
    use crate::{root, verify_consistency, verify_inclusion};

    fn store(leaves: &[Hash]) -> Store {
        let mut store = Store::default();
        store.keep(Frontier::new().append(leaves));
        store
    }

    proptest! {
        // Trees are rebuilt for every case, hash by hash.
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn proofs_equal_those_of_an_independent_tree(
            size in 1u64..600,
            grown in 0u64..300,
            at in any::<u64>(),
        ) {
            let tree = Oracle::new(size);
            // Proofs for an earlier size come from the wider tiles of a later one.
            let store = store(&leaves(size + grown));
            let (index, old) = (at % size, at % (size + 1));
            let inclusion = prove_inclusion(index, size, |id| store.read(id));
            prop_assert_eq!(inclusion, Ok(tree.inclusion(index)));
            let consistency = prove_consistency(old, size, |id| store.read(id));
            prop_assert_eq!(consistency, Ok(tree.consistency(old)));
        }
    }

    #[test]
    fn proofs_of_a_tree_three_tile_levels_high_verify() {
        let leaves = leaves(70_000);
        let (store, new_root) = (store(&leaves), root(&leaves));
        for index in [0, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999] {
            let proof = prove_inclusion(index, 70_000, |id| store.read(id)).unwrap();
            let leaf = &leaves[index as usize];
            assert_eq!(
                verify_inclusion(leaf, index, 70_000, &proof, &new_root),
                Ok(())
            );
        }
        for old in [0, 1, 300, 65_536, 70_000] {
            let proof = prove_consistency(old, 70_000, |id| store.read(id)).unwrap();
            let old_root = root(&leaves[..old as usize]);
            assert_eq!(
                verify_consistency(old, &old_root, 70_000, &new_root, &proof),
                Ok(())
            );
        }
    }

    #[test]
    fn a_proof_reads_the_tiles_that_were_listed_once_each() {
        let store = store(&leaves(1_000));
        let reads = RefCell::new(Vec::new());
        let read = |id: TileId| {
            reads.borrow_mut().push(id);
            store.read(id)
        };
        prove_inclusion(700, 1_000, read).unwrap();
        assert_eq!(reads.take(), tiles_for_inclusion(700, 1_000).unwrap());
        prove_consistency(300, 1_000, read).unwrap();
        assert_eq!(reads.take(), tiles_for_consistency(300, 1_000).unwrap());
    }

    #[test]
    fn leaves_and_sizes_outside_the_tree_are_refused() {
        let outside = LedgerError::IndexOutsideTree { index: 5, size: 5 };
        assert_eq!(prove_inclusion(5, 5, |_| None), Err(outside));
        assert_eq!(tiles_for_inclusion(5, 5), Err(outside));
        let backwards = LedgerError::SizesOutOfOrder { old: 6, new: 5 };
        assert_eq!(prove_consistency(6, 5, |_| None), Err(backwards));
        assert_eq!(tiles_for_consistency(6, 5), Err(backwards));
    }

    #[test]
    fn a_missing_or_short_tile_is_refused() {
        let id = TileId {
            level: 0,
            index: 0,
            width: 5,
        };
        assert_eq!(
            prove_inclusion(3, 5, |_| None),
            Err(LedgerError::TileMissing(id))
        );
        let short = prove_inclusion(3, 5, |_| Some(vec![0; 4 * 32]));
        assert_eq!(short, Err(LedgerError::TileTooShort(id)));
    }
}
