//! RFC 6962 hashing: the tree's root, and which of its parts prove what.

use std::ops::Range;

use base64::prelude::{BASE64_STANDARD, Engine};
use sha2::{Digest, Sha256};

use crate::LedgerError;

/// A SHA-256 hash: of a leaf, a node or a whole tree.
pub type Hash = [u8; 32];

/// The root of the tree without leaves (RFC 6962 section 2.1).
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The hash of an entry as a leaf.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(entry)
        .finalize()
        .into()
}

/// The hash of a node over its two children.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The root of the tree over these leaf hashes.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
            node_hash(&root(left), &root(right))
        }
    }
}

/// Checks that a leaf stands at `index` of the tree with this size and root (RFC 6962 section
/// 2.1.1).
///
/// # Errors
/// [`LedgerError::IndexOutsideTree`], [`LedgerError::ProofLength`] or
/// [`LedgerError::RootMismatch`].
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), LedgerError> {
    let path = inclusion_path(index, size)?;
    if path.len() != proof.len() {
        return Err(LedgerError::ProofLength);
    }
    let mut hash = *leaf;
    for (range, sibling) in path.iter().zip(proof) {
        hash = if range.start > index {
            node_hash(&hash, sibling)
        } else {
            node_hash(sibling, &hash)
        };
    }
    if hash == *root {
        Ok(())
    } else {
        Err(LedgerError::RootMismatch)
    }
}

/// Checks that the new tree begins with all leaves of the old one (RFC 6962 section 2.1.2).
///
/// Every tree is consistent with the empty one, and with itself, by the empty proof.
///
/// # Errors
/// [`LedgerError::SizesOutOfOrder`], [`LedgerError::ProofLength`] or [`LedgerError::RootMismatch`].
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), LedgerError> {
    let path = consistency_path(old_size, new_size)?;
    if path.len() != proof.len() {
        return Err(LedgerError::ProofLength);
    }
    if old_size == 0 {
        let roots_hold = *old_root == empty_root() && (new_size > 0 || *new_root == empty_root());
        return if roots_hold {
            Ok(())
        } else {
            Err(LedgerError::RootMismatch)
        };
    }
    let mut steps = path.iter().zip(proof).peekable();
    // An old tree that is one perfect subtree of the new one is its own starting point; otherwise
    // the proof opens with the last perfect subtree of the old tree.
    let start = match steps.next_if(|(range, _)| range.end == old_size) {
        Some((_, subtree)) => *subtree,
        None => *old_root,
    };
    let (mut old, mut new) = (start, start);
    for (range, sibling) in steps {
        if range.start < old_size {
            old = node_hash(sibling, &old);
            new = node_hash(sibling, &new);
        } else {
            new = node_hash(&new, sibling);
        }
    }
    if old == *old_root && new == *new_root {
        Ok(())
    } else {
        Err(LedgerError::RootMismatch)
    }
}

/// The leaf ranges whose hashes are the inclusion proof, the leaf's sibling first.
pub(crate) fn inclusion_path(index: u64, size: u64) -> Result<Vec<Range<u64>>, LedgerError> {
    if index >= size {
        return Err(LedgerError::IndexOutsideTree { index, size });
    }
    let mut path = Vec::new();
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(middle..end);
            end = middle;
        } else {
            path.push(start..middle);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The leaf ranges whose hashes are the consistency proof, deepest first.
pub(crate) fn consistency_path(old: u64, new: u64) -> Result<Vec<Range<u64>>, LedgerError> {
    if old > new {
        return Err(LedgerError::SizesOutOfOrder { old, new });
    }
    let mut path = Vec::new();
    if old == 0 {
        return Ok(path);
    }
    let (mut start, mut end) = (0, new);
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            path.push(middle..end);
            end = middle;
        } else {
            path.push(start..middle);
            start = middle;
        }
    }
    if start > 0 {
        path.push(start..end);
    }
    path.reverse();
    Ok(path)
}

/// A perfect subtree: the `2^height` leaves from `index * 2^height` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subtree {
    pub(crate) height: u32,
    pub(crate) index: u64,
}

