//! A small log in memory: what it signs, and the proofs of how it grew.

use std::collections::HashMap;

use ledger::{
    AddCheckpoint, Checkpoint, Frontier, NoteKey, SignatureType, TileId, VerifierKey, leaf_hash,
    prove_consistency,
};

/// A log that can be cloned, and so shown in two versions.
#[derive(Clone)]
pub struct Log {
    seed: u8,
    frontier: Frontier,
    tiles: HashMap<(u8, u64), Vec<u8>>,
}

impl Log {
    /// An empty log with a key of its own.
    pub fn new(seed: u8) -> Self {
        let (frontier, tiles) = (Frontier::new(), HashMap::new());
        Self {
            seed,
            frontier,
            tiles,
        }
    }

    /// The key that signs it.
    pub fn key(&self) -> NoteKey {
        let name = format!("log{}.example", self.seed);
        NoteKey::from_seed(&name, &[self.seed; 32]).expect("it is a name")
    }

    /// The key that verifies it.
    pub fn verifier(&self) -> VerifierKey {
        self.key().verifier(SignatureType::Ed25519)
    }

    /// The log with so many more leaves, which `mark` makes different from others.
    pub fn grown(&self, leaves: u64, mark: u64) -> Self {
        let mut grown = self.clone();
        let leaf = |it: u64| leaf_hash(&[mark.to_be_bytes(), it.to_be_bytes()].concat());
        let leaves: Vec<_> = (0..leaves).map(leaf).collect();
        for tile in grown.frontier.append(&leaves) {
            let tiles = &mut grown.tiles;
            tiles.insert((tile.id.level, tile.id.index), tile.hashes);
        }
        grown
    }

    /// What it commits to.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            origin: self.key().name().to_owned(),
            size: self.frontier.size(),
            root: self.frontier.root(),
        }
    }

    /// The request to cosign it, with the proof from an earlier size.
    pub fn request(&self, old_size: u64) -> AddCheckpoint {
        let checkpoint = self.checkpoint();
        let read = |id: TileId| self.tiles.get(&(id.level, id.index)).cloned();
        AddCheckpoint {
            old_size,
            proof: prove_consistency(old_size, checkpoint.size, read).expect("it grew"),
            checkpoint: checkpoint.sign(&self.key()).expect("it is its key"),
        }
    }
}
