//! Signed notes: text, a blank line, and a line for each signature (C2SP signed-note).

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::key::check_name;
use crate::{LedgerError, NoteKey, SignatureType, VerifierKey};

const NOTE_BYTES_MAX: usize = 256 * 1024;
/// The format demands at least 16.
const SIGNATURES_MAX: usize = 64;

/// A text with its signatures, none of them verified yet.
///
/// `Display` writes it out again, byte for byte as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// Who is said to have signed.
    pub name: String,
    /// Which of their keys is said to have signed.
    pub key_id: [u8; 4],
    /// The signature; its form depends on the key's type.
    pub signature: Vec<u8>,
}

/// A signature that was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedSignature<'a> {
    /// The known key that signed.
    pub key: &'a VerifierKey,
    /// When a witness cosigned, in unix seconds; `None` for a plain signature.
    pub time: Option<u64>,
}

impl Note {
    /// Signs a text, which must end in a newline.
    ///
    /// # Errors
    /// [`LedgerError::NoteMalformed`] for a text that no note can carry.
    pub fn sign(text: String, key: &NoteKey) -> Result<Self, LedgerError> {
        check_text(&text)?;
        let signature = NoteSignature {
            name: key.name().to_owned(),
            key_id: key.verifier(SignatureType::Ed25519).id(),
            signature: key.sign(text.as_bytes()),
        };
        Ok(Self {
            text,
            signatures: vec![signature],
        })
    }

    /// Reads a signed note of at most 256 KiB and 64 signatures.
    ///
    /// # Errors
    /// [`LedgerError::NoteMalformed`].
    pub fn parse(note: &str) -> Result<Self, LedgerError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(LedgerError::NoteMalformed);
        }
        let (text, lines) = note.rsplit_once("\n\n").ok_or(LedgerError::NoteMalformed)?;
        let text = format!("{text}\n");
        check_text(&text)?;
        let lines = lines.strip_suffix('\n').ok_or(LedgerError::NoteMalformed)?;
        if lines.split('\n').count() > SIGNATURES_MAX {
            return Err(LedgerError::NoteMalformed);
        }
        let signatures = lines
            .split('\n')
            .map(NoteSignature::parse)
            .collect::<Result<_, _>>()?;
        Ok(Self { text, signatures })
    }

    /// The text, as yet believed by nobody, with its final newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures as they stand.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature that someone else made; whether it holds is for [`Note::verify`].
    pub fn add(&mut self, signature: NoteSignature) {
        self.signatures.push(signature);
    }

    /// The note with one signature by each of these keys that signed it, and without all that
    /// strangers added.
    ///
    /// # Errors
    /// Those of [`Note::verify`].
    pub fn signed_by(&self, known: &[VerifierKey]) -> Result<Self, LedgerError> {
        self.verify(known)?;
        let first = |key: &VerifierKey| self.signatures.iter().find(|it| key.made(it)).cloned();
        Ok(Self {
            text: self.text.clone(),
            signatures: known.iter().filter_map(first).collect(),
        })
    }

    /// Verifies the signatures of the keys we know and ignores all others.
    ///
    /// # Errors
    /// [`LedgerError::SignatureInvalid`] if one by a known key does not hold,
    /// [`LedgerError::SignatureMissing`] if no known key signed.
    pub fn verify<'a>(
        &self,
        known: &'a [VerifierKey],
    ) -> Result<Vec<TrustedSignature<'a>>, LedgerError> {
        let mut trusted = Vec::new();
        for signature in &self.signatures {
            let Some(key) = known.iter().find(|key| key.made(signature)) else {
                continue;
            };
            let time = key.verify(&self.text, &signature.signature)?;
            trusted.push(TrustedSignature { key, time });
        }
        if trusted.is_empty() {
            Err(LedgerError::SignatureMissing)
        } else {
            Ok(trusted)
        }
    }
}

impl NoteSignature {
    /// Reads a signature line without its newline, as a witness answers it.
    ///
    /// # Errors
    /// [`LedgerError::NoteMalformed`].
    pub fn parse(line: &str) -> Result<Self, LedgerError> {
        let parts = || {
            let (name, signature) = line.strip_prefix("— ")?.split_once(' ')?;
            check_name(name).ok()?;
            let bytes = BASE64_STANDARD.decode(signature).ok()?;
            let (key_id, signature) = bytes.split_first_chunk()?;
            let signature = signature.to_vec();
            Some(Self {
                name: name.to_owned(),
                key_id: *key_id,
                signature,
            })
        };
        parts()
            .filter(|parsed| !parsed.signature.is_empty())
            .ok_or(LedgerError::NoteMalformed)
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.key_id.as_slice(), &self.signature].concat();
        write!(
            formatter,
            "— {} {}",
            self.name,
            BASE64_STANDARD.encode(bytes)
        )
    }
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.text)?;
        for signature in &self.signatures {
            writeln!(formatter, "{signature}")?;
        }
        Ok(())
    }
}

