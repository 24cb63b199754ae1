//! What a log and a witness say to each other, and the rule by which a witness cosigns
//! (C2SP tlog-witness).

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::merkle::parse_hash;
use crate::{
    Checkpoint, Hash, LedgerError, Note, NoteSignature, TrustPolicy, empty_root, verify_consistency,
};

/// A proof between two trees of 64-bit sizes needs no more.
const PROOF_HASHES_MAX: usize = 63;

/// A log's request to cosign a checkpoint: the body of `add-checkpoint`.
///
/// ```text
/// old <size>
/// <base64 hash of the consistency proof, one a line>
///
/// <checkpoint with its signatures>
/// ```
///
/// `Display` writes it, byte for byte as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the log believes the witness cosigned last; 0 for none.
    pub old_size: u64,
    /// From the tree of that size to the checkpoint's.
    pub proof: Vec<Hash>,
    /// The checkpoint, as signed.
    pub checkpoint: Note,
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a request, or not a checkpoint.
    #[error("the request is malformed")]
    Malformed,
    /// The old size is larger than the checkpoint's.
    #[error("the old size is larger than the checkpoint")]
    OldSizeTooLarge,
    /// The witness does not serve the log.
    #[error("the log is unknown")]
    OriginUnknown,
    /// The log did not sign the checkpoint.
    #[error("the log's signature does not hold")]
    SignatureInvalid,
    /// The witness cosigned another size last.
    #[error("the last cosigned size is {size}")]
    OldSizeMismatch {
        /// That size.
        size: u64,
    },
    /// The checkpoint does not continue the last one.
    #[error("the checkpoint does not continue the last one")]
    Inconsistent,
}

/// A witness's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Signature lines, of which only those of the witness's known keys mean anything.
    Cosigned(Vec<NoteSignature>),
    /// It cosigned another size last; the request may be made again from there.
    OldSizeMismatch(u64),
    /// It does not cosign.
    Refused,
}

/// Reads the checkpoint that a witness is asked to cosign, if it continues the `last` one that it
/// cosigned for the log.
///
/// Whoever calls keeps others from reading and replacing `last` until the new checkpoint is on the
/// disk, and answers after that.
///
/// # Errors
/// [`Refusal`], the first that applies in the order of the specification.
pub fn judge(
    request: &AddCheckpoint,
    logs: &TrustPolicy,
    last: Option<&Checkpoint>,
) -> Result<Checkpoint, Refusal> {
    let next = logs
        .open(&request.checkpoint)
        .map_err(|error| match error {
            LedgerError::OriginUnknown => Refusal::OriginUnknown,
            LedgerError::CheckpointMalformed => Refusal::Malformed,
            _ => Refusal::SignatureInvalid,
        })?;
    if request.old_size > next.size {
        return Err(Refusal::OldSizeTooLarge);
    }
    let (size, root) = last.map_or_else(|| (0, empty_root()), |it| (it.size, it.root));
    if request.old_size != size {
        return Err(Refusal::OldSizeMismatch { size });
    }
    verify_consistency(size, &root, next.size, &next.root, &request.proof)
        .map_err(|_| Refusal::Inconsistent)?;
    Ok(next)
}

impl AddCheckpoint {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// [`LedgerError::WitnessMessageMalformed`], also for more than 63 hashes, or
    /// [`LedgerError::NoteMalformed`].
    pub fn parse(body: &str) -> Result<Self, LedgerError> {
        let malformed = LedgerError::WitnessMessageMalformed;
        let (head, checkpoint) = body.split_once("\n\n").ok_or(malformed)?;
        let mut lines = head.split('\n');
        let old_size = lines.next().and_then(|it| it.strip_prefix("old "));
        let old_size = old_size.and_then(parse_size).ok_or(malformed)?;
        let proof: Option<Vec<_>> = lines.map(parse_hash).collect();
        let proof = proof.filter(|it| it.len() <= PROOF_HASHES_MAX);
        Ok(Self {
            old_size,
            proof: proof.ok_or(malformed)?,
            checkpoint: Note::parse(checkpoint)?,
        })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "old {}", self.old_size)?;
        for hash in &self.proof {
            writeln!(formatter, "{}", BASE64_STANDARD.encode(hash))?;
        }
        write!(formatter, "\n{}", self.checkpoint)
    }
}

impl Refusal {
    /// The HTTP status that says so.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed | Self::OldSizeTooLarge => 400,
            Self::SignatureInvalid => 403,
            Self::OriginUnknown => 404,
            Self::OldSizeMismatch { .. } => 409,
            Self::Inconsistent => 422,
        }
    }
}

