//! The disclosure log as bytes: leaves, tiles, checkpoints, proofs and their verification.
//!
//! Pure: no clock, no storage, no network.
//! The formats are those of the C2SP transparency-log family (tlog-tiles, signed-note,
//! tlog-checkpoint, tlog-cosignature, tlog-proof) over RFC 6962 hashing, so tools other people
//! wrote can read, verify and witness this log.
//! Every parser is total and strict: one value has one spelling, and all else is refused.

mod entry;
mod error;
mod merkle;

mod bundle;
mod frontier;
mod log_check;
mod subject_chain;
mod tile;
mod tile_proof;

mod checkpoint;
mod cosignature;
mod gap;
mod key;
mod note;
mod proof_file;
mod secret_line;
mod trust_policy;
mod witness;

pub use bundle::{BundleId, cut_bundle, parse_bundle, write_bundle};
pub use checkpoint::Checkpoint;
pub use cosignature::cosign;
pub use entry::{ENTRY_BYTES, Entry, Opening};
pub use error::LedgerError;
pub use frontier::Frontier;
pub use gap::{Destruction, Gap};
pub use key::{NoteKey, SignatureType, VerifierKey};
pub use log_check::{LogCheck, LogPaths};
pub use merkle::{
    Hash, empty_root, leaf_hash, node_hash, root, verify_consistency, verify_inclusion,
};
pub use note::{Note, NoteSignature, TrustedSignature};
pub use proof_file::{Contents, ProofFile, Verified};
pub use subject_chain::{ChainLink, missing_links};
pub use tile::{TILE_WIDTH, Tile, TileId, TilePath};
pub use tile_proof::{
    prove_consistency, prove_inclusion, tiles_for_consistency, tiles_for_inclusion,
};
pub use trust_policy::{
    Cosigned, PolicyFault, TrustPolicy, TrustPolicyError, Trusted, TrustedParty,
};
pub use witness::{AddCheckpoint, Refusal, Reply, judge};
