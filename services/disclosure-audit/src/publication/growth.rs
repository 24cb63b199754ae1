//! The growth of a published tree into a signed one, as the objects that a tile store holds of it.

use std::collections::{BTreeMap, HashMap};

use ledger::{
    BundleId, Checkpoint, ENTRY_BYTES, Frontier, Hash, TILE_WIDTH, Tile, TileId, TilePath,
    leaf_hash, write_bundle,
};

use crate::error::Error;
use crate::store::Store;
use crate::tile_store::Object;

/// A multiple of the width of a tile: a few megabytes.
const ENTRIES_PER_STEP: u64 = 64 * TILE_WIDTH as u64;
const LENGTH_BYTES: usize = size_of::<u16>();

/// A tree that grows from the entries themselves, step by step.
///
/// Each step is proved to lie inside the signed tree before any of it is given out. So nothing is
/// ever published that its checkpoint does not cover.
pub(super) struct Growth {
    edge: Frontier,
    /// Tiles that the next step may widen.
    open: BTreeMap<(u8, u64), Tile>,
}

impl Growth {
    /// Grows from the edge of a published tree.
    pub(super) fn new(edge: Frontier) -> Self {
        let open = BTreeMap::new();
        Self { edge, open }
    }

    /// The next objects on the way to the signed tree; `None` when it is reached.
    ///
    /// # Errors
    /// [`Error::LogCorrupt`] if the entries do not lead there.
    pub(super) async fn step(
        &mut self,
        store: &Store,
        signed: &Checkpoint,
    ) -> Result<Option<Vec<Object>>, Error> {
        let size = self.edge.size();
        if size >= signed.size {
            return Ok(None);
        }
        // From the beginning of a bundle, which may have been published in part.
        let from = size - size % u64::from(TILE_WIDTH);
        let until = signed.size.min(from + ENTRIES_PER_STEP);
        let entries = store.entry_bytes(from, until).await?;
        let leaves: Vec<_> = entries.iter().map(|it| leaf_hash(it)).collect();
        let grown = self.edge.append(&leaves[(size - from) as usize..]);
        let reached = Checkpoint {
            origin: signed.origin.clone(),
            size: until,
            root: self.edge.root(),
        };
        if !store.continues(&reached, signed).await? {
            return Err(Error::LogCorrupt);
        }
        self.open
            .extend(grown.into_iter().map(|it| ((it.id.level, it.id.index), it)));
        let done = until == signed.size;
        let ready = self
            .open
            .extract_if(.., |_, it| done || it.id.width == TILE_WIDTH);
        let mut objects = Vec::new();
        for (_, tile) in ready {
            if tile.id.level == 0 {
                let start = (tile.id.index * u64::from(TILE_WIDTH) - from) as usize;
                let within = start..start + usize::from(tile.id.width);
                objects.push(bundle(&tile, &entries[within.clone()], &leaves[within])?);
            }
            objects.push(Object {
                path: TilePath::Hashes(tile.id),
                bytes: tile.hashes,
            });
        }
        Ok(Some(objects))
    }

    /// The edge of the tree that was reached.
    pub(super) fn into_edge(self) -> Frontier {
        self.edge
    }
}

/// The entries below a tile of leaves.
fn bundle(tile: &Tile, entries: &[Vec<u8>], leaves: &[Hash]) -> Result<Object, Error> {
    // The first of them may have been in the tree before this growth.
    if tile.hashes != leaves.as_flattened() {
        return Err(Error::LogCorrupt);
    }
    let TileId { index, width, .. } = tile.id;
    let bytes = write_bundle(entries.iter().map(Vec::as_slice));
    Ok(Object {
        path: TilePath::Entries(BundleId { index, width }),
        bytes: bytes.map_err(|_| Error::LogCorrupt)?,
    })
}

/// How many objects of a tree of this size are not kept whole.
pub(super) fn missing(size: u64, kept: &HashMap<String, u64>) -> usize {
    paths(size).filter(|it| !is_kept(it, kept)).count()
}

/// Whether the object is among those that are kept whole.
pub(super) fn is_kept(path: &TilePath, kept: &HashMap<String, u64>) -> bool {
    kept.get(&path.to_string()) == Some(&length(path))
}

/// The tiles and bundles that are full in a tree of the `new` size and were partial in the `old` one.
pub(super) fn filled(old: u64, new: u64) -> Vec<TilePath> {
    let edge = Frontier::right_edge(old).into_iter();
    let full = edge.filter_map(|it| TileId::in_tree(it.level, it.index, new));
    let full = full.filter(|it| it.width == TILE_WIDTH);
    full.flat_map(objects_at).collect()
}

/// Everything that a tree of this size consists of.
fn paths(size: u64) -> impl Iterator<Item = TilePath> {
    let at = move |level| {
        let tiles = (0..).map_while(move |index| TileId::in_tree(level, index, size));
        tiles.flat_map(objects_at)
    };
    (0..=u8::MAX)
        .take_while(move |level| TileId::in_tree(*level, 0, size).is_some())
        .flat_map(at)
}

fn objects_at(id: TileId) -> impl Iterator<Item = TilePath> {
    let TileId { index, width, .. } = id;
    let bundle = (id.level == 0).then_some(TilePath::Entries(BundleId { index, width }));
    bundle.into_iter().chain([TilePath::Hashes(id)])
}

/// How long an object is. All entries of this log are equally long.
fn length(path: &TilePath) -> u64 {
    let (width, each) = match path {
        TilePath::Hashes(id) => (id.width, size_of::<Hash>()),
        TilePath::Entries(id) => (id.width, LENGTH_BYTES + ENTRY_BYTES),
    };
    u64::from(width) * each as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(paths: impl IntoIterator<Item = TilePath>) -> Vec<String> {
        paths.into_iter().map(|it| it.to_string()).collect()
    }

    #[test]
    fn a_tree_consists_of_its_tiles_and_bundles() {
        assert_eq!(spelled(paths(0)), [""; 0]);
        let expected = [
            "tile/entries/000",
            "tile/0/000",
            "tile/entries/001.p/44",
            "tile/0/001.p/44",
            "tile/1/000.p/1",
        ];
        assert_eq!(spelled(paths(300)), expected);
    }

    #[test]
    fn what_is_absent_or_cut_short_is_missing() {
        let whole: HashMap<_, _> = paths(300).map(|it| (it.to_string(), length(&it))).collect();
        assert_eq!(missing(300, &whole), 0);
        assert_eq!(missing(301, &whole), 2);
        let mut cut = whole.clone();
        cut.insert("tile/0/000".to_owned(), 8_191);
        cut.remove("tile/entries/001.p/44");
        assert_eq!(missing(300, &cut), 2);
    }

    #[test]
    fn partial_objects_are_filled_by_growth() {
        assert_eq!(spelled(filled(300, 511)), [""; 0]);
        assert_eq!(
            spelled(filled(300, 512)),
            ["tile/entries/001", "tile/0/001"]
        );
        assert_eq!(spelled(filled(512, 65_536)), ["tile/1/000"]);
        assert_eq!(spelled(filled(0, 512)), [""; 0]);
    }
}
