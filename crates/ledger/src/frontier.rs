//! The right edge of the growing tree: all a writer must remember to append and to know the root.

use crate::merkle::{self, Hash, node_hash, subtrees};
use crate::tile::{TILE_HEIGHT, TILE_WIDTH, Tiles, hashes_at};
use crate::{LedgerError, Tile, TileId};

/// The edge of a tree of some size.
///
/// Appending costs one hash a leaf on average, and the root one per set bit of the size, however
/// large the tree.
/// It is small (8 KiB per started tile level): a writer clones it, appends, commits the tiles, and
/// keeps the clone only if the commit succeeded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// The hashes of the perfect subtrees that make up the tree, largest first.
    peaks: Vec<Hash>,
    /// Per tile level, the hashes of the tile that is being filled; empty when it is full.
    edge: Vec<Vec<Hash>>,
}

impl Frontier {
    /// The edge of the empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// The partial tiles from which [`Frontier::restore`] takes up a tree of this size.
    pub fn right_edge(size: u64) -> Vec<TileId> {
        (0..levels(size))
            .filter_map(|level| {
                let hashes = hashes_at(level, size);
                TileId::in_tree(level, hashes / u64::from(TILE_WIDTH), size)
            })
            .collect()
    }

    /// Takes up a tree where its stored tiles left off.
    ///
    /// `read` gives the bytes of a tile, or of a wider one at the same place.
    ///
    /// # Errors
    /// [`LedgerError::TileMissing`] or [`LedgerError::TileTooShort`].
    /// Wrong hashes are not noticed here: compare [`Frontier::root`] with the last checkpoint.
    pub fn restore(
        size: u64,
        read: impl FnMut(TileId) -> Option<Vec<u8>>,
    ) -> Result<Self, LedgerError> {
        let ids = Self::right_edge(size);
        let tiles = Tiles::read(ids.clone(), size, read)?;
        let mut edge = vec![Vec::new(); usize::from(levels(size))];
        for id in ids {
            edge[usize::from(id.level)] = tiles.hashes(id).unwrap_or_default().to_vec();
        }
        // A set bit of the size is a perfect subtree, and a hash run of the partial tile of its
        // level.
        let peaks = subtrees(&(0..size))
            .into_iter()
            .map(|peak| tiles.hash(peak))
            .collect();
        Ok(Self { size, peaks, edge })
    }

