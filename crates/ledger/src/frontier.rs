//! The right edge of the growing tree: all a writer must remember to append and to know the root.

use crate::merkle::{self, Hash, node_hash, subtrees};
use crate::tile::{TILE_HEIGHT, TILE_WIDTH, Tiles, hashes_at};
use crate::{LedgerError, Tile, TileId};

/// The edge of a tree of some size.
///
/// Appending costs two hashes a leaf on average, and the root one per set bit of the size, however large
/// the tree.
/// It is small (8 KiB per started tile level): a writer clones it, appends, commits the tiles, and keeps
/// the clone only if the commit succeeded.
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
        // A set bit of the size is a perfect subtree, and a hash run of the partial tile of its level.
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
fn levels(size: u64) -> u8 {
    size.checked_ilog2()
        .map_or(0, |height| (height / TILE_HEIGHT) as u8 + 1)
}
