//! The rule for a checkpoint: only a tree that continues the one signed before is signed or served.

use ledger::{
    Checkpoint, Frontier, Hash, LedgerError, Note, NoteKey, SignatureType, TileId,
    prove_consistency, tiles_for_consistency, verify_consistency,
};

/// The tiles [`sign`] will read to go from the `previous` size to `size`.
pub(crate) fn tiles_to_verify(previous: u64, size: u64) -> Result<Vec<TileId>, LedgerError> {
    let mut ids = Frontier::right_edge(size);
    ids.extend(tiles_for_consistency(previous, size)?);
    Ok(ids)
}

/// Reads a checkpoint that this key signed under this name.
///
/// # Errors
/// [`LedgerError::SignatureMissing`] if another key or another log signed it.
pub(crate) fn open(key: &NoteKey, note: &str) -> Result<Checkpoint, LedgerError> {
    Checkpoint::open(&Note::parse(note)?, &key.verifier(SignatureType::Ed25519))
}

/// Signs the tree of this size and root, if the stored tiles have that root and continue the tree
/// of the `previous` checkpoint.
///
/// A log that signs two trees that disagree has lost its only virtue, so a fault of the storage, or
/// of ours, must stop it before the signature.
pub(crate) fn sign(
    key: &NoteKey,
    previous: Option<&str>,
    size: u64,
    root: Hash,
    read: impl Fn(TileId) -> Option<Vec<u8>>,
) -> Result<Note, LedgerError> {
    let previous = previous.map(|it| open(key, it)).transpose()?;
    continues(previous.as_ref(), size, root, read)?;
    let origin = key.name().to_owned();
    Checkpoint { origin, size, root }.sign(key)
}

/// Whether the stored tiles have this root, and continue the tree of the `previous` checkpoint.
pub(crate) fn continues(
    previous: Option<&Checkpoint>,
    size: u64,
    root: Hash,
    read: impl Fn(TileId) -> Option<Vec<u8>>,
) -> Result<(), LedgerError> {
    if Frontier::restore(size, &read)?.root() != root {
        return Err(LedgerError::RootMismatch);
    }
    if let Some(previous) = previous {
        let proof = prove_consistency(previous.size, size, &read)?;
        verify_consistency(previous.size, &previous.root, size, &root, &proof)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use ledger::leaf_hash;

    use super::*;

    /// A tree of `size` leaves, with its tiles by place.
    fn tree(size: u64, first_leaf: &[u8]) -> (Frontier, HashMap<(u8, u64), Vec<u8>>) {
        let mut leaves = vec![leaf_hash(first_leaf)];
        leaves.extend((1..size).map(|it| leaf_hash(&it.to_be_bytes())));
        let mut frontier = Frontier::new();
        let tiles = frontier.append(&leaves);
        (
            frontier,
            tiles
                .into_iter()
                .map(|it| ((it.id.level, it.id.index), it.hashes))
                .collect(),
        )
    }

    fn key() -> NoteKey {
        NoteKey::from_seed("vow.local/log", &[1; 32]).unwrap()
    }

    fn signed(size: u64, first_leaf: &[u8], previous: Option<&str>) -> Result<Note, LedgerError> {
        let (frontier, tiles) = tree(size, first_leaf);
        let read = |id: TileId| tiles.get(&(id.level, id.index)).cloned();
        sign(&key(), previous, size, frontier.root(), read)
    }

    #[test]
    fn a_tree_that_continues_the_last_is_signed() {
        let mut previous: Option<String> = None;
        for size in [1, 2, 255, 256, 257, 600] {
            let note = signed(size, b"first", previous.as_deref()).unwrap();
            previous = Some(note.to_string());
        }
    }

    #[test]
    fn a_tree_that_rewrites_the_last_is_not_signed() {
        let previous = signed(300, b"first", None).unwrap().to_string();
        for size in [300, 301, 600] {
            let rewritten = signed(size, b"other", Some(&previous));
            assert_eq!(rewritten.err(), Some(LedgerError::RootMismatch), "{size}");
        }
    }

    #[test]
    fn a_tree_that_shrank_is_not_signed() {
        let previous = signed(300, b"first", None).unwrap().to_string();
        assert!(signed(299, b"first", Some(&previous)).is_err());
    }

    #[test]
    fn a_tree_after_a_checkpoint_of_another_key_log_or_text_is_not_signed() {
        let (frontier, tiles) = tree(5, b"first");
        let read = |id: TileId| tiles.get(&(id.level, id.index)).cloned();
        let by = |origin, seed| {
            let key = NoteKey::from_seed(origin, &[seed; 32]).unwrap();
            let note = sign(&key, None, 5, frontier.root(), read).unwrap();
            note.to_string()
        };
        let own = by("vow.local/log", 1);
        for (previous, refusal) in [
            (own.clone(), None),
            (by("vow.local/log", 2), Some(LedgerError::SignatureMissing)),
            (by("other/log", 1), Some(LedgerError::SignatureMissing)),
            (
                own.replace("\n5\n", "\n4\n"),
                Some(LedgerError::SignatureInvalid),
            ),
        ] {
            let signed = sign(&key(), Some(&previous), 5, frontier.root(), read);
            assert_eq!(signed.err(), refusal, "{previous}");
        }
    }

    #[test]
    fn tiles_with_another_root_are_not_signed() {
        let (_, tiles) = tree(5, b"first");
        let read = |id: TileId| tiles.get(&(id.level, id.index)).cloned();
        let refused = sign(&key(), None, 5, leaf_hash(b"other"), read);
        assert_eq!(refused.err(), Some(LedgerError::RootMismatch));
    }
}