impl Reply {
    /// The media type of the answer that names the last cosigned size.
    pub const SIZE_MEDIA_TYPE: &'static str = "text/x.tlog.size";

    /// Reads an answer: its HTTP status and body.
    ///
    /// # Errors
    /// [`LedgerError::WitnessMessageMalformed`] or [`LedgerError::NoteMalformed`].
    pub fn parse(status: u16, body: &str) -> Result<Self, LedgerError> {
        let malformed = LedgerError::WitnessMessageMalformed;
        match status {
            200 => {
                let lines = body.strip_suffix('\n').ok_or(malformed)?.split('\n');
                let signatures = lines.map(NoteSignature::parse);
                Ok(Self::Cosigned(signatures.collect::<Result<_, _>>()?))
            }
            409 => {
                let size = body.strip_suffix('\n').and_then(parse_size);
                Ok(Self::OldSizeMismatch(size.ok_or(malformed)?))
            }
            _ => Ok(Self::Refused),
        }
    }
}

/// A size in its one spelling.
fn parse_size(digits: &str) -> Option<u64> {
    let size: u64 = digits.parse().ok()?;
    (size.to_string() == digits).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::tests::{checkpoint, log};
    use crate::key::tests::{log_key, witness_key};
    use crate::merkle::root;
    use crate::merkle::tests::{Oracle, leaves};
    use crate::{NoteKey, cosign};

    fn logs() -> TrustPolicy {
        TrustPolicy::parse(format!("log {}\nquorum none\n", log())).unwrap()
    }

    fn of_size(size: u64) -> Checkpoint {
        Checkpoint {
            size,
            root: root(&leaves(size)),
            ..checkpoint()
        }
    }

    fn request(old_size: u64, size: u64) -> AddCheckpoint {
        AddCheckpoint {
            old_size,
            proof: Oracle::new(size).consistency(old_size),
            checkpoint: of_size(size).sign(&log_key()).unwrap(),
        }
    }

    #[test]
    fn a_tree_that_continues_the_last_is_cosigned() {
        for (old, new) in [(0, 1), (0, 5), (5, 5), (5, 6), (256, 300)] {
            let last = of_size(old);
            let last = (old > 0).then_some(&last);
            assert_eq!(judge(&request(old, new), &logs(), last), Ok(of_size(new)));
        }
        // All that the log signed is cosigned, whatever else it says.
        let mut extended = request(5, 8);
        extended.checkpoint = Note::sign(of_size(8).body() + "more\n", &log_key()).unwrap();
        let judged = judge(&extended, &logs(), Some(&of_size(5)));
        assert_eq!(judged, Ok(of_size(8)));
        // An empty tree is a tree, and what follows it needs no proof.
        let mut empty = request(5, 5);
        empty.old_size = 0;
        empty.checkpoint = of_size(0).sign(&log_key()).unwrap();
        assert_eq!(judge(&empty, &logs(), None), Ok(of_size(0)));
        assert_eq!(
            judge(&request(0, 5), &logs(), Some(&of_size(0))),
            Ok(of_size(5))
        );
    }

    #[test]
    fn everything_else_is_refused_with_its_status() {
        let last = of_size(5);
        let signed = |checkpoint: Checkpoint, key: &NoteKey| {
            let checkpoint = checkpoint.sign(key).unwrap();
            AddCheckpoint {
                checkpoint,
                ..request(5, 8)
            }
        };
        let other_root = |size| Checkpoint {
            root: [7; 32],
            ..of_size(size)
        };
        let other_origin = Checkpoint {
            origin: witness_key().name().into(),
            ..of_size(8)
        };
        let other_key = NoteKey::from_seed(log_key().name(), &[3; 32]).unwrap();
        let with_empty_line = Note::sign(of_size(8).body() + "\nmore\n", &log_key()).unwrap();
        let shorter = |it: AddCheckpoint| AddCheckpoint {
            proof: it.proof[1..].to_vec(),
            ..it
        };
        let longer = |mut it: AddCheckpoint| {
            it.proof.push([0; 32]);
            it
        };
        let mut false_signature = request(5, 8);
        let mut line = false_signature.checkpoint.signatures()[0].clone();
        line.signature[0] ^= 1;
        false_signature.checkpoint.add(line);

        let mismatch = Refusal::OldSizeMismatch { size: 5 };
        for (request, refusal, status) in [
            (
                AddCheckpoint {
                    checkpoint: with_empty_line,
                    ..request(5, 8)
                },
                Refusal::Malformed,
                400,
            ),
            (
                AddCheckpoint {
                    old_size: 9,
                    ..request(5, 8)
                },
                Refusal::OldSizeTooLarge,
                400,
            ),
            (
                signed(of_size(8), &other_key),
                Refusal::SignatureInvalid,
                403,
            ),
            (false_signature, Refusal::SignatureInvalid, 403),
            (
                signed(other_origin, &witness_key()),
                Refusal::OriginUnknown,
                404,
            ),
            (request(0, 8), mismatch, 409),
            (request(6, 8), mismatch, 409),
            (request(4, 4), mismatch, 409),
            (shorter(request(5, 8)), Refusal::Inconsistent, 422),
            (longer(request(5, 8)), Refusal::Inconsistent, 422),
            (
                signed(other_root(8), &log_key()),
                Refusal::Inconsistent,
                422,
            ),
            (
                AddCheckpoint {
                    proof: Vec::new(),
                    ..signed(other_root(5), &log_key())
                },
                Refusal::Inconsistent,
                422,
            ),
            (longer(request(5, 5)), Refusal::Inconsistent, 422),
        ] {
            let judged = judge(&request, &logs(), Some(&last));
            assert_eq!(judged, Err(refusal), "{request}");
            assert_eq!(refusal.status(), status);
        }
        let empty = AddCheckpoint {
            old_size: 0,
            proof: Vec::new(),
            ..signed(other_root(0), &log_key())
        };
        assert_eq!(judge(&empty, &logs(), None), Err(Refusal::Inconsistent));
        assert_eq!(
            judge(&longer(request(0, 8)), &logs(), None),
            Err(Refusal::Inconsistent)
        );
        let mismatch = Refusal::OldSizeMismatch { size: 0 };
        assert_eq!(judge(&request(5, 8), &logs(), None), Err(mismatch));
    }

    #[test]
    fn a_request_is_read_as_it_was_written_and_no_other_way() {
        for it in [request(0, 5), request(5, 5), request(300, 1_000)] {
            assert_eq!(AddCheckpoint::parse(&it.to_string()), Ok(it));
        }
        let plain = request(5, 8).to_string();
        let (head, note) = plain.split_once("\n\n").unwrap();
        let hash = head.lines().last().unwrap();
        let with = |head: &str| AddCheckpoint::parse(&format!("{head}\n\n{note}"));
        let malformed = Err(LedgerError::WitnessMessageMalformed);
        for head in [
            "",
            "old",
            "old ",
            "old 05",
            "old +5",
            "old -1",
            "old  5",
            " old 5",
            "Old 5",
            "old 18446744073709551616",
            "old 5\r",
            "old 5\nAAAA",
        ] {
            assert_eq!(with(head), malformed, "{head}");
        }
        let hashes = |count: usize| format!("old 5\n{}", [hash].repeat(count).join("\n"));
        assert_eq!(with(&hashes(63)).unwrap().proof.len(), 63);
        assert_eq!(with(&hashes(64)), malformed);
        assert_eq!(AddCheckpoint::parse(""), malformed);
        assert_eq!(AddCheckpoint::parse(head), malformed);
        let no_note = AddCheckpoint::parse(&format!("{head}\n\n"));
        assert_eq!(no_note, Err(LedgerError::NoteMalformed));
    }

    #[test]
    fn answers_are_read_by_their_status() {
        let note = of_size(5).sign(&log_key()).unwrap();
        let line = cosign(&note, &witness_key(), 1);
        let two = format!("{line}\n{line}\n");
        assert_eq!(
            Reply::parse(200, &two),
            Ok(Reply::Cosigned(vec![line.clone(), line.clone()]))
        );
        assert_eq!(
            Reply::parse(409, "18446744073709551615\n"),
            Ok(Reply::OldSizeMismatch(u64::MAX))
        );
        for status in [201, 204, 301, 400, 403, 404, 422, 429, 500] {
            assert_eq!(Reply::parse(status, &two), Ok(Reply::Refused), "{status}");
        }
        for (status, body) in [
            (200, ""),
            (200, "\n"),
            (409, ""),
            (409, "5"),
            (409, "05\n"),
            (409, "5\n\n"),
        ] {
            assert!(Reply::parse(status, body).is_err(), "{status} {body:?}");
        }
        assert!(Reply::parse(200, &line.to_string()).is_err());
    }
}
