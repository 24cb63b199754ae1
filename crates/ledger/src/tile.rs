//! Where a hash of the tree is kept: tile coordinates and paths (C2SP tlog-tiles).

use std::collections::BTreeMap;
use std::fmt;

use crate::merkle::{Hash, Subtree};
use crate::{BundleId, LedgerError};

/// Hashes in a full tile, and entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;

/// Tree levels in one tile level.
pub(crate) const TILE_HEIGHT: u32 = 8;

const HASH_BYTES: usize = size_of::<Hash>();
const LEVEL_MAX: u8 = 63;

/// The coordinates of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// Zero for leaf hashes; each hash of a level covers a full tile of the level below.
    pub level: u8,
    /// Place within the level, from zero.
    pub index: u64,
    /// How many hashes it holds, 1 to 256; fewer than 256 only at the right edge of a tree.
    pub width: u16,
}

/// A tile with its hashes, one after the other, 32 bytes each.
///
/// A tile only ever grows: what a narrower one held is the beginning of the wider one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// Its coordinates.
    pub id: TileId,
    /// `32 * id.width` bytes.
    pub hashes: Vec<u8>,
}

impl TileId {
    /// The tile as a tree of this size has it; `None` if no hash of it exists yet.
    pub fn in_tree(level: u8, index: u64, size: u64) -> Option<Self> {
        let hashes = hashes_at(level, size);
        let width = width_at(index, hashes)?;
        Some(Self {
            level,
            index,
            width,
        })
    }

    /// The tile that holds a perfect subtree, and the places in it that make up the subtree's hash.
    fn holding(subtree: Subtree, size: u64) -> Option<(Self, std::ops::Range<usize>)> {
        let level = u8::try_from(subtree.height / TILE_HEIGHT).ok()?;
        let span = subtree.height % TILE_HEIGHT;
        let first = subtree.index << span;
        let start = (first % u64::from(TILE_WIDTH)) as usize;
        let id = Self::in_tree(level, first / u64::from(TILE_WIDTH), size)?;
        Some((id, start..start + (1 << span)))
    }
}

/// Hashes that a tree of this size has at a tile level.
pub(crate) fn hashes_at(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level) * TILE_HEIGHT)
        .unwrap_or(0)
}

/// The width of the tile or bundle at `index`, of `total` hashes or entries; `None` if it has none.
pub(crate) fn width_at(index: u64, total: u64) -> Option<u16> {
    let before = index.checked_mul(u64::from(TILE_WIDTH))?;
    let width = total.checked_sub(before)?.min(u64::from(TILE_WIDTH)) as u16;
    (width > 0).then_some(width)
}

/// Something a tile server serves below its prefix: `tile/<level>/<index>[.p/<width>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TilePath {
    /// A tile of hashes.
    Hashes(TileId),
    /// A bundle of entries: `tile/entries/<index>[.p/<width>]`.
    Entries(BundleId),
}

impl TilePath {
    /// Reads a path without its leading slash.
    ///
    /// # Errors
    /// [`LedgerError::TilePathMalformed`] unless it is spelled exactly as `Display` spells it.
    pub fn parse(path: &str) -> Result<Self, LedgerError> {
        Self::parse_loosely(path)
            // Leading zeros, plus signs and needless groups all fail to come out as they went in.
            .filter(|parsed| parsed.to_string() == path)
            .ok_or(LedgerError::TilePathMalformed)
    }

    fn parse_loosely(path: &str) -> Option<Self> {
        let (level, place) = path.strip_prefix("tile/")?.split_once('/')?;
        let (groups, width) = match place.split_once(".p/") {
            Some((groups, width)) => (groups, width.parse().ok()?),
            None => (place, TILE_WIDTH),
        };
        let mut index: u64 = 0;
        for group in groups.split('/') {
            let digits: u64 = group.strip_prefix('x').unwrap_or(group).parse().ok()?;
            index = index.checked_mul(1000)?.checked_add(digits)?;
        }
        if !(1..=TILE_WIDTH).contains(&width) {
            return None;
        }
        if level == "entries" {
            return Some(Self::Entries(BundleId { index, width }));
        }
        let level = level.parse().ok().filter(|level| *level <= LEVEL_MAX)?;
        Some(Self::Hashes(TileId {
            level,
            index,
            width,
        }))
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, width) = match self {
            Self::Hashes(id) => {
                write!(formatter, "tile/{}", id.level)?;
                (id.index, id.width)
            }
            Self::Entries(id) => {
                formatter.write_str("tile/entries")?;
                (id.index, id.width)
            }
        };
        write_index(formatter, index)?;
        if width < TILE_WIDTH {
            write!(formatter, ".p/{width}")
        } else {
            Ok(())
        }
    }
}

