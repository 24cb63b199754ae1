//! A gap: the log's own record that the key of an entry was destroyed, in the place of its opening.
//!
//! A person's entries are sealed under one key. When it is destroyed, an entry of its own says so,
//! which outlives the person: it counts the entries that nobody can open any more, and commits to
//! them by the RFC 6962 root over their leaf hashes, in their order. A gap leads from one of them to
//! that root, and from the entry of the destruction to the checkpoint that covers both. So no other
//! entry can be called forgotten. What the log recorded is all that it proves: not that the key is
//! gone, nor that it might be destroyed.
//!
//! ```text
//! u64              place of the entry among those that were sealed under the key, from 0
//! u8, 32 bytes each  the inclusion proof there, the leaf's sibling first
//! u8[57]           the entry of the destruction
//! u64              its place in the log
//! u8, 32 bytes each  its inclusion proof there
//! u8[32]           its blind
//! ...              its payload
//! ```
//!
//! All numbers are big-endian.

use std::fmt;

use serde::Deserialize;
use uuid::Uuid;

use crate::entry::ENTRY_BYTES;
use crate::merkle::{inclusion_path, root, verify_inclusion};
use crate::{Entry, Hash, LedgerError, Opening};

/// No tree of fewer than 2^64 leaves has a longer proof.
const PROOF_HASHES_MAX: usize = 64;

/// What stands in a proof in the place of an opening that was destroyed.
#[derive(Clone, PartialEq, Eq)]
pub struct Gap {
    /// The entry's place among those that were sealed under the destroyed key, from zero.
    pub place: u64,
    /// The inclusion proof among those.
    pub path: Vec<Hash>,
    /// The entry that records the destruction.
    pub destruction: Entry,
    /// That entry's place in the log, from zero.
    pub index: u64,
    /// That entry's inclusion proof.
    pub proof: Vec<Hash>,
    /// What that entry commits to.
    pub opening: Opening,
}

/// A key that sealed entries and is no more, as the log recorded it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destruction {
    /// The key's own id.
    pub key_id: Uuid,
    /// Whose entries it sealed: a random name that leads to nobody any more.
    pub subject: Uuid,
    /// How many entries nobody can open any more.
    pub entries: u64,
    /// The root over their leaf hashes.
    pub entries_root: Hash,
    /// When it was recorded, in Unix milliseconds.
    pub recorded_at: i64,
}

impl Gap {
    /// The proof that the entry at `place` is one of those with these leaf hashes.
    ///
    /// # Errors
    /// [`LedgerError::IndexOutsideTree`] if there is no such place.
    pub fn path(leaves: &[Hash], place: u64) -> Result<Vec<Hash>, LedgerError> {
        let siblings = inclusion_path(place, leaves.len() as u64)?;
        let hash = |it: std::ops::Range<u64>| root(&leaves[it.start as usize..it.end as usize]);
        Ok(siblings.into_iter().map(hash).collect())
    }

    /// The bytes that a proof file carries.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.place.to_be_bytes().to_vec();
        push_hashes(&mut bytes, &self.path);
        bytes.extend(self.destruction.to_bytes());
        bytes.extend(self.index.to_be_bytes());
        push_hashes(&mut bytes, &self.proof);
        bytes.extend(self.opening.to_bytes());
        bytes
    }

    /// Reads what [`Gap::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`LedgerError::GapMalformed`], [`LedgerError::EntryMalformed`] or
    /// [`LedgerError::OpeningMalformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, LedgerError> {
        let malformed = LedgerError::GapMalformed;
        let (place, rest) = bytes.split_first_chunk().ok_or(malformed)?;
        let (path, rest) = split_hashes(rest).ok_or(malformed)?;
        let (destruction, rest) = rest.split_at_checked(ENTRY_BYTES).ok_or(malformed)?;
        let (index, rest) = rest.split_first_chunk().ok_or(malformed)?;
        let (proof, rest) = split_hashes(rest).ok_or(malformed)?;
        Ok(Self {
            place: u64::from_be_bytes(*place),
            path,
            destruction: Entry::parse(destruction)?,
            index: u64::from_be_bytes(*index),
            proof,
            opening: Opening::parse(rest)?,
        })
    }

    /// Checks that the log of this size and root recorded the destruction of the key that sealed
    /// the entry at `index`, and returns the destruction.
    ///
    /// # Errors
    /// Those of [`verify_inclusion`], [`LedgerError::CommitmentMismatch`],
    /// [`LedgerError::GapMalformed`] when what is recorded is no destruction that names its entries,
    /// or [`LedgerError::GapMismatch`] when the entry is not one of them.
    pub fn verify(
        &self,
        entry: &Entry,
        index: u64,
        size: u64,
        root: &Hash,
    ) -> Result<Destruction, LedgerError> {
        let leaf = self.destruction.leaf_hash();
        verify_inclusion(&leaf, self.index, size, &self.proof, root)?;
        self.opening.verify(&self.destruction)?;
        let destruction =
            Destruction::parse(&self.opening.payload).ok_or(LedgerError::GapMalformed)?;
        let Destruction {
            entries,
            entries_root,
            ..
        } = &destruction;
        let leaf = entry.leaf_hash();
        verify_inclusion(&leaf, self.place, *entries, &self.path, entries_root)
            .map_err(|_| LedgerError::GapMismatch)?;
        // A destruction forgets only what stands before it.
        if index < self.index {
            Ok(destruction)
        } else {
            Err(LedgerError::GapMismatch)
        }
    }
}