    /// Leaves in the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        merkle::fold(&self.peaks)
    }

    /// Appends leaf hashes in order and gives every tile that changed, at its new width.
    pub fn append(&mut self, leaves: &[Hash]) -> Vec<Tile> {
        let before = self.size;
        let mut changed = Vec::new();
        for leaf in leaves {
            self.append_leaf(*leaf, &mut changed);
        }
        let grown = |level: &u8| hashes_at(*level, self.size) > hashes_at(*level, before);
        changed.extend(
            (0..levels(self.size))
                .filter(grown)
                .filter_map(|level| self.partial(level)),
        );
        changed
    }

    fn append_leaf(&mut self, leaf: Hash, full: &mut Vec<Tile>) {
        let mut hash = leaf;
        let mut height = 0;
        loop {
            if height % TILE_HEIGHT == 0 {
                full.extend(self.push(height / TILE_HEIGHT, hash));
            }
            // A set bit of the size is a subtree of this height, waiting for its right sibling.
            if (self.size >> height) & 1 == 0 {
                break;
            }
            let left = self
                .peaks
                .pop()
                .expect("the tree has a peak for every set bit of its size");
            hash = node_hash(&left, &hash);
            height += 1;
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// Adds a hash to the edge of a tile level and gives the tile if that filled it.
    fn push(&mut self, level: u32, hash: Hash) -> Option<Tile> {
        let level = level as usize;
        if self.edge.len() == level {
            self.edge.push(Vec::new());
        }
        let edge = &mut self.edge[level];
        edge.push(hash);
        if edge.len() < usize::from(TILE_WIDTH) {
            return None;
        }
        let hashes = std::mem::take(edge).concat();
        let index = hashes_at(level as u8, self.size) / u64::from(TILE_WIDTH);
        Some(Tile {
            id: TileId {
                level: level as u8,
                index,
                width: TILE_WIDTH,
            },
            hashes,
        })
    }

    fn partial(&self, level: u8) -> Option<Tile> {
        let index = hashes_at(level, self.size) / u64::from(TILE_WIDTH);
        let id = TileId::in_tree(level, index, self.size)?;
        Some(Tile {
            id,
            hashes: self.edge[usize::from(level)].concat(),
        })
    }
}

/// Tile levels that a tree of this size has begun.
pub(crate) fn levels(size: u64) -> u8 {
    size.checked_ilog2()
        .map_or(0, |height| (height / TILE_HEIGHT) as u8 + 1)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::merkle::tests::{hex, leaves};

    /// What a database keeps: the widest version of each tile.
    #[derive(Default)]
    pub(crate) struct Store(pub(crate) BTreeMap<(u8, u64), Vec<u8>>);

    impl Store {
        pub(crate) fn keep(&mut self, tiles: Vec<Tile>) {
            for Tile { id, hashes } in tiles {
                assert_eq!(hashes.len(), usize::from(id.width) * 32);
                let earlier = self
                    .0
                    .insert((id.level, id.index), hashes)
                    .unwrap_or_default();
                assert!(
                    self.0[&(id.level, id.index)].starts_with(&earlier),
                    "a tile was rewritten"
                );
            }
        }

        pub(crate) fn read(&self, id: TileId) -> Option<Vec<u8>> {
            self.0.get(&(id.level, id.index)).cloned()
        }
    }

    #[test]
    fn the_tile_of_five_entries_is_the_worked_vector() {
        let mut frontier = Frontier::new();
        let tiles = frontier.append(&leaves(5));
        let [tile] = tiles.as_slice() else {
            panic!("one tile changed")
        };
        assert_eq!(
            tile.id,
            TileId {
                level: 0,
                index: 0,
                width: 5
            }
        );
        let expected = "989366cfb10f5dd2da8b8bbc2edde16e26bab99ce76da96f93e2cc246fe2f758";
        assert_eq!(hex(&Sha256::digest(&tile.hashes)), expected);
    }

    #[test]
    fn appending_nothing_changes_nothing() {
        let mut frontier = Frontier::new();
        frontier.append(&leaves(300));
        let before = frontier.clone();
        assert_eq!(frontier.append(&[]), []);
        assert_eq!(frontier, before);
    }

    #[test]
    fn a_batch_yields_the_tiles_it_filled_and_those_it_began() {
        type Coordinates = (u8, u64, u16);
        let coordinates = |tiles: Vec<Tile>| -> Vec<Coordinates> {
            tiles
                .iter()
                .map(|tile| (tile.id.level, tile.id.index, tile.id.width))
                .collect()
        };
        let leaves = leaves(600);
        let mut frontier = Frontier::new();
        let cases: [(usize, &[Coordinates]); 5] = [
            (255, &[(0, 0, 255)]),
            (256, &[(0, 0, 256), (1, 0, 1)]),
            (257, &[(0, 1, 1)]),
            (511, &[(0, 1, 255)]),
            (600, &[(0, 1, 256), (0, 2, 88), (1, 0, 2)]),
        ];
        for (size, expected) in cases {
            let from = frontier.size() as usize;
            assert_eq!(
                coordinates(frontier.append(&leaves[from..size])),
                expected,
                "to {size}"
            );
        }
    }

    proptest! {
        // Trees are rebuilt for every case, hash by hash.
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn batches_of_any_size_make_the_same_tree(
            batches in proptest::collection::vec(0usize..200, 0..6),
        ) {
            let leaves = leaves(batches.iter().sum::<usize>() as u64);
            let (mut frontier, mut store) = (Frontier::new(), Store::default());
            let mut rest = leaves.as_slice();
            for batch in batches {
                let (now, later) = rest.split_at(batch);
                store.keep(frontier.append(now));
                rest = later;
                let appended = &leaves[..frontier.size() as usize];
                prop_assert_eq!(frontier.root(), merkle::root(appended));
                let restored = Frontier::restore(frontier.size(), |id| store.read(id));
                prop_assert_eq!(restored.as_ref(), Ok(&frontier));
            }
            prop_assert_eq!(rest.len(), 0);
        }
    }

    #[test]
    fn a_tree_three_tile_levels_high_is_restored_and_grows_on() {
        let leaves = leaves(70_000);
        let (mut frontier, mut store) = (Frontier::new(), Store::default());
        for batch in leaves.chunks(9_973) {
            store.keep(frontier.append(batch));
        }
        assert_eq!(frontier.root(), merkle::root(&leaves));
        let widths: Vec<_> = Frontier::right_edge(70_000)
            .iter()
            .map(|id| id.width)
            .collect();
        assert_eq!(widths, [112, 17, 1]);
        // The store has grown past these sizes, as after a crash between tiles and checkpoint.
        for size in [65_535, 65_536, 65_537] {
            let mut restored = Frontier::restore(size, |id| store.read(id)).unwrap();
            assert_eq!(restored.root(), merkle::root(&leaves[..size as usize]));
            restored.append(&leaves[size as usize..]);
            assert_eq!(restored, frontier);
        }
    }

    #[test]
    fn a_missing_or_torn_tile_is_refused() {
        let (mut frontier, mut store) = (Frontier::new(), Store::default());
        store.keep(frontier.append(&leaves(300)));
        let id = TileId {
            level: 0,
            index: 1,
            width: 44,
        };
        let torn = |_| Some(vec![0; 44 * 32 - 1]);
        assert_eq!(
            Frontier::restore(300, torn),
            Err(LedgerError::TileTooShort(id))
        );
        let missing = |id: TileId| if id.level == 0 { None } else { store.read(id) };
        assert_eq!(
            Frontier::restore(300, missing),
            Err(LedgerError::TileMissing(id))
        );
    }
}
