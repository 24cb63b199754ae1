//! The Ed25519 keys that sign notes, and the text form of their public halves (C2SP signed-note).

use std::fmt;

use aws_lc_rs::encoding::{AsBigEndian, Curve25519SeedBin};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::prelude::{BASE64_STANDARD, Engine};
use sha2::{Digest, Sha256};

use crate::LedgerError;
use crate::NoteSignature;
use crate::cosignature;

const NAME_BYTES_MAX: usize = 255;
/// The first byte of a key that cosigns with ML-DSA-44, and the length of what follows.
const ML_DSA: u8 = 0x06;
const ML_DSA_BYTES: usize = 1312;

/// What a signature says; part of the key's id, so that one is never taken for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureType {
    /// The text as it stands: how a log signs its checkpoints.
    Ed25519 = 0x01,
    /// A checkpoint with the time at which a witness saw it to be consistent.
    Cosignature = 0x04,
}

/// A named Ed25519 key that signs notes.
pub struct NoteKey {
    name: String,
    pair: Ed25519KeyPair,
}

impl NoteKey {
    /// A new random key.
    ///
    /// # Errors
    /// [`LedgerError::KeyNameMalformed`].
    pub fn generate(name: &str) -> Result<Self, LedgerError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| LedgerError::KeyMalformed)?;
        Self::new(name, pair)
    }

    /// The key of a 32-byte seed (RFC 8032).
    ///
    /// # Errors
    /// [`LedgerError::KeyNameMalformed`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, LedgerError> {
        let pair =
            Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| LedgerError::KeyMalformed)?;
        Self::new(name, pair)
    }

    /// Reads a PKCS#8 document (RFC 8410, DER), with or without its public key.
    ///
    /// # Errors
    /// [`LedgerError::KeyNameMalformed`] or [`LedgerError::KeyMalformed`].
    pub fn from_pkcs8(name: &str, der: &[u8]) -> Result<Self, LedgerError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
            .map_err(|_| LedgerError::KeyMalformed)?;
        Self::new(name, pair)
    }

    fn new(name: &str, pair: Ed25519KeyPair) -> Result<Self, LedgerError> {
        check_name(name)?;
        Ok(Self {
            name: name.to_owned(),
            pair,
        })
    }

    /// The secret key as PKCS#8 DER, for the file it is kept in.
    pub fn to_pkcs8(&self) -> Vec<u8> {
        let document = self
            .pair
            .to_pkcs8()
            .expect("a key in memory can be encoded");
        document.as_ref().to_vec()
    }

    pub(crate) fn seed(&self) -> [u8; 32] {
        let seed = self.pair.seed().expect("a key in memory has its seed");
        let bytes: Curve25519SeedBin<'_> = seed.as_be_bytes().expect("a seed is 32 bytes");
        bytes.as_ref().try_into().expect("a seed is 32 bytes")
    }

    /// The name that signs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public half, for signatures of one type.
    pub fn verifier(&self, signature_type: SignatureType) -> VerifierKey {
        let public = self.pair.public_key().as_ref();
        let public = public
            .try_into()
            .expect("an Ed25519 public key is 32 bytes");
        VerifierKey::new(&self.name, signature_type, public)
    }

    /// Signs raw bytes: what they are is for the signature type to say.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for NoteKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NoteKey({})", self.name)
    }
}

/// A public key with the name and the signature type it is trusted for.
///
/// `Display` writes the one line that is configured and published, `<name>+<key id>+<base64 key>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    signature_type: SignatureType,
    public: [u8; 32],
    id: [u8; 4],
}

impl VerifierKey {
    fn new(name: &str, signature_type: SignatureType, public: [u8; 32]) -> Self {
        Self {
            name: name.to_owned(),
            signature_type,
            public,
            id: key_id(name, &typed(signature_type, &public)),
        }
    }

    /// Reads a verifier key line, without a newline.
    ///
    /// # Errors
    /// [`LedgerError::KeyNameMalformed`], [`LedgerError::SignatureTypeUnknown`], or
    /// [`LedgerError::KeyMalformed`] also when the stated id is not the key's.
    pub fn parse(line: &str) -> Result<Self, LedgerError> {
        let (name, key) = split_line(line)?;
        let (signature_type, public) = key.split_first().ok_or(LedgerError::KeyMalformed)?;
        let signature_type = match signature_type {
            0x01 => SignatureType::Ed25519,
            0x04 => SignatureType::Cosignature,
            _ => return Err(LedgerError::SignatureTypeUnknown),
        };
        let public = public.try_into().map_err(|_| LedgerError::KeyMalformed)?;
        let verifier = Self::new(name, signature_type, public);
        if verifier.to_string() == line {
            Ok(verifier)
        } else {
            Err(LedgerError::KeyMalformed)
        }
    }