/// Writes groups of three digits, all but the last marked `x`: 1234067 is `/x001/x234/067`.
fn write_index(formatter: &mut fmt::Formatter<'_>, index: u64) -> fmt::Result {
    let mut groups = vec![index % 1000];
    let mut rest = index / 1000;
    while rest > 0 {
        groups.push(rest % 1000);
        rest /= 1000;
    }
    for group in groups.iter().skip(1).rev() {
        write!(formatter, "/x{group:03}")?;
    }
    write!(formatter, "/{:03}", groups[0])
}

/// The tiles one computation over a tree needs, each read once.
pub(crate) struct Tiles {
    size: u64,
    held: BTreeMap<TileId, Vec<Hash>>,
}

impl Tiles {
    /// The ids of the tiles that hold these subtrees, without repeats.
    pub(crate) fn needed(subtrees: &[Subtree], size: u64) -> Vec<TileId> {
        let mut ids: Vec<_> = subtrees
            .iter()
            .filter_map(|subtree| TileId::holding(*subtree, size).map(|(id, _)| id))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Reads the tiles; one that comes wider than asked for, from a later tree, is cut to width.
    pub(crate) fn read(
        ids: Vec<TileId>,
        size: u64,
        mut read: impl FnMut(TileId) -> Option<Vec<u8>>,
    ) -> Result<Self, LedgerError> {
        let mut held = BTreeMap::new();
        for id in ids {
            let bytes = read(id).ok_or(LedgerError::TileMissing(id))?;
            let wanted = usize::from(id.width) * HASH_BYTES;
            let bytes = bytes.get(..wanted).ok_or(LedgerError::TileTooShort(id))?;
            let (hashes, _) = bytes.as_chunks();
            held.insert(id, hashes.to_vec());
        }
        Ok(Self { size, held })
    }

    /// The hashes of a tile that was read.
    pub(crate) fn hashes(&self, id: TileId) -> Option<&[Hash]> {
        self.held.get(&id).map(Vec::as_slice)
    }

    /// The hash of a subtree whose tile was read.
    pub(crate) fn hash(&self, subtree: Subtree) -> Hash {
        TileId::holding(subtree, self.size)
            .and_then(|(id, places)| self.hashes(id)?.get(places))
            .map(crate::merkle::root)
            .expect("the tiles were chosen by the same arithmetic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(level: u8, index: u64, width: u16) -> TilePath {
        TilePath::Hashes(TileId {
            level,
            index,
            width,
        })
    }

    fn entries(index: u64, width: u16) -> TilePath {
        TilePath::Entries(BundleId { index, width })
    }

    #[test]
    fn paths_are_spelled_and_read_alike() {
        let cases = [
            (hashes(0, 0, 256), "tile/0/000"),
            (hashes(0, 0, 5), "tile/0/000.p/5"),
            (hashes(1, 999, 255), "tile/1/999.p/255"),
            (hashes(0, 1000, 1), "tile/0/x001/000.p/1"),
            (hashes(63, 1_234_067, 256), "tile/63/x001/x234/067"),
            (entries(0, 256), "tile/entries/000"),
            (entries(0, 5), "tile/entries/000.p/5"),
            (entries(1_234_067, 112), "tile/entries/x001/x234/067.p/112"),
            (
                hashes(0, u64::MAX, 256),
                "tile/0/x018/x446/x744/x073/x709/x551/615",
            ),
        ];
        for (path, spelled) in cases {
            assert_eq!(path.to_string(), spelled);
            assert_eq!(TilePath::parse(spelled), Ok(path));
        }
    }

    #[test]
    fn any_other_spelling_is_refused() {
        let refused = [
            "",
            "tile",
            "tile/0",
            "tile/0/",
            "tile/64/000",
            "tile/00/000",
            "tile/+1/000",
            "tile/data/000",
            "/tile/0/000",
            "tile/0/0",
            "tile/0/0000",
            "tile/0/+00",
            "tile/0/x000/001",
            "tile/0/001/000",
            "tile/0/x001",
            "tile/0/x001/x000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/000.p/5/",
            "tile/0/000.p/5.p/5",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/entries/x000/000",
        ];
        for path in refused {
            assert_eq!(
                TilePath::parse(path),
                Err(LedgerError::TilePathMalformed),
                "{path}"
            );
        }
    }

    #[test]
    fn a_tree_of_seventy_thousand_has_the_tiles_of_the_reference() {
        let cases = [
            (0, 0, Some(256)),
            (0, 272, Some(256)),
            (0, 273, Some(112)),
            (0, 274, None),
            (1, 0, Some(256)),
            (1, 1, Some(17)),
            (1, 2, None),
            (2, 0, Some(1)),
            (2, 1, None),
            (3, 0, None),
            (8, 0, None),
            (63, 0, None),
            (0, u64::MAX, None),
        ];
        for (level, index, width) in cases {
            let id = TileId::in_tree(level, index, 70_000);
            assert_eq!(
                id.map(|id| id.width),
                width,
                "tile {index} of level {level}"
            );
        }
    }
}
