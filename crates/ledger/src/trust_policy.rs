//! The trust policy: which logs are believed, and which witnesses must have seen what they sign
//! (C2SP tlog-policy).
//!
//! ```text
//! log <vkey> [<url>]
//! witness <name> <vkey> [<url>]
//! group <name> all|any|<k> <name>...
//! quorum <name>|none
//! ```
//!
//! Names are defined before they are used and stand in at most one group, and no two logs and no
//! two witnesses share a key, so that nobody counts twice. A witness with an ML-DSA-44 key may be
//! named; its cosignatures cannot be checked here, and count for nothing.

mod reader;

use crate::{Checkpoint, LedgerError, Note, VerifierKey};

pub use reader::{PolicyFault, TrustPolicyError};

/// Logs, witnesses and the quorum that a checkpoint needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustPolicy {
    logs: Vec<TrustedParty>,
    witnesses: Vec<TrustedParty>,
    /// Witnesses and groups in the order of their lines, so that members precede their group.
    components: Vec<Component>,
    /// A place in `components`; `None` when no cosignature is required.
    quorum: Option<usize>,
}

/// A log or a witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedParty {
    /// What verifies its signatures; its name is the log's origin or the witness's own name.
    pub key: VerifierKey,
    /// Where it can be reached: of a log where it is read, of a witness its submission prefix.
    pub url: Option<String>,
}

/// A checkpoint that a policy trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted<'a> {
    /// What the log signed.
    pub checkpoint: Checkpoint,
    /// The policy's witnesses whose cosignatures hold, in the order of the policy.
    pub cosigned_by: Vec<Cosigned<'a>>,
}

/// A cosignature that was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cosigned<'a> {
    /// Who cosigned.
    pub witness: &'a TrustedParty,
    /// When, by the witness's clock, in unix seconds; the latest if it cosigned several times.
    pub time: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Component {
    /// A place in `witnesses`.
    Witness(usize),
    /// A witness whose cosignatures nobody here can check, so that they never count.
    Unchecked,
    /// Enough of these places in `components`.
    Group {
        threshold: usize,
        members: Vec<usize>,
    },
}

impl TrustPolicy {
    /// Reads a policy of at most 256 KiB.
    ///
    /// Names are octets and compared as such; only keys and URLs must be UTF-8.
    ///
    /// # Errors
    /// [`TrustPolicyError`] with the first line that is wrong.
    pub fn parse(policy: impl AsRef<[u8]>) -> Result<Self, TrustPolicyError> {
        let mut reader = reader::Reader::default();
        let mut line = 1;
        reader
            .read(policy.as_ref(), &mut line)
            .map_err(|fault| TrustPolicyError { line, fault })
    }

    /// The logs, in the order of their lines.
    pub fn logs(&self) -> &[TrustedParty] {
        &self.logs
    }

    /// The witnesses whose cosignatures can be checked, in the order of their lines.
    pub fn witnesses(&self) -> &[TrustedParty] {
        &self.witnesses
    }

    /// The key of the log with this origin, the first if it has several.
    pub fn log(&self, origin: &str) -> Option<&VerifierKey> {
        self.keys(origin).next()
    }

    /// Reads the checkpoint of a note after verifying that its log signed it. Looks at no cosignature.
    ///
    /// # Errors
    /// [`LedgerError::OriginUnknown`] if no log of the policy has its origin, and those of
    /// [`Checkpoint::open`].
    pub fn open(&self, note: &Note) -> Result<Checkpoint, LedgerError> {
        let origin = note.text().split('\n').next().unwrap_or_default();
        let known: Vec<_> = self.keys(origin).cloned().collect();
        if known.is_empty() {
            return Err(LedgerError::OriginUnknown);
        }
        note.verify(&known)?;
        Checkpoint::parse(note.text())
    }