    /// The name whose signatures it verifies; for a log's key, the origin of its checkpoints.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The four bytes that stand before each of its signatures.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// What its signatures say.
    pub fn signature_type(&self) -> SignatureType {
        self.signature_type
    }

    pub(crate) fn has_same_public_key(&self, other: &Self) -> bool {
        self.public == other.public
    }

    pub(crate) fn made(&self, signature: &NoteSignature) -> bool {
        self.name == signature.name && self.id == signature.key_id
    }

    /// Verifies a signature over a note's text; a cosignature gives the time it states.
    pub(crate) fn verify(&self, text: &str, signature: &[u8]) -> Result<Option<u64>, LedgerError> {
        let (time, signature) = match self.signature_type {
            SignatureType::Ed25519 => (None, signature),
            SignatureType::Cosignature => {
                let (time, signature) = signature
                    .split_first_chunk()
                    .ok_or(LedgerError::SignatureInvalid)?;
                (Some(u64::from_be_bytes(*time)), signature)
            }
        };
        let message = time.map(|time| cosignature::message(time, text));
        let message = message.as_deref().unwrap_or(text);
        UnparsedPublicKey::new(&ED25519, self.public)
            .verify(message.as_bytes(), signature)
            .map_err(|_| LedgerError::SignatureInvalid)?;
        Ok(time)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = typed(self.signature_type, &self.public);
        formatter.write_str(&join_line(&self.name, self.id, &key))
    }
}

/// The public key of a verifier key line whose cosignatures nobody here can check, as they are of
/// ML-DSA-44.
pub(crate) fn ml_dsa_key(line: &str) -> Option<Vec<u8>> {
    let (name, key) = split_line(line).ok()?;
    let public = key.strip_prefix(&[ML_DSA])?;
    let spelled = join_line(name, key_id(name, &key), &key);
    (public.len() == ML_DSA_BYTES && spelled == line).then(|| public.to_vec())
}

/// The name and the key, which begins with its type, of a verifier key line.
fn split_line(line: &str) -> Result<(&str, Vec<u8>), LedgerError> {
    // Base64 has plus signs of its own, a name has none.
    let mut parts = line.splitn(3, '+');
    let mut part = || parts.next().ok_or(LedgerError::KeyMalformed);
    let (name, _, key) = (part()?, part()?, part()?);
    check_name(name)?;
    let key = BASE64_STANDARD
        .decode(key)
        .map_err(|_| LedgerError::KeyMalformed)?;
    Ok((name, key))
}

fn join_line(name: &str, id: [u8; 4], key: &[u8]) -> String {
    let id = u32::from_be_bytes(id);
    format!("{name}+{id:08x}+{}", BASE64_STANDARD.encode(key))
}

fn typed(signature_type: SignatureType, public: &[u8; 32]) -> Vec<u8> {
    [&[signature_type as u8], public.as_slice()].concat()
}

