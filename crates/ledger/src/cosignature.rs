//! Witness cosignatures: a checkpoint, with the time a witness saw it (C2SP tlog-cosignature, v1).

use crate::{Note, NoteKey, NoteSignature, SignatureType};

/// Cosigns a note's text at a time in unix seconds.
///
/// The caller has verified that the text is a checkpoint and consistent with the last one it
/// cosigned.
/// One key serves one witness: a v1 cosignature does not bind the name.
pub fn cosign(note: &Note, key: &NoteKey, time: u64) -> NoteSignature {
    let signature = key.sign(message(time, note.text()).as_bytes());
    NoteSignature {
        name: key.name().to_owned(),
        key_id: key.verifier(SignatureType::Cosignature).id(),
        signature: [time.to_be_bytes().as_slice(), &signature].concat(),
    }
}

/// The bytes a witness signs.
pub(crate) fn message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::tests::{checkpoint, log};
    use crate::key::tests::{log_key, witness_key};
    use crate::{LedgerError, TrustedSignature};

    fn cosigned() -> Note {
        let mut note = checkpoint().sign(&log_key()).unwrap();
        note.add(cosign(&note, &witness_key(), 1_700_000_000));
        note
    }

    #[test]
    fn cosignature_is_the_worked_vector() {
        let expected = "— witness.example/w1 3xwKNQAAAABlU/EAFHgBRJpZrVuQDBte+tIsah4ioFniJwYuESCNii\
            AQEzu8anaYiAXnQ5YXlN0cUQtZDK3YELCmZ1oJ5NmbqQvuDA==";
        assert_eq!(cosigned().signatures()[1].to_string(), expected);
    }

    #[test]
    fn cosignature_verifies_beside_the_log_and_gives_its_time() {
        let known = [log(), witness_key().verifier(SignatureType::Cosignature)];
        let expected = [
            TrustedSignature {
                key: &known[0],
                time: None,
            },
            TrustedSignature {
                key: &known[1],
                time: Some(1_700_000_000),
            },
        ];
        let read = Note::parse(&cosigned().to_string()).unwrap();
        assert_eq!(read.verify(&known).unwrap(), expected);
    }

    #[test]
    fn every_altered_or_missing_byte_of_a_cosignature_is_refused() {
        let note = checkpoint().sign(&log_key()).unwrap();
        let known = [witness_key().verifier(SignatureType::Cosignature)];
        let cosignature = cosign(&note, &witness_key(), 1_700_000_000);
        let verify = |signature: &[u8]| {
            let mut note = note.clone();
            note.add(NoteSignature {
                signature: signature.to_vec(),
                ..cosignature.clone()
            });
            note.verify(&known).map(|trusted| trusted.len())
        };
        assert_eq!(verify(&cosignature.signature), Ok(1));
        for place in 0..cosignature.signature.len() {
            let mut altered = cosignature.signature.clone();
            altered[place] ^= 1;
            assert_eq!(
                verify(&altered),
                Err(LedgerError::SignatureInvalid),
                "byte {place}"
            );
            let cut = &cosignature.signature[..place];
            assert_eq!(
                verify(cut),
                Err(LedgerError::SignatureInvalid),
                "{place} bytes"
            );
        }
    }

    #[test]
    fn cosignature_is_not_taken_for_a_signature() {
        let plain = [witness_key().verifier(SignatureType::Ed25519)];
        assert_eq!(
            cosigned().verify(&plain),
            Err(LedgerError::SignatureMissing)
        );
    }
}
