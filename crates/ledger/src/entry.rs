//! The public leaf of the log: a random id, a rounded time and a commitment to a payload nobody can read.
//!
//! ```text
//! u8      version = 1
//! u8[16]  entry id     UUIDv4
//! u64     time         unix seconds, rounded down to the checkpoint interval
//! u8[32]  commitment   HMAC-SHA256(blind, "disclosure-log/commit/v1" || 0x00 || payload)
//! ```
//!
//! All numbers are big-endian.
//! The kind of event is inside the payload: a public log must not show that a sealed case exists.

use std::fmt;

use aws_lc_rs::{hmac, rand};
use uuid::Uuid;

use crate::LedgerError;
use crate::merkle::{Hash, leaf_hash};

/// The length of an entry, in bytes.
pub const ENTRY_BYTES: usize = 57;

const VERSION: u8 = 1;
const BLIND_BYTES: usize = 32;
const COMMITMENT_LABEL: &[u8] = b"disclosure-log/commit/v1\0";

/// One public leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Random (UUIDv4): a time-ordered id would say more than the rounded time does.
    pub id: Uuid,
    /// Unix seconds; the writer rounds down to its checkpoint interval.
    pub time: u64,
    /// What [`Opening::commitment`] gave.
    pub commitment: Hash,
}

impl Entry {
    /// The bytes that are hashed, stored and served, and never re-encoded.
    pub fn to_bytes(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[0] = VERSION;
        bytes[1..17].copy_from_slice(self.id.as_bytes());
        bytes[17..25].copy_from_slice(&self.time.to_be_bytes());
        bytes[25..].copy_from_slice(&self.commitment);
        bytes
    }

    /// Reads the bytes of an entry.
    ///
    /// # Errors
    /// [`LedgerError::EntryMalformed`] for another length or another version.
    pub fn parse(bytes: &[u8]) -> Result<Self, LedgerError> {
        let parts = || {
            let (version, rest) = bytes.split_first()?;
            let (id, rest) = rest.split_first_chunk::<16>()?;
            let (time, rest) = rest.split_first_chunk::<8>()?;
            let commitment = Hash::try_from(rest).ok()?;
            (*version == VERSION).then_some(Self {
                id: Uuid::from_bytes(*id),
                time: u64::from_be_bytes(*time),
                commitment,
            })
        };
        parts().ok_or(LedgerError::EntryMalformed)
    }

    /// The RFC 6962 leaf hash of the entry's bytes.
    pub fn leaf_hash(&self) -> Hash {
        leaf_hash(&self.to_bytes())
    }
}

/// What turns a commitment back into an event: the payload, with the random blind that hides it.
///
/// Whoever destroys both leaves a commitment that nobody can open, in a tree whose proofs all still hold.
#[derive(Clone, PartialEq, Eq)]
pub struct Opening {
    /// Random, one per event: without it a payload could be guessed from its commitment.
    pub blind: [u8; BLIND_BYTES],
    /// The event as stored: encoded once, never re-encoded.
    pub payload: Vec<u8>,
}

impl Opening {
    /// Blinds a payload with fresh randomness.
    pub fn new(payload: Vec<u8>) -> Self {
        let mut blind = [0; BLIND_BYTES];
        rand::fill(&mut blind).expect("the system's random generator does not fail once it runs");
        Self { blind, payload }
    }

    /// HMAC-SHA256 under the blind: binding because SHA-256 resists collisions, hiding because the
    /// blind is a random key.
    pub fn commitment(&self) -> Hash {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.blind);
        let mut context = hmac::Context::with_key(&key);
        context.update(COMMITMENT_LABEL);
        context.update(&self.payload);
        let mut commitment = Hash::default();
        commitment.copy_from_slice(context.sign().as_ref());
        commitment
    }

    /// The blind followed by the payload: what is sealed in storage and handed out in a receipt.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.blind.as_slice(), &self.payload].concat()
    }

    /// Reads what [`Opening::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`LedgerError::OpeningMalformed`] for fewer bytes than a blind.
    pub fn parse(bytes: &[u8]) -> Result<Self, LedgerError> {
        let (blind, payload) = bytes
            .split_first_chunk()
            .ok_or(LedgerError::OpeningMalformed)?;
        Ok(Self {
            blind: *blind,
            payload: payload.to_vec(),
        })
    }

    /// Checks that this is the opening of the entry's commitment.
    ///
    /// # Errors
    /// [`LedgerError::CommitmentMismatch`] if blind, payload or entry is another.
    pub fn verify(&self, entry: &Entry) -> Result<(), LedgerError> {
        if self.commitment() == entry.commitment {
            Ok(())
        } else {
            Err(LedgerError::CommitmentMismatch)
        }
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Opening")
    }
}