fn key_id(name: &str, key: &[u8]) -> [u8; 4] {
    let digest = Sha256::new()
        .chain_update(name)
        .chain_update(b"\n")
        .chain_update(key)
        .finalize();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// A name stands between spaces in a signature line and before a plus in a verifier key line.
pub(crate) fn check_name(name: &str) -> Result<(), LedgerError> {
    let forbidden = |it: char| it == '+' || it.is_whitespace() || it.is_control();
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(forbidden) {
        return Err(LedgerError::KeyNameMalformed);
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const LOG: &str =
        "disclosure.example/log1+76d22fd3+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
    const WITNESS: &str =
        "witness.example/w1+df1c0a35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU";

    pub(crate) fn log_key() -> NoteKey {
        NoteKey::from_seed("disclosure.example/log1", &[1; 32]).unwrap()
    }

    /// The verifier key line of an ML-DSA-44 key with these bytes.
    pub(crate) fn ml_dsa_line(name: &str, byte: u8, length: usize) -> String {
        let key = [&[ML_DSA], vec![byte; length].as_slice()].concat();
        join_line(name, key_id(name, &key), &key)
    }

    pub(crate) fn witness_key() -> NoteKey {
        NoteKey::from_seed("witness.example/w1", &[2; 32]).unwrap()
    }

    #[test]
    fn verifier_keys_are_the_worked_vectors() {
        let log = log_key().verifier(SignatureType::Ed25519);
        let witness = witness_key().verifier(SignatureType::Cosignature);
        for (verifier, line) in [(log, LOG), (witness, WITNESS)] {
            assert_eq!(verifier.to_string(), line);
            assert_eq!(VerifierKey::parse(line), Ok(verifier));
        }
    }

    #[test]
    fn every_altered_byte_of_a_verifier_key_is_refused() {
        for place in 0..LOG.len() {
            let mut line = LOG.as_bytes().to_vec();
            line[place] ^= 1;
            let line = String::from_utf8(line).unwrap();
            assert!(VerifierKey::parse(&line).is_err(), "byte {place}");
        }
    }

    #[test]
    fn malformed_verifier_keys_are_refused_for_what_they_are() {
        let cases = [
            ("", LedgerError::KeyMalformed),
            ("name", LedgerError::KeyMalformed),
            ("name+00000000", LedgerError::KeyMalformed),
            ("name+00000000+", LedgerError::KeyMalformed),
            ("name+00000000+AQ==", LedgerError::KeyMalformed),
            ("+00000000+AQ==", LedgerError::KeyNameMalformed),
            ("a name+00000000+AQ==", LedgerError::KeyNameMalformed),
            ("name+00000000+Ag==", LedgerError::SignatureTypeUnknown),
        ];
        for (line, expected) in cases {
            assert_eq!(VerifierKey::parse(line), Err(expected), "{line}");
        }
        let upper_case = LOG.replace("76d22fd3", "76D22FD3");
        assert_eq!(
            VerifierKey::parse(&upper_case),
            Err(LedgerError::KeyMalformed)
        );
    }

    #[test]
    fn a_key_of_ml_dsa_is_known_for_what_it_is() {
        let line = ml_dsa_line("witness.example/w1", 7, ML_DSA_BYTES);
        assert_eq!(ml_dsa_key(&line), Some(vec![7; ML_DSA_BYTES]));
        assert_eq!(
            VerifierKey::parse(&line),
            Err(LedgerError::SignatureTypeUnknown)
        );
        for other in [
            ml_dsa_line("witness.example/w1", 7, ML_DSA_BYTES - 1),
            ml_dsa_line("witness.example/w1", 7, ML_DSA_BYTES + 1),
            line.replacen("w1", "w2", 1),
            WITNESS.to_owned(),
        ] {
            assert_eq!(ml_dsa_key(&other), None, "{other:.60}");
        }
    }

    #[test]
    fn names_that_would_break_a_line_are_refused() {
        let longest = "n".repeat(255);
        for name in ["n", "disclosure.example/log1", longest.as_str()] {
            assert!(NoteKey::from_seed(name, &[1; 32]).is_ok(), "{name}");
        }
        let longer = "n".repeat(256);
        for name in [
            "",
            "a b",
            "a+b",
            "a\nb",
            "a\u{2003}b",
            "a\u{7f}",
            longer.as_str(),
        ] {
            let refused = NoteKey::from_seed(name, &[1; 32]);
            assert_eq!(
                refused.unwrap_err(),
                LedgerError::KeyNameMalformed,
                "{name:?}"
            );
        }
    }

    #[test]
    fn a_key_survives_its_file() {
        let key = NoteKey::generate("log").unwrap();
        let read = NoteKey::from_pkcs8("log", &key.to_pkcs8()).unwrap();
        let verifier = |key: &NoteKey| key.verifier(SignatureType::Ed25519);
        assert_eq!(verifier(&read), verifier(&key));
        let refused = NoteKey::from_pkcs8("log", &[0; 48]);
        assert_eq!(refused.unwrap_err(), LedgerError::KeyMalformed);
    }

    #[test]
    fn debug_of_a_key_is_its_name() {
        assert_eq!(
            format!("{:?}", log_key()),
            "NoteKey(disclosure.example/log1)"
        );
    }
}
