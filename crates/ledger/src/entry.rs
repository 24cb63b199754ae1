//! The public leaf of the log, and the opening of its commitment.
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
/// Whoever destroys both leaves a commitment that nobody can open, in a tree whose proofs all
/// still hold.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::tests::hex;

    fn opening() -> Opening {
        let payload = br#"{"recipient":"police","categories":["user.contact.email"]}"#.to_vec();
        Opening {
            blind: [7; 32],
            payload,
        }
    }

    fn entry() -> Entry {
        let commitment = opening().commitment();
        Entry {
            id: Uuid::from_bytes([0xab; 16]),
            time: 1_700_000_000,
            commitment,
        }
    }

    #[test]
    fn commitment_is_the_worked_vector() {
        let expected = "6dd8eca02c65eb0311006094345e7a7eb21da9b618d605abfee44ee115dc84e0";
        assert_eq!(hex(&opening().commitment()), expected);
    }

    #[test]
    fn entry_has_its_fixed_layout() {
        let expected = format!(
            "01{}000000006553f100{}",
            "ab".repeat(16),
            hex(&opening().commitment())
        );
        assert_eq!(hex(&entry().to_bytes()), expected);
    }

    #[test]
    fn entry_is_read_back_and_nothing_else_is() {
        let bytes = entry().to_bytes();
        assert_eq!(Entry::parse(&bytes), Ok(entry()));
        let longer = [bytes.as_slice(), &[0]].concat();
        let other_version = [&[2], &bytes[1..]].concat();
        for refused in [&[], &bytes[..56], &longer, &other_version] {
            assert_eq!(Entry::parse(refused), Err(LedgerError::EntryMalformed));
        }
    }

    #[test]
    fn every_altered_byte_of_an_entry_is_another_leaf() {
        for place in 0..ENTRY_BYTES {
            let mut bytes = entry().to_bytes();
            bytes[place] ^= 1;
            assert_ne!(leaf_hash(&bytes), entry().leaf_hash(), "byte {place}");
        }
    }

    #[test]
    fn every_altered_byte_of_an_opening_is_refused() {
        let bytes = opening().to_bytes();
        assert_eq!(Opening::parse(&bytes).unwrap().verify(&entry()), Ok(()));
        for place in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1;
            let refused = Opening::parse(&bytes).unwrap().verify(&entry());
            assert_eq!(
                refused,
                Err(LedgerError::CommitmentMismatch),
                "byte {place}"
            );
        }
    }

    #[test]
    fn opening_needs_a_whole_blind() {
        assert_eq!(Opening::parse(&[7; 31]), Err(LedgerError::OpeningMalformed));
        let empty_payload = Opening {
            blind: [7; 32],
            payload: Vec::new(),
        };
        assert_eq!(Opening::parse(&[7; 32]), Ok(empty_payload));
    }

    #[test]
    fn same_payload_twice_gives_unlike_commitments() {
        let commitment = || Opening::new(b"payload".to_vec()).commitment();
        assert_ne!(commitment(), commitment());
    }

    #[test]
    fn debug_shows_no_part_of_an_opening() {
        assert_eq!(format!("{:?}", opening()), "Opening");
    }
}
