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
