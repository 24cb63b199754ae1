//! Every way this crate says no.

use crate::{BundleId, TileId};

/// Why bytes, a proof or a signature was refused.
///
/// Variants carry places in the log at most, never what a caller sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Not the 57 bytes of an entry, or of a version this crate does not know.
    #[error("the entry is malformed")]
    EntryMalformed,
    /// An entry does not fit the 16-bit length of an entry bundle.
    #[error("the entry is longer than a bundle can hold")]
    EntryTooLong,
    /// Not a sequence of length-prefixed entries, or more than 256 of them.
    #[error("the entry bundle is malformed")]
    BundleMalformed,
    /// Shorter than a blind.
    #[error("the opening is malformed")]
    OpeningMalformed,
    /// The opening is of another entry, or was altered.
    #[error("the opening does not match the commitment")]
    CommitmentMismatch,
    /// Not a gap, or one whose entry records no destruction that names what it covers.
    #[error("the gap is malformed")]
    GapMalformed,
    /// The entry is not among those that the destroyed key sealed.
    #[error("the destroyed key did not seal this entry")]
    GapMismatch,
    /// Not a canonical tile or entry bundle path.
    #[error("the tile path is malformed")]
    TilePathMalformed,
    /// A tile that the computation needs could not be read.
    #[error("tile {} of level {} is missing", .0.index, .0.level)]
    TileMissing(TileId),
    /// A tile holds fewer hashes than the tree size says, or a torn one.
    #[error("tile {} of level {} is too short", .0.index, .0.level)]
    TileTooShort(TileId),
    /// A tile is not the one that the hash above it, and so the root, is made of.
    #[error("tile {} of level {} is not the one the root covers", .0.index, .0.level)]
    TileMismatch(TileId),
    /// A bundle cannot be read, or holds another number of entries than the tree has there.
    #[error("entry bundle {} is not the one the root covers", .0.index)]
    BundleMismatch(BundleId),
    /// The entry at this place, from zero, is not the one that the root is made of.
    #[error("the entry at index {0} is not the one the root covers")]
    EntryMismatch(u64),
    /// Two entries of one person cannot both be in one chain.
    #[error("entries {0} and {1} of the person do not belong to one history")]
    ChainBroken(u64, u64),
    /// A tree of this size has no such leaf.
    #[error("leaf {index} is outside a tree of {size}")]
    IndexOutsideTree {
        /// The leaf asked for, from zero.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// A tree only grows: the old size exceeds the new one.
    #[error("size {old} comes after size {new}")]
    SizesOutOfOrder {
        /// Leaves in the tree said to be older.
        old: u64,
        /// Leaves in the tree said to be newer.
        new: u64,
    },
    /// The proof has more or fewer hashes than its place in the tree requires.
    #[error("the proof has the wrong number of hashes")]
    ProofLength,
    /// The proof does not lead to the root.
    #[error("the proof does not lead to the root")]
    RootMismatch,
    /// A key name is empty, too long, or holds a space, a control character or a plus.
    #[error("the key name is malformed")]
    KeyNameMalformed,
    /// Key material or a verifier key line that cannot be read.
    #[error("the key is malformed")]
    KeyMalformed,
    /// A signature type other than Ed25519 notes and Ed25519 cosignatures.
    #[error("the signature type is unknown")]
    SignatureTypeUnknown,
    /// Not a signed note, or over its bounds.
    #[error("the note is malformed")]
    NoteMalformed,
    /// A signature by a known key does not verify.
    #[error("a signature does not verify")]
    SignatureInvalid,
    /// No signature by a known key.
    #[error("no trusted key signed")]
    SignatureMissing,
    /// Signed text that is not a checkpoint.
    #[error("the checkpoint is malformed")]
    CheckpointMalformed,
    /// The checkpoint is of another log than its key's.
    #[error("the checkpoint is of another log")]
    OriginMismatch,
    /// No trusted log has the checkpoint's origin.
    #[error("no trusted log has this origin")]
    OriginUnknown,
    /// Fewer trusted witnesses cosigned than the trust policy asks for.
    #[error("too few witnesses cosigned")]
    QuorumMissing,
    /// Not an add-checkpoint request or its answer.
    #[error("the message to or from a witness is malformed")]
    WitnessMessageMalformed,
    /// Not a proof file, or over its bound.
    #[error("the proof file is malformed")]
    ProofFileMalformed,
}