fn check_text(text: &str) -> Result<(), LedgerError> {
    let control = |it: char| it < ' ' && it != '\n';
    if !text.ends_with('\n') || text.contains(control) {
        return Err(LedgerError::NoteMalformed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::tests::{log_key, witness_key};

    const EXAMPLE_KEY: &str =
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    const EXAMPLE: &str = "This is an example message.\n\n\
        — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXm\
        RKuwHjG1Yu72IneyaQM=\n";

    fn verifier(key: &NoteKey) -> VerifierKey {
        key.verifier(SignatureType::Ed25519)
    }

    fn note() -> Note {
        Note::sign("one\n\ntwo\n".to_owned(), &log_key()).unwrap()
    }

    #[test]
    fn example_of_the_specification_verifies() {
        let note = Note::parse(EXAMPLE).unwrap();
        assert_eq!(note.text(), "This is an example message.\n");
        assert_eq!(note.to_string(), EXAMPLE);
        let key = VerifierKey::parse(EXAMPLE_KEY).unwrap();
        let trusted = note.verify(std::slice::from_ref(&key));
        assert_eq!(
            trusted,
            Ok(vec![TrustedSignature {
                key: &key,
                time: None
            }])
        );
    }

    #[test]
    fn text_may_hold_blank_lines() {
        assert_eq!(Note::parse(&note().to_string()), Ok(note()));
    }

    #[test]
    fn signatures_by_unknown_keys_are_ignored() {
        let mut signed = note();
        let mut same_name = signed.signatures()[0].clone();
        same_name.key_id[0] ^= 1;
        let mut same_id = signed.signatures()[0].clone();
        same_id.name.push('2');
        for unknown in [same_name, same_id] {
            signed.add(NoteSignature {
                signature: vec![0; 64],
                ..unknown
            });
        }
        let known = [verifier(&witness_key()), verifier(&log_key())];
        let trusted = signed.verify(&known).unwrap();
        assert_eq!(
            trusted,
            [TrustedSignature {
                key: &known[1],
                time: None
            }]
        );
    }

    #[test]
    fn one_false_signature_by_a_known_key_refuses_the_note() {
        let mut signed = note();
        let mut altered = signed.signatures()[0].clone();
        altered.signature[0] ^= 1;
        signed.add(altered);
        let refused = signed.verify(&[verifier(&log_key())]).unwrap_err();
        assert_eq!(refused, LedgerError::SignatureInvalid);
    }

    #[test]
    fn what_strangers_added_and_what_is_repeated_is_left_out() {
        let mut padded = note();
        let own = padded.signatures()[0].clone();
        while padded.signatures().len() < SIGNATURES_MAX - 1 {
            padded.add(own.clone());
            padded.add(NoteSignature {
                key_id: [7; 4],
                ..own.clone()
            });
        }
        let known = [verifier(&witness_key()), verifier(&log_key())];
        assert_eq!(padded.signed_by(&known), Ok(note()));
        assert_eq!(
            padded.signed_by(&known[..1]),
            Err(LedgerError::SignatureMissing)
        );
        padded.add(NoteSignature {
            signature: vec![0; 64],
            ..own
        });
        assert_eq!(padded.signed_by(&known), Err(LedgerError::SignatureInvalid));
    }

    #[test]
    fn a_note_no_known_key_signed_is_refused() {
        let known = [verifier(&witness_key())];
        for keys in [&[], known.as_slice()] {
            assert_eq!(note().verify(keys), Err(LedgerError::SignatureMissing));
        }
    }

    #[test]
    fn notes_hold_64_signatures_and_no_more() {
        let mut signed = note();
        while signed.signatures().len() < SIGNATURES_MAX {
            signed.add(signed.signatures()[0].clone());
        }
        let read = Note::parse(&signed.to_string()).unwrap();
        assert_eq!(read.verify(&[verifier(&log_key())]).unwrap().len(), 64);
        signed.add(signed.signatures()[0].clone());
        assert_eq!(
            Note::parse(&signed.to_string()),
            Err(LedgerError::NoteMalformed)
        );
    }

    #[test]
    fn notes_hold_256_kibibytes_and_no_more() {
        let sign = |length| {
            Note::sign("a".repeat(length) + "\n", &log_key())
                .unwrap()
                .to_string()
        };
        let rest = sign(0).len();
        let longest = sign(NOTE_BYTES_MAX - rest);
        assert!(Note::parse(&longest).is_ok());
        let longer = sign(NOTE_BYTES_MAX - rest + 1);
        assert_eq!(Note::parse(&longer), Err(LedgerError::NoteMalformed));
    }

    #[test]
    fn malformed_notes_are_refused() {
        let line = note().signatures()[0].to_string();
        let refused = [
            String::new(),
            "\n\n".to_owned(),
            "text\n".to_owned(),
            "text\n\n".to_owned(),
            format!("text\n{line}\n"),
            format!("text\n\n{line}"),
            format!("text\n\n{line}\n\n"),
            format!("text\n\n{line} \n"),
            format!("text\r\n\n{line}\n"),
            format!("te\txt\n\n{line}\n"),
            format!("text\n\n{}\n", line.replace('—', "-")),
            format!("text\n\n{}\n", line.trim_end_matches('=')),
            "text\n\n— name AAAAAA==\n".to_owned(),
            "text\n\n— name AAAA\n".to_owned(),
            "text\n\n— na+me AAAAAAA=\n".to_owned(),
            "text\n\n—  AAAAAAA=\n".to_owned(),
        ];
        for text in refused {
            assert_eq!(
                Note::parse(&text),
                Err(LedgerError::NoteMalformed),
                "{text:?}"
            );
        }
    }

    #[test]
    fn text_without_a_final_newline_is_not_signed() {
        for text in ["", "text", "te\0xt\n"] {
            let refused = Note::sign(text.to_owned(), &log_key());
            assert_eq!(refused, Err(LedgerError::NoteMalformed), "{text:?}");
        }
    }
}