impl fmt::Debug for Gap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Gap")
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

impl Destruction {
    /// The destruction that a payload records; `None` if it records something else, or one that
    /// does not name the entries it covers.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let Payload { recorded_at, event } = serde_json::from_slice(payload).ok()?;
        let is_of_entries = event.kind == "key_destroyed" && event.owner_kind == "subject";
        is_of_entries.then_some(Self {
            key_id: event.key_id,
            subject: event.owner_id,
            entries: event.entries,
            entries_root: parse_hex(&event.entries_root)?,
            recorded_at,
        })
    }
}

/// What of the destruction's payload counts here.
#[derive(Deserialize)]
struct Payload {
    recorded_at: i64,
    event: KeyDestroyed,
}

#[derive(Deserialize)]
struct KeyDestroyed {
    kind: String,
    key_id: Uuid,
    owner_kind: String,
    owner_id: Uuid,
    entries: u64,
    entries_root: String,
}

fn push_hashes(bytes: &mut Vec<u8>, hashes: &[Hash]) {
    bytes.push(u8::try_from(hashes.len()).expect("a proof has at most 64 hashes"));
    bytes.extend(hashes.iter().flatten());
}

fn split_hashes(bytes: &[u8]) -> Option<(Vec<Hash>, &[u8])> {
    let (count, rest) = bytes.split_first()?;
    let count = usize::from(*count);
    if count > PROOF_HASHES_MAX {
        return None;
    }
    let (hashes, rest) = rest.split_at_checked(count * size_of::<Hash>())?;
    Some((hashes.as_chunks().0.to_vec(), rest))
}

