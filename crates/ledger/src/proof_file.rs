//! The receipt that a person or an auditor verifies offline (C2SP tlog-proof).
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64 of: entry, 57 bytes || opening: blind, 32 bytes || payload>
//! index <place in the log>
//! <base64 hash, the leaf's sibling first, one a line>
//!
//! <checkpoint with signatures and cosignatures, verbatim>
//! ```
//!
//! The format leaves `extra` unauthenticated; here it is not trusted but checked: the entry must
//! be the leaf that the proof leads from, and blind and payload must open the entry's commitment.
//! Once the opening is destroyed the proof still holds, and `extra` is one of these:
//!
//! ```text
//! entry, 57 bytes
//! "disclosure-log/gap/v1" || 0x00 || entry, 57 bytes || gap
//! ```
//!
//! The gap proves that the log itself recorded the destruction. No entry begins as its label does.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::entry::ENTRY_BYTES;
use crate::merkle::{parse_hash, verify_inclusion};
use crate::{Checkpoint, Destruction, Entry, Gap, Hash, LedgerError, Note, Opening, VerifierKey};

const HEADER: &str = "c2sp.org/tlog-proof@v1";
const FILE_BYTES_MAX: usize = 1024 * 1024;
const GAP_LABEL: &[u8] = b"disclosure-log/gap/v1\0";

/// A proof file, nothing of it verified yet.
///
/// `Display` writes the file, byte for byte as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofFile {
    /// The leaf.
    pub entry: Entry,
    /// What it commits to, or why nobody can tell any more.
    pub contents: Contents,
    /// The leaf's place in the log, from zero.
    pub index: u64,
    /// The inclusion proof, the leaf's sibling first.
    pub proof: Vec<Hash>,
    /// The checkpoint the proof leads to, as signed.
    pub checkpoint: Note,
}

/// What a proof file says of its entry's payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// Nothing: it is not for the holder of the proof.
    Withheld,
    /// What the entry commits to.
    Opening(Opening),
    /// That the key it was sealed under was destroyed, as the log recorded.
    Gap(Gap),
}

/// What a proof file proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The entry's place in the log, from zero.
    pub index: u64,
    /// The size of the tree the log signed.
    pub size: u64,
    /// The entry, which is in that tree.
    pub entry: Entry,
    /// What the entry commits to, if the file carries it.
    pub opening: Option<Opening>,
    /// Why nobody can tell any more what the entry commits to, if the file proves it.
    pub destruction: Option<Destruction>,
}

impl ProofFile {
    /// Reads a proof file of at most 1 MiB.
    ///
    /// # Errors
    /// [`LedgerError::ProofFileMalformed`] also when there is no `extra`,
    /// [`LedgerError::EntryMalformed`], [`LedgerError::OpeningMalformed`],
    /// [`LedgerError::GapMalformed`] or [`LedgerError::NoteMalformed`].
    pub fn parse(file: &str) -> Result<Self, LedgerError> {
        let malformed = LedgerError::ProofFileMalformed;
        if file.len() > FILE_BYTES_MAX {
            return Err(malformed);
        }
        let (head, checkpoint) = file.split_once("\n\n").ok_or(malformed)?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(malformed);
        }
        let mut member = |name| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let extra = member("extra").ok_or(malformed)?;
        let index_digits = member("index").ok_or(malformed)?;
        let index: u64 = index_digits.parse().map_err(|_| malformed)?;
        if index.to_string() != index_digits {
            return Err(malformed);
        }
        let proof = lines
            .map(parse_hash)
            .collect::<Option<_>>()
            .ok_or(malformed)?;
        let extra = BASE64_STANDARD.decode(extra).map_err(|_| malformed)?;
        let (entry, contents) = split_extra(&extra)?;
        Ok(Self {
            entry,
            contents,
            index,
            proof,
            checkpoint: Note::parse(checkpoint)?,
        })
    }

    /// Verifies the whole chain: log signature, checkpoint, inclusion proof, entry, contents.
    ///
    /// # Errors
    /// Those of [`Checkpoint::open`] and [`ProofFile::verify_under`].
    pub fn verify(&self, log: &VerifierKey) -> Result<Verified, LedgerError> {
        self.verify_under(&Checkpoint::open(&self.checkpoint, log)?)
    }

    /// Verifies all but the signatures, against the file's checkpoint as somebody opened it who
    /// also asks for witnesses, such as [`crate::TrustPolicy`].
    ///
    /// # Errors
    /// Those of [`verify_inclusion`] and [`Gap::verify`], or [`LedgerError::CommitmentMismatch`].
    pub fn verify_under(&self, checkpoint: &Checkpoint) -> Result<Verified, LedgerError> {
        let Checkpoint { size, root, .. } = checkpoint;
        let leaf = self.entry.leaf_hash();
        verify_inclusion(&leaf, self.index, *size, &self.proof, root)?;
        let mut verified = Verified {
            index: self.index,
            size: *size,
            entry: self.entry,
            opening: None,
            destruction: None,
        };
        match &self.contents {
            Contents::Opening(opening) => {
                opening.verify(&self.entry)?;
                verified.opening = Some(opening.clone());
            }
            Contents::Gap(gap) => {
                let destruction = gap.verify(&self.entry, self.index, *size, root)?;
                verified.destruction = Some(destruction);
            }
            Contents::Withheld => {}
        }
        Ok(verified)
    }
}

