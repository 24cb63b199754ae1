//! A whole log against one checkpoint: every tile and every entry, from the signed root down.

use std::collections::BTreeMap;

use crate::frontier::levels;
use crate::merkle::{self, Hash, empty_root, leaf_hash};
use crate::tile::{TILE_HEIGHT, TILE_WIDTH};
use crate::{BundleId, Frontier, LedgerError, TileId, TilePath, parse_bundle};

/// Everything that a log of some size holds under its checkpoint, each thing after what proves it.
///
/// ```text
/// partial tiles at the right edge ──▶ the root
/// a full tile  ──▶ one hash of the tile above it
/// a bundle     ──▶ the hashes of the tile above it
/// ```
///
/// First the right edge, then the bundles from the left, before each the full tiles that begin
/// there, from the top.
#[derive(Debug, Clone)]
pub struct LogPaths {
    size: u64,
    bundle: u64,
    /// The next is the last.
    ahead: Vec<TilePath>,
}

impl LogPaths {
    /// The paths of a log of this size.
    pub fn new(size: u64) -> Self {
        let edge = Frontier::right_edge(size).into_iter().rev();
        Self {
            size,
            bundle: 0,
            ahead: edge.map(TilePath::Hashes).collect(),
        }
    }
}

impl Iterator for LogPaths {
    type Item = TilePath;

    fn next(&mut self) -> Option<TilePath> {
        if let Some(path) = self.ahead.pop() {
            return Some(path);
        }
        let bundle = BundleId::in_log(self.bundle, self.size)?;
        self.ahead.push(TilePath::Entries(bundle));
        for level in 0..levels(self.size) {
            let span = u32::from(level) * TILE_HEIGHT;
            let begins_here = self.bundle.trailing_zeros() >= span;
            let tile = TileId::in_tree(level, self.bundle >> span, self.size);
            let full = tile.filter(|it| begins_here && it.width == TILE_WIDTH);
            self.ahead.extend(full.map(TilePath::Hashes));
        }
        self.bundle += 1;
        self.ahead.pop()
    }
}

/// Checks a log against the size and the root that a checkpoint gives it.
///
/// Nothing is believed before something above it, and in the end the root, says what it must be: so
/// the first thing refused is a thing that was altered. It takes a hash a leaf and one a node, and
/// the memory of two tiles a level, however large the log.
#[derive(Debug, Clone)]
pub struct LogCheck {
    paths: LogPaths,
    root: Hash,
    /// The partial tile of each level that has one.
    edge: BTreeMap<u8, Vec<Hash>>,
    /// The full tile of each level that was taken last.
    full: BTreeMap<u8, Vec<Hash>>,
}

impl LogCheck {
    /// Begins with a tree of this size and root.
    ///
    /// # Errors
    /// [`LedgerError::RootMismatch`] for an empty tree with the root of another.
    pub fn new(size: u64, root: Hash) -> Result<Self, LedgerError> {
        if size == 0 && root != empty_root() {
            return Err(LedgerError::RootMismatch);
        }
        Ok(Self {
            paths: LogPaths::new(size),
            root,
            edge: BTreeMap::new(),
            full: BTreeMap::new(),
        })
    }

    /// What [`LogCheck::take`] must be given next, and after it; none once all was taken.
    pub fn paths(&self) -> LogPaths {
        self.paths.clone()
    }

