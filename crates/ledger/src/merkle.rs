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

/// Checks that a leaf stands at `index` of the tree with this size and root (RFC 6962 section 2.1.1).
///
/// # Errors
/// [`LedgerError::IndexOutsideTree`], [`LedgerError::ProofLength`] or [`LedgerError::RootMismatch`].
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
    // An old tree that is one perfect subtree of the new one is its own starting point; otherwise the
    // proof opens with the last perfect subtree of the old tree.
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
