//! The one line in which tools for signed notes keep a secret key (the package `sumdb/note` of Go).

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::{LedgerError, NoteKey, SignatureType};

const PREFIX: &str = "PRIVATE+KEY+";

impl NoteKey {
    /// The key with its name, `PRIVATE+KEY+<name>+<key id>+<base64>`, for the file it is kept in.
    pub fn to_secret_line(&self) -> String {
        let secret = [&[SignatureType::Ed25519 as u8], self.seed().as_slice()].concat();
        let id = u32::from_be_bytes(self.verifier(SignatureType::Ed25519).id());
        let secret = BASE64_STANDARD.encode(secret);
        format!("{PREFIX}{}+{id:08x}+{secret}", self.name())
    }

    /// Reads such a line, without a newline.
    ///
    /// # Errors
    /// [`LedgerError::KeyNameMalformed`], [`LedgerError::SignatureTypeUnknown`], or
    /// [`LedgerError::KeyMalformed`] also when the stated id is not the key's.
    pub fn from_secret_line(line: &str) -> Result<Self, LedgerError> {
        let malformed = LedgerError::KeyMalformed;
        let rest = line.strip_prefix(PREFIX).ok_or(malformed)?;
        // Base64 has plus signs of its own, a name has none.
        let mut parts = rest.splitn(3, '+');
        let mut part = || parts.next().ok_or(malformed);
        let (name, _, secret) = (part()?, part()?, part()?);
        let secret = BASE64_STANDARD.decode(secret).map_err(|_| malformed)?;
        let (signature_type, seed) = secret.split_first().ok_or(malformed)?;
        if *signature_type != SignatureType::Ed25519 as u8 {
            return Err(LedgerError::SignatureTypeUnknown);
        }
        let key = Self::from_seed(name, seed.try_into().map_err(|_| malformed)?)?;
        if key.to_secret_line() == line {
            Ok(key)
        } else {
            Err(malformed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of the format's own example, and the public half that is published with it.
    const EXAMPLE: &str =
        "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const EXAMPLE_PUBLIC: &str =
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn a_key_of_other_tools_is_read_and_written() {
        let key = NoteKey::from_secret_line(EXAMPLE).unwrap();
        assert_eq!(
            key.verifier(SignatureType::Ed25519).to_string(),
            EXAMPLE_PUBLIC
        );
        assert_eq!(key.to_secret_line(), EXAMPLE);
    }

    #[test]
    fn every_altered_byte_of_a_secret_line_is_refused() {
        for place in 0..EXAMPLE.len() {
            let mut line = EXAMPLE.as_bytes().to_vec();
            line[place] ^= 1;
            let line = String::from_utf8(line).unwrap();
            assert!(NoteKey::from_secret_line(&line).is_err(), "byte {place}");
        }
        for (line, expected) in [
            ("", LedgerError::KeyMalformed),
            ("PRIVATE+KEY+n+00000000+", LedgerError::KeyMalformed),
            ("PRIVATE+KEY+n+00000000+AQ==", LedgerError::KeyMalformed),
            (
                "PRIVATE+KEY+n+00000000+BA==",
                LedgerError::SignatureTypeUnknown,
            ),
        ] {
            assert_eq!(
                NoteKey::from_secret_line(line).err(),
                Some(expected),
                "{line}"
            );
        }
    }
}