    /// Verifies all of a note: the log's signature, the cosignatures of known witnesses, and that
    /// these are enough. Signatures by unknown keys are ignored; a known one must hold.
    ///
    /// # Errors
    /// Those of [`TrustPolicy::open`], [`LedgerError::SignatureInvalid`] also for a cosignature, and
    /// [`LedgerError::QuorumMissing`].
    pub fn verify(&self, note: &Note) -> Result<Trusted<'_>, LedgerError> {
        let checkpoint = self.open(note)?;
        let cosigned_by = self.cosigned_by(note)?;
        if !self.is_quorum(&cosigned_by) {
            return Err(LedgerError::QuorumMissing);
        }
        Ok(Trusted {
            checkpoint,
            cosigned_by,
        })
    }

    /// Whether any cosignature is required.
    pub fn needs_witnesses(&self) -> bool {
        self.quorum.is_some()
    }

    fn keys<'a>(&'a self, origin: &str) -> impl Iterator<Item = &'a VerifierKey> {
        let keys = self.logs.iter().map(|it| &it.key);
        keys.filter(move |it| it.name() == origin)
    }

    fn cosigned_by(&self, note: &Note) -> Result<Vec<Cosigned<'_>>, LedgerError> {
        let mut cosigned_by = Vec::new();
        for witness in &self.witnesses {
            match note.verify(std::slice::from_ref(&witness.key)) {
                Ok(cosignatures) => {
                    let time = cosignatures.iter().filter_map(|it| it.time).max();
                    let time = time.unwrap_or_default();
                    cosigned_by.push(Cosigned { witness, time });
                }
                Err(LedgerError::SignatureMissing) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(cosigned_by)
    }

    fn is_quorum(&self, cosigned_by: &[Cosigned<'_>]) -> bool {
        let cosigned = |witness: &TrustedParty| {
            let mut witnesses = cosigned_by.iter().map(|it| it.witness);
            witnesses.any(|it| it.key == witness.key)
        };
        // Members precede their group, so one walk decides them all.
        let mut holds: Vec<bool> = Vec::with_capacity(self.components.len());
        for component in &self.components {
            holds.push(match component {
                Component::Witness(place) => cosigned(&self.witnesses[*place]),
                Component::Unchecked => false,
                Component::Group { threshold, members } => {
                    members.iter().filter(|it| holds[**it]).count() >= *threshold
                }
            });
        }
        self.quorum.is_none_or(|place| holds[place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::tests::{checkpoint, log};
    use crate::key::tests::{log_key, ml_dsa_line};
    use crate::{NoteKey, NoteSignature, SignatureType, cosign};

    const TIME: u64 = 1_700_000_000;

    fn witness(number: u8) -> NoteKey {
        NoteKey::from_seed(&format!("w{number}.example"), &[100 + number; 32]).unwrap()
    }

    /// A log, and the witnesses `w0` to `w5` with these groups and quorum.
    fn policy(rules: &str) -> TrustPolicy {
        let mut policy = format!("log {} https://log.example/\n", log());
        for number in 0..6 {
            let key = witness(number).verifier(SignatureType::Cosignature);
            policy += &format!("witness w{number} {key} https://w{number}.example/\n");
        }
        TrustPolicy::parse(policy + rules).unwrap()
    }

    fn cosigned(witnesses: &[u8]) -> Note {
        let mut note = checkpoint().sign(&log_key()).unwrap();
        for number in witnesses {
            note.add(cosign(&note, &witness(*number), TIME));
        }
        note
    }

    fn is_trusted(policy: &TrustPolicy, witnesses: &[u8]) -> bool {
        match policy.verify(&cosigned(witnesses)) {
            Ok(trusted) => trusted.checkpoint == checkpoint(),
            Err(error) => {
                assert_eq!(error, LedgerError::QuorumMissing);
                false
            }
        }
    }

    #[test]
    fn a_checkpoint_is_trusted_exactly_when_the_quorum_cosigned() {
        let two_of_three = "group x 2 w0 w1 w2\n";
        for (rules, enough, too_few) in [
            (
                "quorum none\n",
                &[&[][..], &[0], &[0, 1, 2, 3, 4, 5]][..],
                &[][..],
            ),
            (
                "quorum w1\n",
                &[&[1], &[0, 1]],
                &[&[][..], &[0], &[0, 2, 3, 4, 5]],
            ),
            (
                &format!("{two_of_three}quorum x\n"),
                &[&[0, 1], &[2, 1], &[0, 1, 2]],
                &[&[], &[0], &[0, 3, 4, 5]],
            ),
            (
                &format!("{two_of_three}group y any w3 w4\ngroup z all x y\nquorum z\n"),
                &[&[0, 2, 4], &[0, 1, 2, 3, 4, 5]],
                &[&[0, 1, 5], &[0, 1], &[2, 3, 4]],
            ),
            // A name may be in a group that the quorum does not ask for.
            ("group x all w0 w1\nquorum w0\n", &[&[0]], &[&[1]]),
        ] {
            let policy = policy(rules);
            for witnesses in enough {
                assert!(is_trusted(&policy, witnesses), "{rules} {witnesses:?}");
            }
            for witnesses in too_few {
                assert!(!is_trusted(&policy, witnesses), "{rules} {witnesses:?}");
            }
        }
    }

    #[test]
    fn a_witness_that_cannot_be_checked_may_be_named_and_never_counts() {
        let line = format!(
            "witness later {} https://l.example/\n",
            ml_dsa_line("later", 7, 1312)
        );
        for (rules, enough) in [
            ("group x any w0 later\nquorum x\n", true),
            ("group x all w0 later\nquorum x\n", false),
            ("group x 2 w0 w1 later\nquorum x\n", false),
            ("quorum later\n", false),
        ] {
            let policy = policy(&(line.clone() + rules));
            assert_eq!(policy.witnesses().len(), 6);
            assert_eq!(is_trusted(&policy, &[0]), enough, "{rules}");
        }
    }

    #[test]
    fn a_witness_counts_once_however_often_it_cosigns() {
        let policy = policy("group x 2 w0 w1 w2\nquorum x\n");
        let mut note = cosigned(&[0, 0]);
        note.add(cosign(&note, &witness(0), TIME + 1));
        assert_eq!(policy.verify(&note), Err(LedgerError::QuorumMissing));
        note.add(cosign(&note, &witness(1), TIME));
        let trusted = policy.verify(&note).unwrap();
        let times: Vec<_> = trusted.cosigned_by.iter().map(|it| it.time).collect();
        assert_eq!(times, [TIME + 1, TIME]);
        assert_eq!(trusted.cosigned_by[0].witness, &policy.witnesses()[0]);
    }

    #[test]
    fn unknown_cosigners_are_ignored_and_known_ones_must_hold() {
        let policy = policy("quorum w0\n");
        let mut note = cosigned(&[0]);
        // Of no listed key, one of them with the length of an ML-DSA-44 cosignature.
        for length in [72, 8 + 2420] {
            note.add(NoteSignature {
                name: "w1.example".into(),
                key_id: [6; 4],
                signature: vec![0; length],
            });
        }
        note.add(cosign(&note, &witness(77), TIME));
        assert!(policy.verify(&note).is_ok());
        let mut false_one = cosign(&note, &witness(5), TIME);
        false_one.signature[7] ^= 1;
        note.add(false_one);
        assert_eq!(policy.verify(&note), Err(LedgerError::SignatureInvalid));
    }

    #[test]
    fn cosignatures_do_not_stand_for_the_signature_of_the_log() {
        let policy = policy("quorum w0\n");
        let mut foreign = checkpoint();
        foreign.origin = "w0.example".into();
        let foreign = foreign.sign(&witness(0)).unwrap();
        assert_eq!(policy.verify(&foreign), Err(LedgerError::OriginUnknown));
        let unsigned = cosigned(&[0]).to_string();
        let lines = unsigned.split_inclusive('\n');
        let unsigned: String = lines.filter(|it| !it.starts_with("— disclosure")).collect();
        let unsigned = Note::parse(&unsigned).unwrap();
        assert_eq!(policy.verify(&unsigned), Err(LedgerError::SignatureMissing));
    }

    #[test]
    fn any_of_a_logs_keys_may_sign_and_each_that_did_must_hold() {
        let next = NoteKey::from_seed(log_key().name(), &[9; 32]).unwrap();
        let key = next.verifier(SignatureType::Ed25519);
        let policy = format!("log {}\nlog {key}\nquorum none\n", log());
        let policy = TrustPolicy::parse(policy).unwrap();
        let mut note = checkpoint().sign(&next).unwrap();
        assert_eq!(policy.open(&note), Ok(checkpoint()));
        assert_eq!(policy.log(log().name()), Some(&log()));
        let mut old = cosigned(&[]).signatures()[0].clone();
        note.add(old.clone());
        assert_eq!(policy.open(&note), Ok(checkpoint()));
        old.signature[0] ^= 1;
        note.add(old);
        assert_eq!(policy.open(&note), Err(LedgerError::SignatureInvalid));
    }
}