    /// Takes the bytes that stand at the next path, exactly as wide as it says.
    ///
    /// # Errors
    /// [`LedgerError::TileMismatch`], [`LedgerError::BundleMismatch`] or
    /// [`LedgerError::EntryMismatch`] name what was altered. [`LedgerError::RootMismatch`] is about
    /// the tiles at the right edge, which prove each other only together.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), LedgerError> {
        match self.paths.next() {
            Some(TilePath::Hashes(id)) => self.take_tile(id, bytes),
            Some(TilePath::Entries(id)) => self.take_bundle(id, bytes),
            // A log has nothing more to show than its checkpoint covers.
            None => Err(LedgerError::RootMismatch),
        }
    }

    fn take_tile(&mut self, id: TileId, bytes: &[u8]) -> Result<(), LedgerError> {
        let (hashes, rest) = bytes.as_chunks();
        if hashes.len() != usize::from(id.width) || !rest.is_empty() {
            return Err(LedgerError::TileMismatch(id));
        }
        if id.width < TILE_WIDTH {
            self.edge.insert(id.level, hashes.to_vec());
            return self.check_edge();
        }
        let place = (id.index % u64::from(TILE_WIDTH)) as usize;
        let above = self.tile(id.level + 1, id.index / u64::from(TILE_WIDTH));
        if above.get(place) != Some(&merkle::root(hashes)) {
            return Err(LedgerError::TileMismatch(id));
        }
        self.full.insert(id.level, hashes.to_vec());
        Ok(())
    }

    /// Once all of the edge is there, whether it makes the root.
    fn check_edge(&self) -> Result<(), LedgerError> {
        let size = self.paths.size;
        if self.edge.len() < Frontier::right_edge(size).len() {
            return Ok(());
        }
        let read = |id: TileId| Some(self.edge.get(&id.level)?.concat());
        if Frontier::restore(size, read)?.root() == self.root {
            Ok(())
        } else {
            Err(LedgerError::RootMismatch)
        }
    }

    fn take_bundle(&self, id: BundleId, bytes: &[u8]) -> Result<(), LedgerError> {
        let mismatch = LedgerError::BundleMismatch(id);
        let entries = parse_bundle(bytes).map_err(|_| mismatch)?;
        if entries.len() != usize::from(id.width) {
            return Err(mismatch);
        }
        let leaves = self.tile(0, id.index);
        let altered = |(entry, leaf): (&&[u8], &Hash)| leaf_hash(entry) != *leaf;
        match entries.iter().zip(leaves).position(altered) {
            None => Ok(()),
            Some(place) => {
                let index = id.index * u64::from(TILE_WIDTH) + place as u64;
                Err(LedgerError::EntryMismatch(index))
            }
        }
    }

    /// The hashes of a tile that was taken: its paths put each after what proves it.
    fn tile(&self, level: u8, index: u64) -> &[Hash] {
        let id = TileId::in_tree(level, index, self.paths.size);
        let taken = match id {
            Some(id) if id.width == TILE_WIDTH => self.full.get(&level),
            _ => self.edge.get(&level),
        };
        taken.map(Vec::as_slice).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::write_bundle;
    use crate::merkle::tests::Oracle;

    /// A log as it is served, with the root that an implementation not ours gives it.
    struct Log {
        size: u64,
        root: Hash,
        served: BTreeMap<String, Vec<u8>>,
    }

    impl Log {
        fn new(size: u64) -> Self {
            let entries: Vec<_> = (0..size).map(|it| format!("entry-{it}")).collect();
            let leaves: Vec<_> = entries.iter().map(|it| leaf_hash(it.as_bytes())).collect();
            let mut served = BTreeMap::new();
            for tile in Frontier::new().append(&leaves) {
                served.insert(TilePath::Hashes(tile.id).to_string(), tile.hashes);
            }
            for (index, entries) in (0..).zip(entries.chunks(usize::from(TILE_WIDTH))) {
                let id = BundleId::in_log(index, size).unwrap();
                let bundle = write_bundle(entries.iter().map(String::as_bytes)).unwrap();
                served.insert(TilePath::Entries(id).to_string(), bundle);
            }
            // The other implementation takes long for a large tree.
            let root = match size {
                0 => empty_root(),
                1..1_000 => Oracle::new(size).root(),
                _ => merkle::root(&leaves),
            };
            Self { size, root, served }
        }

        fn check(&self) -> Result<(), LedgerError> {
            let mut check = LogCheck::new(self.size, self.root)?;
            for path in check.paths() {
                check.take(&self.served[&path.to_string()])?;
            }
            assert_eq!(check.paths().next(), None);
            Ok(())
        }
    }

    #[test]
    fn a_log_of_any_size_is_walked_whole_and_holds() {
        for size in [
            0, 1, 2, 5, 255, 256, 257, 511, 512, 700, 65_536, 65_793, 66_000,
        ] {
            let log = Log::new(size);
            assert_eq!(log.check(), Ok(()), "{size}");
            let walked: Vec<_> = LogPaths::new(size).map(|it| it.to_string()).collect();
            let mut sorted = walked.clone();
            sorted.sort();
            assert!(sorted.iter().eq(log.served.keys()), "{size}");
        }
    }

    #[test]
    fn the_thing_that_was_altered_is_named() {
        let tile = |level, index, width| {
            LedgerError::TileMismatch(TileId {
                level,
                index,
                width,
            })
        };
        let cases = [
            ("tile/0/001", 8_191, tile(0, 1, 256)),
            ("tile/1/000", 0, tile(1, 0, 256)),
            ("tile/entries/000", 5, LedgerError::EntryMismatch(0)),
            ("tile/entries/256", 304, LedgerError::EntryMismatch(65_559)),
            ("tile/1/001.p/1", 31, LedgerError::RootMismatch),
            ("tile/2/000.p/1", 0, LedgerError::RootMismatch),
            ("tile/0/257.p/208", 0, LedgerError::RootMismatch),
            (
                "tile/entries/257.p/208",
                3,
                LedgerError::EntryMismatch(65_792),
            ),
        ];
        let log = Log::new(66_000);
        for (path, byte, expected) in cases {
            let mut altered = Log {
                served: log.served.clone(),
                ..log
            };
            altered.served.get_mut(path).unwrap()[byte] ^= 0x40;
            assert_eq!(altered.check(), Err(expected), "{path}");
        }
    }

    #[test]
    fn a_length_or_a_number_of_entries_that_does_not_fit_is_refused() {
        let log = Log::new(300);
        let tile = TileId {
            level: 0,
            index: 1,
            width: 44,
        };
        let bundle = BundleId {
            index: 1,
            width: 44,
        };
        let cases = [
            ("tile/0/001.p/44", LedgerError::TileMismatch(tile)),
            ("tile/entries/001.p/44", LedgerError::BundleMismatch(bundle)),
        ];
        for (path, expected) in cases {
            let whole = &log.served[path];
            // An empty entry more, an entry less, half an entry, nothing.
            let longer = [whole.as_slice(), &[0, 0]].concat();
            for bytes in [
                &longer,
                &whole[..whole.len() - 11],
                &whole[..whole.len() - 1],
                &[],
            ] {
                let mut altered = Log {
                    served: log.served.clone(),
                    ..log
                };
                altered.served.insert(path.to_owned(), bytes.to_vec());
                assert_eq!(altered.check(), Err(expected), "{path}");
            }
        }
    }

    #[test]
    fn a_tree_rebuilt_over_other_entries_has_another_root() {
        let (log, mut forged) = (Log::new(300), Log::new(301));
        forged.root = log.root;
        assert_eq!(forged.check(), Err(LedgerError::RootMismatch));
        let empty = Log { size: 0, ..log };
        assert_eq!(empty.check(), Err(LedgerError::RootMismatch));
    }

    #[test]
    fn an_entry_rewritten_together_with_the_tile_above_it_is_noticed() {
        let mut log = Log::new(1_000);
        let [bundle, tile] = ["tile/entries/001", "tile/0/001"];
        let mut entries = log.served[bundle].clone();
        entries[2] ^= 1;
        let leaves: Vec<_> = parse_bundle(&entries)
            .unwrap()
            .into_iter()
            .map(leaf_hash)
            .collect();
        log.served.insert(bundle.to_owned(), entries);
        log.served.insert(tile.to_owned(), leaves.concat());
        let (level, index, width) = (0, 1, TILE_WIDTH);
        let rewritten = TileId {
            level,
            index,
            width,
        };
        assert_eq!(log.check(), Err(LedgerError::TileMismatch(rewritten)));
    }

    #[test]
    fn nothing_is_taken_after_the_end() {
        let mut check = LogCheck::new(0, empty_root()).unwrap();
        assert_eq!(check.take(&[]), Err(LedgerError::RootMismatch));
    }

    #[test]
    fn the_paths_of_the_largest_log_overflow_nothing() {
        assert_eq!(LogPaths::new(u64::MAX).take(600).count(), 600);
    }
}