/// The perfect subtrees that make up a range of a tree's leaves, largest and leftmost first.
///
/// Its start must be a multiple of the largest power of two in its length, as it is for every node
/// of a tree; the hash of the range is then the fold of theirs from the right.
pub(crate) fn subtrees(range: &Range<u64>) -> Vec<Subtree> {
    let mut found = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let height = (range.end - start).ilog2();
        found.push(Subtree {
            height,
            index: start >> height,
        });
        start += 1 << height;
    }
    found
}

/// Folds the hashes of adjacent perfect subtrees, largest first, into the hash of them all.
pub(crate) fn fold(subtrees: &[Hash]) -> Hash {
    subtrees
        .iter()
        .copied()
        .rev()
        .reduce(|right, left| node_hash(&left, &right))
        .unwrap_or_else(empty_root)
}

/// Reads a hash from its base64 line.
pub(crate) fn parse_hash(line: &str) -> Option<Hash> {
    BASE64_STANDARD.decode(line).ok()?.try_into().ok()
}

/// Where RFC 6962 splits a tree of two leaves or more: the largest power of two below its size.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

#[cfg(test)]
pub(crate) mod tests {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn leaves(size: u64) -> Vec<Hash> {
        (0..size)
            .map(|index| leaf_hash(format!("entry-{index}").as_bytes()))
            .collect()
    }

    /// The same tree, built by an implementation that is not ours.
    pub(crate) struct Oracle(MemoryBackedTree<Sha256, String>);

    impl Oracle {
        pub(crate) fn new(size: u64) -> Self {
            let mut tree = MemoryBackedTree::new();
            (0..size).for_each(|index| tree.push(format!("entry-{index}")));
            Self(tree)
        }

        pub(crate) fn root(&self) -> Hash {
            (*self.0.root().as_bytes()).into()
        }

        pub(crate) fn inclusion(&self, index: u64) -> Vec<Hash> {
            self.0
                .prove_inclusion(index as usize)
                .as_bytes()
                .as_chunks()
                .0
                .to_vec()
        }

        pub(crate) fn consistency(&self, old: u64) -> Vec<Hash> {
            // The oracle has no proof from the empty tree, which is consistent with any.
            if old == 0 {
                return Vec::new();
            }
            let additions = (self.0.len() - old) as usize;
            self.0
                .prove_consistency(additions)
                .as_bytes()
                .as_chunks()
                .0
                .to_vec()
        }
    }

