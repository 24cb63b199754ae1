//! One function a parser: it must come to an end, and what it accepts must be what was meant.

use grant::{ConsentReceipt, ErasureCertificate, Expect, KeyBundle, SigningKey};
use ledger::{
    AddCheckpoint, Checkpoint, Destruction, Entry, Gap, LogCheck, Note, NoteKey, NoteSignature,
    Opening, ProofFile, Reply, SignatureType, TILE_WIDTH, TilePath, TrustPolicy, VerifierKey,
    cut_bundle, parse_bundle, write_bundle,
};

/// A parser and its name, which is also that of its target and of the folder of its corpus.
pub type Parser = (&'static str, fn(&[u8]));

/// All of them.
pub const PARSERS: &[Parser] = &[
    ("add_checkpoint", add_checkpoint),
    ("bundle", bundle),
    ("checkpoint", checkpoint),
    ("entry", entry),
    ("gap", gap),
    ("key_bundle", key_bundle),
    ("log", log),
    ("note", note),
    ("policy", policy),
    ("proof_file", proof_file),
    ("tile_path", tile_path),
    ("token", token),
    ("trust_policy", trust_policy),
    ("verifier_key", verifier_key),
    ("wrapping_keys", wrapping_keys),
];

/// Calls a parser of text; bytes that are no text never reach it.
fn text(bytes: &[u8], parse: impl FnOnce(&str)) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        parse(text);
    }
}

/// A request to a witness, and a witness's answer.
pub fn add_checkpoint(bytes: &[u8]) {
    text(bytes, |body| {
        if let Ok(request) = AddCheckpoint::parse(body) {
            assert_eq!(request.to_string(), body);
        }
        for status in [200, 409, 404] {
            let _ = Reply::parse(status, body);
        }
    });
}

/// An entry bundle.
pub fn bundle(bytes: &[u8]) {
    let Ok(entries) = parse_bundle(bytes) else {
        return;
    };
    assert!(entries.len() <= usize::from(TILE_WIDTH));
    assert_eq!(write_bundle(entries.iter().copied()).as_deref(), Ok(bytes));
    let half = (entries.len() / 2) as u16;
    let cut = cut_bundle(bytes, half).map(parse_bundle);
    assert_eq!(cut, Ok(Ok(entries[..usize::from(half)].to_vec())));
}

/// The signed text of a checkpoint.
pub fn checkpoint(bytes: &[u8]) {
    text(bytes, |body| {
        if let Ok(checkpoint) = Checkpoint::parse(body) {
            assert!(body.starts_with(&checkpoint.body()));
        }
    });
}

/// A leaf, and the opening behind it.
pub fn entry(bytes: &[u8]) {
    if let Ok(entry) = Entry::parse(bytes) {
        assert_eq!(entry.to_bytes().as_slice(), bytes);
    }
    if let Ok(opening) = Opening::parse(bytes) {
        assert_eq!(opening.to_bytes(), bytes);
    }
}

/// A gap, and the destruction in a payload.
pub fn gap(bytes: &[u8]) {
    if let Ok(gap) = Gap::parse(bytes) {
        assert_eq!(gap.to_bytes(), bytes);
        // Nobody knows a log with this root.
        assert!(gap.verify(&gap.destruction, 0, u64::MAX, &[7; 32]).is_err());
    }
    let _ = Destruction::parse(bytes);
}

/// A set of public keys.
pub fn key_bundle(bytes: &[u8]) {
    text(bytes, |json| drop(KeyBundle::parse(json)));
}

/// A log whose files hold these bytes one after the other.
pub fn log(bytes: &[u8]) {
    let Some((size, mut rest)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let mut check = LogCheck::new(u64::from(u16::from_be_bytes(*size)) + 1, [7; 32])
        .expect("only the empty log is refused at once");
    while check.paths().next().is_some() {
        let (length, more) = rest.split_first_chunk::<2>().unwrap_or((&[0, 0], &[]));
        let length = usize::from(u16::from_be_bytes(*length)).min(more.len());
        let (file, more) = more.split_at(length);
        rest = more;
        if check.take(file).is_err() {
            return;
        }
    }
    panic!("a log with a root that nobody knows was believed");
}

/// A signed note, and one line of it.
pub fn note(bytes: &[u8]) {
    text(bytes, |text| {
        if let Ok(note) = Note::parse(text) {
            assert_eq!(note.to_string(), text);
            assert!(note.verify(&[unused_log()]).is_err());
        }
        if let Ok(signature) = NoteSignature::parse(text) {
            assert_eq!(signature.to_string(), text);
        }
    });
}

/// A privacy policy.
pub fn policy(bytes: &[u8]) {
    text(bytes, |text| {
        let findings = policy::check(text);
        let errors = findings
            .iter()
            .any(|it| it.severity == policy::Severity::Error);
        assert_eq!(policy::compile(text).is_err(), errors);
    });
}

/// A receipt.
pub fn proof_file(bytes: &[u8]) {
    text(bytes, |text| {
        if let Ok(file) = ProofFile::parse(text) {
            assert_eq!(file.to_string(), text);
            assert!(file.verify(&unused_log()).is_err());
        }
    });
}

/// The path of a tile or of an entry bundle.
pub fn tile_path(bytes: &[u8]) {
    text(bytes, |text| {
        if let Ok(path) = TilePath::parse(text) {
            assert_eq!(path.to_string(), text);
        }
    });
}

/// A grant, a consent receipt or an erasure certificate.
pub fn token(bytes: &[u8]) {
    let key = SigningKey::from_seed(&[7; 32]);
    let keys = KeyBundle::new(vec![key.jwk("consent")]).expect("it is a key");
    let expect = Expect {
        issuers: &["consent"],
        audience: "identity",
        holder: "spiffe://vow.local/workload/shop",
        tenant: "default",
        now: 1_700_000_000,
    };
    text(bytes, |token| {
        // What the key above signed is in the corpus; nobody else can sign anything.
        let _ = grant::verify(token, &keys, &expect);
        let _ = ConsentReceipt::verify(token, &keys);
        let _ = ErasureCertificate::verify(token, &keys);
    });
}

/// Which logs and witnesses are believed.
pub fn trust_policy(bytes: &[u8]) {
    if let Ok(policy) = TrustPolicy::parse(bytes) {
        for log in policy.logs() {
            assert!(policy.log(log.key.name()).is_some());
        }
    }
}

/// A verifier key.
pub fn verifier_key(bytes: &[u8]) {
    text(bytes, |line| {
        if let Ok(key) = VerifierKey::parse(line) {
            assert_eq!(key.to_string(), line);
        }
    });
}

/// The file of the key-encryption keys.
pub fn wrapping_keys(bytes: &[u8]) {
    text(bytes, |text| drop(vault::FileKeySource::parse(text)));
}

/// The key of a log that signed nothing.
fn unused_log() -> VerifierKey {
    let key = NoteKey::from_seed("nobody.example/log", &[7; 32]).expect("it is a name");
    key.verifier(SignatureType::Ed25519)
}