/// Lowercase hex, as hashes stand in a payload.
fn parse_hex(text: &str) -> Option<Hash> {
    let digit = |it: u8| match it {
        b'0'..=b'9' => Some(it - b'0'),
        b'a'..=b'f' => Some(it - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let bytes: Option<Vec<u8>> = pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::merkle::tests::hex;
    use crate::{Frontier, prove_inclusion};

    const SUBJECT: Uuid = Uuid::from_u128(7);

    /// The entries of a log: three of one person, one of another, and the destruction of the first
    /// one's key.
    pub(crate) struct Log {
        pub(crate) entries: Vec<Entry>,
        pub(crate) opening: Opening,
        frontier: Frontier,
        hashes: Vec<u8>,
    }

    pub(crate) fn payload(kind: &str, count: u64, root: &str) -> Vec<u8> {
        format!(
            r#"{{"tenant":"default","recorded_at":1700000000123,"event":{{"kind":"{kind}",
            "key_id":"{SUBJECT}","owner_kind":"subject","owner_id":"{SUBJECT}","entries":{count},
            "entries_root":"{root}"}}}}"#
        )
        .into_bytes()
    }

    fn entry(id: u128, opening: &Opening) -> Entry {
        Entry {
            id: Uuid::from_u128(id),
            time: 1_700_000_000,
            commitment: opening.commitment(),
        }
    }

    impl Log {
        pub(crate) fn new() -> Self {
            let mut entries: Vec<_> = (0..4)
                .map(|it| entry(it, &Opening::new(vec![it as u8])))
                .collect();
            let forgotten: Vec<_> = entries[..3].iter().map(Entry::leaf_hash).collect();
            let opening = Opening::new(payload("key_destroyed", 3, &hex(&root(&forgotten))));
            entries.push(entry(4, &opening));
            Self::of(entries, opening)
        }

        /// A log that ends with the entry that this opens.
        fn of(entries: Vec<Entry>, opening: Opening) -> Self {
            let leaves: Vec<_> = entries.iter().map(Entry::leaf_hash).collect();
            let mut frontier = Frontier::new();
            let hashes = frontier.append(&leaves)[0].hashes.clone();
            Self {
                entries,
                opening,
                frontier,
                hashes,
            }
        }

        pub(crate) fn size(&self) -> u64 {
            self.frontier.size()
        }

        pub(crate) fn root(&self) -> Hash {
            self.frontier.root()
        }

        pub(crate) fn proof(&self, index: u64) -> Vec<Hash> {
            prove_inclusion(index, self.size(), |_| Some(self.hashes.clone())).unwrap()
        }

        pub(crate) fn gap(&self, place: u64) -> Gap {
            let forgotten: Vec<_> = self.entries[..3].iter().map(Entry::leaf_hash).collect();
            let index = self.size() - 1;
            Gap {
                place,
                path: Gap::path(&forgotten, place).unwrap(),
                destruction: self.entries[index as usize],
                index,
                proof: self.proof(index),
                opening: self.opening.clone(),
            }
        }

        fn verify(&self, gap: &Gap, index: usize) -> Result<Destruction, LedgerError> {
            let entry = &self.entries[index];
            gap.verify(entry, index as u64, self.size(), &self.root())
        }
    }

    #[test]
    fn each_forgotten_entry_is_led_to_its_destruction_and_no_other_entry_is() {
        let log = Log::new();
        for place in 0..3 {
            let gap = Gap::parse(&log.gap(place).to_bytes()).unwrap();
            assert_eq!(gap, log.gap(place));
            for index in 0..5 {
                let verified = log.verify(&gap, index).map(|it| (it.subject, it.entries));
                let expected = match index as u64 == place {
                    true => Ok((SUBJECT, 3)),
                    false => Err(LedgerError::GapMismatch),
                };
                assert_eq!(verified, expected, "the gap of {place} for {index}");
            }
        }
    }

    #[test]
    fn every_altered_byte_of_a_gap_is_refused() {
        let log = Log::new();
        let bytes = log.gap(1).to_bytes();
        for place in 0..bytes.len() {
            for bit in [1, 0x20] {
                let mut altered = bytes.clone();
                altered[place] ^= bit;
                let verified = Gap::parse(&altered).map(|it| log.verify(&it, 1).is_ok());
                assert!(verified != Ok(true), "byte {place}");
            }
        }
        for length in 0..bytes.len() {
            let verified = Gap::parse(&bytes[..length]).map(|it| log.verify(&it, 1).is_ok());
            assert!(verified != Ok(true), "{length} bytes");
        }
    }

    #[test]
    fn only_a_destruction_that_names_its_entries_and_follows_them_makes_a_gap() {
        let sound = Log::new();
        let own = |it: &Log| hex(&root(&[it.entries[0].leaf_hash()]));
        let gap = |log: &Log| Gap {
            place: 0,
            path: Vec::new(),
            ..log.gap(0)
        };
        for (payload, expected) in [
            (payload("key_destroyed", 1, &own(&sound)), None),
            (
                payload("certificate", 1, &own(&sound)),
                Some(LedgerError::GapMalformed),
            ),
            (
                payload("key_destroyed", 1, &own(&sound).to_uppercase()),
                Some(LedgerError::GapMalformed),
            ),
            (
                payload("key_destroyed", 2, &own(&sound)),
                Some(LedgerError::GapMismatch),
            ),
            (b"{}".to_vec(), Some(LedgerError::GapMalformed)),
        ] {
            let opening = Opening::new(payload);
            let mut entries = sound.entries.clone();
            entries[4] = entry(4, &opening);
            let log = Log::of(entries, opening);
            assert_eq!(log.verify(&gap(&log), 0).err(), expected);
        }
        // The entry of a destruction is not among those it forgets.
        let (entry, size, root) = (&sound.entries[0], sound.size(), sound.root());
        let after = sound.gap(0).verify(entry, 4, size, &root);
        assert_eq!(after, Err(LedgerError::GapMismatch));
    }

    proptest! {
        #[test]
        fn a_path_leads_from_every_place_to_the_root(size in 1_u64..300, place in 0_u64..300) {
            let leaves: Vec<_> = (0..size).map(|it| crate::leaf_hash(&it.to_be_bytes())).collect();
            match Gap::path(&leaves, place) {
                Ok(path) => {
                    let leaf = &leaves[place as usize];
                    prop_assert_eq!(verify_inclusion(leaf, place, size, &path, &root(&leaves)), Ok(()));
                }
                Err(error) => prop_assert_eq!(error, LedgerError::IndexOutsideTree { index: place, size }),
            }
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Gap::parse(&bytes);
            let _ = Destruction::parse(&bytes);
        }
    }
}