/// The entry of a file, and what the file says of its payload.
fn split_extra(extra: &[u8]) -> Result<(Entry, Contents), LedgerError> {
    let (labelled, extra) = match extra.strip_prefix(GAP_LABEL) {
        Some(rest) => (true, rest),
        None => (false, extra),
    };
    let malformed = LedgerError::ProofFileMalformed;
    let (entry, rest) = extra.split_at_checked(ENTRY_BYTES).ok_or(malformed)?;
    let contents = match (labelled, rest) {
        (true, gap) => Contents::Gap(Gap::parse(gap)?),
        (false, []) => Contents::Withheld,
        (false, opening) => Contents::Opening(Opening::parse(opening)?),
    };
    Ok((Entry::parse(entry)?, contents))
}

/// What [`split_extra`] reads.
fn join_extra(entry: &Entry, contents: &Contents) -> Vec<u8> {
    let entry = entry.to_bytes();
    match contents {
        Contents::Withheld => entry.to_vec(),
        Contents::Opening(opening) => [entry.as_slice(), &opening.to_bytes()].concat(),
        Contents::Gap(gap) => [GAP_LABEL, &entry, &gap.to_bytes()].concat(),
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extra = join_extra(&self.entry, &self.contents);
        writeln!(formatter, "{HEADER}")?;
        writeln!(formatter, "extra {}", BASE64_STANDARD.encode(extra))?;
        writeln!(formatter, "index {}", self.index)?;
        for hash in &self.proof {
            writeln!(formatter, "{}", BASE64_STANDARD.encode(hash))?;
        }
        write!(formatter, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::checkpoint::tests::log;
    use crate::cosignature::cosign;
    use crate::gap::tests::Log;
    use crate::key::tests::{log_key, witness_key};
    use crate::merkle::tests::leaves;
    use crate::{Frontier, SignatureType, prove_inclusion};

    /// The receipt of entry 3 of a log of 5, whose other entries are the worked ones.
    fn receipt() -> ProofFile {
        let opening = Opening {
            blind: [7; 32],
            payload: b"payload".to_vec(),
        };
        let id = Uuid::from_bytes([9; 16]);
        let entry = Entry {
            id,
            time: 1_700_000_000,
            commitment: opening.commitment(),
        };
        let mut leaves = leaves(5);
        leaves[3] = entry.leaf_hash();
        let mut frontier = Frontier::new();
        let tiles = frontier.append(&leaves);
        let origin = log_key().name().to_owned();
        let checkpoint = Checkpoint {
            origin,
            size: 5,
            root: frontier.root(),
        };
        ProofFile {
            entry,
            contents: Contents::Opening(opening),
            index: 3,
            proof: prove_inclusion(3, 5, |_| Some(tiles[0].hashes.clone())).unwrap(),
            checkpoint: checkpoint.sign(&log_key()).unwrap(),
        }
    }

    #[test]
    fn receipt_is_written_read_and_verified() {
        let file = receipt().to_string();
        let read = ProofFile::parse(&file).unwrap();
        assert_eq!(read, receipt());
        let Contents::Opening(opening) = receipt().contents else {
            panic!("it is written so above");
        };
        assert_eq!(
            read.verify(&log()),
            Ok(Verified {
                index: 3,
                size: 5,
                entry: receipt().entry,
                opening: Some(opening),
                destruction: None,
            })
        );
        let lines: Vec<_> = file.lines().collect();
        assert_eq!(lines[0], "c2sp.org/tlog-proof@v1");
        assert!(lines[1].starts_with("extra "));
        assert_eq!(
            (lines[2], lines[6], lines[7]),
            ("index 3", "", "disclosure.example/log1")
        );
    }

    #[test]
    fn cosignatures_are_kept_verbatim() {
        let mut receipt = receipt();
        receipt
            .checkpoint
            .add(cosign(&receipt.checkpoint, &witness_key(), 1_700_000_000));
        let read = ProofFile::parse(&receipt.to_string()).unwrap();
        assert!(read.verify(&log()).is_ok());
        let known = [log(), witness_key().verifier(SignatureType::Cosignature)];
        assert_eq!(read.checkpoint.verify(&known).unwrap().len(), 2);
    }

    #[test]
    fn every_altered_byte_of_a_receipt_is_refused() {
        let file = receipt().to_string();
        for place in 0..file.len() {
            for bit in [1, 0x20] {
                let mut altered = file.clone().into_bytes();
                altered[place] ^= bit;
                let verified = String::from_utf8(altered)
                    .ok()
                    .and_then(|text| ProofFile::parse(&text).ok()?.verify(&log()).ok());
                assert_eq!(verified, None, "byte {place}");
            }
        }
    }

    #[test]
    fn a_proof_holds_without_what_its_entry_commits_to() {
        let shredded = ProofFile {
            contents: Contents::Withheld,
            ..receipt()
        };
        let read = ProofFile::parse(&shredded.to_string()).unwrap();
        assert_eq!(read, shredded);
        assert_eq!(read.verify(&log()).unwrap().opening, None);
    }

    /// The receipt of an entry that cannot be opened any more, for a place among the forgotten.
    fn gap(log: &Log, place: u64) -> ProofFile {
        let origin = log_key().name().to_owned();
        let checkpoint = Checkpoint {
            origin,
            size: log.size(),
            root: log.root(),
        };
        ProofFile {
            entry: log.entries[1],
            contents: Contents::Gap(log.gap(place)),
            index: 1,
            proof: log.proof(1),
            checkpoint: checkpoint.sign(&log_key()).unwrap(),
        }
    }

    #[test]
    fn a_gap_is_proved_by_its_own_destruction_and_no_other() {
        let forgotten = Log::new();
        let file = gap(&forgotten, 1).to_string();
        let read = ProofFile::parse(&file).unwrap();
        assert_eq!(read, gap(&forgotten, 1));
        let verified = read.verify(&log()).unwrap();
        let entries = verified.destruction.map(|it| it.entries);
        assert_eq!((verified.opening, entries), (None, Some(3)));
        let other = gap(&forgotten, 2).verify(&log());
        assert_eq!(other, Err(LedgerError::GapMismatch));
        assert!(file.len() < 2_000, "{} bytes", file.len());
    }

    #[test]
    fn receipts_with_another_part_are_refused() {
        let other_opening = Contents::Opening(Opening {
            blind: [7; 32],
            payload: b"other".to_vec(),
        });
        let other_entry = Entry {
            time: 0,
            ..receipt().entry
        };
        let cases = [
            (
                ProofFile {
                    contents: other_opening,
                    ..receipt()
                },
                LedgerError::CommitmentMismatch,
            ),
            (
                ProofFile {
                    entry: other_entry,
                    ..receipt()
                },
                LedgerError::RootMismatch,
            ),
            (
                ProofFile {
                    index: 2,
                    ..receipt()
                },
                LedgerError::RootMismatch,
            ),
            (
                ProofFile {
                    index: 5,
                    ..receipt()
                },
                LedgerError::IndexOutsideTree { index: 5, size: 5 },
            ),
            (
                ProofFile {
                    proof: Vec::new(),
                    ..receipt()
                },
                LedgerError::ProofLength,
            ),
        ];
        for (file, expected) in cases {
            assert_eq!(file.verify(&log()), Err(expected));
        }
        let other_log = witness_key().verifier(SignatureType::Ed25519);
        assert_eq!(
            receipt().verify(&other_log),
            Err(LedgerError::SignatureMissing)
        );
    }

    #[test]
    fn malformed_files_are_refused() {
        let file = receipt().to_string();
        let extra = file.lines().nth(1).unwrap();
        let with_extra =
            |bytes: &[u8]| file.replace(extra, &format!("extra {}", BASE64_STANDARD.encode(bytes)));
        let entry = receipt().entry.to_bytes();
        let short_opening = [entry.as_slice(), &[7; 31]].concat();
        let malformed = LedgerError::ProofFileMalformed;
        let cases = [
            (String::new(), malformed),
            (file.replace("@v1", "@v2"), malformed),
            (file.replace(&format!("{extra}\n"), ""), malformed),
            (file.replace("index 3\n", ""), malformed),
            (file.replace("index 3", "index 03"), malformed),
            (file.replace("index 3", "index +3"), malformed),
            (
                file.replace("index 3", "index 18446744073709551616"),
                malformed,
            ),
            (file.replace("index 3", "index 3\nAAAA"), malformed),
            (file.replace("\n\ndisclosure", "\ndisclosure"), malformed),
            (with_extra(&entry[..56]), malformed),
            (with_extra(&[0; 57]), LedgerError::EntryMalformed),
            (with_extra(&short_opening), LedgerError::OpeningMalformed),
            (file.trim_end().to_owned(), LedgerError::NoteMalformed),
        ];
        for (text, expected) in cases {
            assert_eq!(ProofFile::parse(&text), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_file_over_its_bound_is_not_read() {
        let over = "\n".repeat(FILE_BYTES_MAX + 1);
        assert_eq!(
            ProofFile::parse(&over),
            Err(LedgerError::ProofFileMalformed)
        );
    }
}
