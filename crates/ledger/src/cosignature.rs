//! Witness cosignatures: a checkpoint, with the time a witness saw it (C2SP tlog-cosignature, v1).

use crate::{Note, NoteKey, NoteSignature, SignatureType};

/// Cosigns a note's text at a time in unix seconds.
///
/// The caller has verified that the text is a checkpoint and consistent with the last one it cosigned.
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
