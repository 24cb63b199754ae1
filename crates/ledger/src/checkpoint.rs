//! Checkpoints: the size and root of the tree that a log signs (C2SP tlog-checkpoint).

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::merkle::parse_hash;
use crate::{Hash, LedgerError, Note, NoteKey, VerifierKey};

/// What a log commits to at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's identity, the name of its key.
    pub origin: String,
    /// Leaves in the tree.
    pub size: u64,
    /// The root of the tree.
    pub root: Hash,
}

impl Checkpoint {
    /// The signed text: origin, size and root, a line each.
    pub fn body(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            BASE64_STANDARD.encode(self.root)
        )
    }

    /// Reads a signed text.
    ///
    /// The extension lines that may follow are passed over: they mean nothing here, and this log
    /// writes none.
    ///
    /// # Errors
    /// [`LedgerError::CheckpointMalformed`].
    pub fn parse(body: &str) -> Result<Self, LedgerError> {
        let parts = || {
            let mut lines = body.split('\n');
            let origin = lines.next().filter(|origin| !origin.is_empty())?.to_owned();
            let size = lines.next()?.parse().ok()?;
            let root = parse_hash(lines.next()?)?;
            Some(Self { origin, size, root })
        };
        let is_line = |it: &str| it.len() > 1 && it.ends_with('\n');
        let is_spelled_so = |parsed: &Self| {
            let extensions = body.strip_prefix(&parsed.body());
            extensions.is_some_and(|it| it.split_inclusive('\n').all(is_line))
        };
        parts()
            .filter(is_spelled_so)
            .ok_or(LedgerError::CheckpointMalformed)
    }

    /// Signs the checkpoint with the log's key.
    ///
    /// # Errors
    /// [`LedgerError::OriginMismatch`] if the key is of another log.
    pub fn sign(&self, key: &NoteKey) -> Result<Note, LedgerError> {
        if self.origin != key.name() {
            return Err(LedgerError::OriginMismatch);
        }
        Note::sign(self.body(), key)
    }

    /// Reads the checkpoint of a note after verifying the log's signature on it.
    ///
    /// # Errors
    /// [`LedgerError::SignatureMissing`], [`LedgerError::SignatureInvalid`],
    /// [`LedgerError::CheckpointMalformed`] or [`LedgerError::OriginMismatch`].
    pub fn open(note: &Note, log: &VerifierKey) -> Result<Self, LedgerError> {
        note.verify(std::slice::from_ref(log))?;
        let checkpoint = Self::parse(note.text())?;
        if checkpoint.origin == log.name() {
            Ok(checkpoint)
        } else {
            Err(LedgerError::OriginMismatch)
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::SignatureType;
    use crate::key::tests::{log_key, witness_key};
    use crate::merkle::root;
    use crate::merkle::tests::leaves;

    pub(crate) fn checkpoint() -> Checkpoint {
        let origin = "disclosure.example/log1".to_owned();
        Checkpoint {
            origin,
            size: 5,
            root: root(&leaves(5)),
        }
    }

    pub(crate) fn log() -> VerifierKey {
        log_key().verifier(SignatureType::Ed25519)
    }

    #[test]
    fn signed_checkpoint_is_the_worked_vector() {
        let expected = "disclosure.example/log1\n\
            5\n\
            GqaNMHSQWlgfhMu9D3U3lJBP2ARRvEwT5p2aU7xZUCw=\n\
            \n\
            — disclosure.example/log1 dtIv06yfIxullZjUkWeCJEaspKtPItXhcdGt/AvRfS2xeEn0F1yPU8Q9yXiF\
            QONfEWcUd23Rry6TzA7DLlBUH3JFRgQ=\n";
        let note = checkpoint().sign(&log_key()).unwrap();
        assert_eq!(note.to_string(), expected);
        assert_eq!(Checkpoint::open(&note, &log()), Ok(checkpoint()));
    }

    #[test]
    fn every_altered_byte_of_a_signed_checkpoint_is_refused() {
        let note = checkpoint().sign(&log_key()).unwrap().to_string();
        for place in 0..note.len() {
            let mut altered = note.clone().into_bytes();
            altered[place] ^= 1;
            let opened = String::from_utf8(altered)
                .ok()
                .and_then(|text| Checkpoint::open(&Note::parse(&text).ok()?, &log()).ok());
            assert_eq!(opened, None, "byte {place}");
        }
    }

    #[test]
    fn any_other_spelling_of_a_checkpoint_is_refused() {
        let body = checkpoint().body();
        assert_eq!(Checkpoint::parse(&body), Ok(checkpoint()));
        let refused = [
            String::new(),
            body.replace("log1", "log1\n"),
            body.replace("disclosure.example/log1", ""),
            body.replace("\n5\n", "\n05\n"),
            body.replace("\n5\n", "\n+5\n"),
            body.replace("\n5\n", "\n-5\n"),
            body.replace("\n5\n", "\n18446744073709551616\n"),
            body.replace("GqaN", ""),
            body.replace('=', ""),
            body.trim_end().to_owned(),
            format!("{body}extension"),
            format!("{body}\n"),
            format!("{body}extension\n\n"),
            format!("{body}\nextension\n"),
        ];
        for text in refused {
            assert_eq!(
                Checkpoint::parse(&text),
                Err(LedgerError::CheckpointMalformed),
                "{text:?}"
            );
        }
    }

    #[test]
    fn extension_lines_are_signed_and_mean_nothing() {
        for extensions in ["extension\n", "one\n2\n — three\n"] {
            let body = checkpoint().body() + extensions;
            assert_eq!(Checkpoint::parse(&body), Ok(checkpoint()));
            let note = Note::sign(body, &log_key()).unwrap().to_string();
            let read = Note::parse(&note).unwrap();
            assert_eq!(Checkpoint::open(&read, &log()), Ok(checkpoint()));
            let altered = Note::parse(&note.replacen(extensions, "other\n", 1)).unwrap();
            let opened = Checkpoint::open(&altered, &log());
            assert_eq!(opened, Err(LedgerError::SignatureInvalid));
        }
    }

    #[test]
    fn only_the_log_itself_signs_its_checkpoint() {
        let other_log = checkpoint().sign(&witness_key());
        assert_eq!(other_log, Err(LedgerError::OriginMismatch));
        // A key may sign any note, so the origin is compared again on the way in.
        let note = Note::sign(checkpoint().body(), &witness_key()).unwrap();
        let key = witness_key().verifier(SignatureType::Ed25519);
        assert_eq!(
            Checkpoint::open(&note, &key),
            Err(LedgerError::OriginMismatch)
        );
        assert_eq!(
            Checkpoint::open(&note, &log()),
            Err(LedgerError::SignatureMissing)
        );
    }
}