    #[test]
    fn constants_of_the_hashing_are_those_of_the_standard() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex(&empty_root()), empty);
        assert_eq!(hex(&root(&[])), empty);
        let leaf = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(hex(&leaf_hash(b"")), leaf);
    }

    #[test]
    fn worked_vectors_hold() {
        let leaves = leaves(5);
        let first = "40766b2033429026f53d54502679a839706b4741f8dcaf3a8bba5f41b5ffe075";
        assert_eq!(hex(&leaves[0]), first);
        let root = root(&leaves);
        let expected = "1aa68d3074905a581f84cbbd0f753794904fd80451bc4c13e69d9a53bc59502c";
        assert_eq!(hex(&root), expected);
        let proof = [
            "BJ19zbVrz+vTEzBMmDnxlqPUtu873AsIKY+TrIGR8Kg=",
            "LyelCCwdQq+kiKw1Cp/EOQwIT1T3Hs3/hZ6Y24QptHk=",
            "GUu1otW9EOXRqm/V1CmAs1bK8dpiPNmYfEv6L4F3Htc=",
        ];
        let proof = proof.map(|line| parse_hash(line).unwrap());
        assert_eq!(verify_inclusion(&leaves[3], 3, 5, &proof, &root), Ok(()));
    }

    proptest! {
        // Trees are rebuilt for every case, hash by hash.
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn proofs_of_an_independent_tree_verify(size in 1u64..600, at in any::<u64>()) {
            let (index, old) = (at % size, at % (size + 1));
            let (tree, leaves) = (Oracle::new(size), leaves(size));
            let new_root = root(&leaves);
            prop_assert_eq!(new_root, tree.root());
            let proof = tree.inclusion(index);
            let leaf = &leaves[index as usize];
            prop_assert_eq!(verify_inclusion(leaf, index, size, &proof, &new_root), Ok(()));
            let old_root = root(&leaves[..old as usize]);
            let proof = tree.consistency(old);
            prop_assert_eq!(verify_consistency(old, &old_root, size, &new_root, &proof), Ok(()));
        }
    }

    #[test]
    fn inclusion_proof_holds_for_its_own_leaf_place_and_root_only() {
        for size in 1..=20 {
            let (tree, leaves) = (Oracle::new(size), leaves(size));
            let (root, zero) = (tree.root(), [0; 32]);
            for index in 0..size {
                let (leaf, proof) = (&leaves[index as usize], tree.inclusion(index));
                let verify = |leaf, index, root| verify_inclusion(leaf, index, size, &proof, root);
                assert_eq!(verify(leaf, index, &root), Ok(()));
                assert!(verify(&zero, index, &root).is_err());
                assert!(verify(leaf, index, &zero).is_err());
                for other in (0..=size).filter(|other| *other != index) {
                    assert!(verify(leaf, other, &root).is_err());
                }
            }
        }
    }

    #[test]
    fn every_altered_byte_of_a_proof_is_refused() {
        let (tree, leaves) = (Oracle::new(13), leaves(13));
        let old_root = root(&leaves[..6]);
        let inclusion = |proof: &[Hash]| verify_inclusion(&leaves[5], 5, 13, proof, &tree.root());
        let consistency =
            |proof: &[Hash]| verify_consistency(6, &old_root, 13, &tree.root(), proof);
        type Check<'a> = &'a dyn Fn(&[Hash]) -> Result<(), LedgerError>;
        let cases: [(Vec<Hash>, Check); 2] = [
            (tree.inclusion(5), &inclusion),
            (tree.consistency(6), &consistency),
        ];
        for (proof, verify) in cases {
            assert_eq!(verify(&proof), Ok(()));
            for place in 0..proof.len() * 32 {
                let mut altered = proof.clone();
                altered[place / 32][place % 32] ^= 1;
                assert_eq!(
                    verify(&altered),
                    Err(LedgerError::RootMismatch),
                    "byte {place}"
                );
            }
            assert_eq!(verify(&proof[1..]), Err(LedgerError::ProofLength));
            let longer = [proof.as_slice(), &[[0; 32]]].concat();
            assert_eq!(verify(&longer), Err(LedgerError::ProofLength));
        }
    }

    #[test]
    fn a_tree_is_consistent_with_itself_and_with_the_empty_one() {
        let (five, empty, wrong) = (root(&leaves(5)), empty_root(), [0; 32]);
        let cases = [
            (0, &empty, 5, &five, Ok(())),
            (0, &empty, 0, &empty, Ok(())),
            (5, &five, 5, &five, Ok(())),
            (0, &wrong, 5, &five, Err(LedgerError::RootMismatch)),
            (0, &empty, 0, &wrong, Err(LedgerError::RootMismatch)),
            (5, &five, 5, &wrong, Err(LedgerError::RootMismatch)),
            (5, &wrong, 5, &five, Err(LedgerError::RootMismatch)),
            (
                6,
                &five,
                5,
                &five,
                Err(LedgerError::SizesOutOfOrder { old: 6, new: 5 }),
            ),
        ];
        for (old_size, old_root, new_size, new_root, expected) in cases {
            let verified = verify_consistency(old_size, old_root, new_size, new_root, &[]);
            assert_eq!(verified, expected, "{old_size} to {new_size}");
        }
    }

    #[test]
    fn a_forked_history_is_refused() {
        let mut forked = leaves(7);
        forked[2] = [9; 32];
        let (tree, proof) = (Oracle::new(13), Oracle::new(13).consistency(7));
        let refused = verify_consistency(7, &root(&forked), 13, &tree.root(), &proof);
        assert_eq!(refused, Err(LedgerError::RootMismatch));
    }

    #[test]
    fn the_largest_sizes_overflow_nothing() {
        let (proof, zero) = ([[0; 32]; 64], [0; 32]);
        let refused = verify_inclusion(&zero, u64::MAX - 1, u64::MAX, &proof[..63], &zero);
        assert_eq!(refused, Err(LedgerError::RootMismatch));
        let refused = verify_consistency(u64::MAX - 1, &zero, u64::MAX, &zero, &proof);
        assert_eq!(refused, Err(LedgerError::RootMismatch));
    }
}
