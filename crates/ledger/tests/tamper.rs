//! Every byte of a log, of its checkpoint and of proofs from it, altered one at a time: all is noticed.

use std::{env, thread};

use ledger::{
    BundleId, Checkpoint, Contents, Entry, Frontier, Gap, Hash, LedgerError, LogCheck, LogPaths,
    Note, NoteKey, Opening, ProofFile, SignatureType, Tile, TilePath, TrustPolicy, cosign,
    parse_bundle, prove_inclusion, root, write_bundle,
};
use uuid::Uuid;

const SIZE: u64 = 1_000;
/// These entries are of one person, whose key was destroyed; the last entry of the log says so.
const FORGOTTEN: u64 = 20;

/// What stands at each path of a log.
type Served = Vec<(TilePath, Vec<u8>)>;

/// A log of 1,000 entries as it is published, with all that its keeper knows.
struct Log {
    /// What stands at each path, in the order in which it is checked.
    served: Served,
    checkpoint: Checkpoint,
    note: Note,
    policy: TrustPolicy,
    entries: Vec<Entry>,
    openings: Vec<Opening>,
    tiles: Vec<Tile>,
}

impl Log {
    fn new() -> Self {
        let log =
            NoteKey::from_seed("disclosure.example/log1", &[1; 32]).expect("the log is sound");
        let witness = NoteKey::from_seed("witness.example/w1", &[2; 32]).expect("the log is sound");
        let policy = format!(
            "log {}\nwitness w1 {}\nquorum w1\n",
            log.verifier(SignatureType::Ed25519),
            witness.verifier(SignatureType::Cosignature)
        );
        let mut openings: Vec<_> = (0..SIZE - 1)
            .map(|it| Opening::new(format!("{{\"number\":{it}}}").into_bytes()))
            .collect();
        let mut entries: Vec<_> = (0..).zip(&openings).map(entry).collect();
        let forgotten: Vec<_> = entries[..FORGOTTEN as usize]
            .iter()
            .map(Entry::leaf_hash)
            .collect();
        openings.push(Opening::new(destruction(&root(&forgotten))));
        entries.push(entry((SIZE - 1, &openings[SIZE as usize - 1])));

        let leaves: Vec<_> = entries.iter().map(Entry::leaf_hash).collect();
        let mut frontier = Frontier::new();
        let tiles = frontier.append(&leaves);
        let checkpoint = Checkpoint {
            origin: log.name().to_owned(),
            size: SIZE,
            root: frontier.root(),
        };
        let mut note = checkpoint.sign(&log).expect("the log is sound");
        note.add(cosign(&note, &witness, 1_700_000_000));
        Self {
            served: LogPaths::new(SIZE)
                .map(|path| (path, served(path, &entries, &tiles)))
                .collect(),
            checkpoint,
            note,
            policy: TrustPolicy::parse(policy).expect("the log is sound"),
            entries,
            openings,
            tiles,
        }
    }

    /// What a stranger is told of a note and a log: whether both hold.
    fn open(&self, note: &[u8]) -> Option<Checkpoint> {
        let note = Note::parse(str::from_utf8(note).ok()?).ok()?;
        Some(self.policy.verify(&note).ok()?.checkpoint)
    }

    /// The proof file of an entry, with its opening or with why there is none any more.
    fn receipt(&self, index: u64, contents: Contents) -> String {
        ProofFile {
            entry: self.entries[index as usize],
            contents,
            index,
            proof: self.proof(index),
            checkpoint: self.note.clone(),
        }
        .to_string()
    }

    fn opening(&self, index: u64) -> Contents {
        Contents::Opening(self.openings[index as usize].clone())
    }

    fn gap(&self, index: u64) -> Contents {
        let leaves: Vec<_> = self.entries[..FORGOTTEN as usize]
            .iter()
            .map(Entry::leaf_hash)
            .collect();
        let last = SIZE - 1;
        Contents::Gap(Gap {
            place: index,
            path: Gap::path(&leaves, index).expect("the log is sound"),
            destruction: self.entries[last as usize],
            index: last,
            proof: self.proof(last),
            opening: self.openings[last as usize].clone(),
        })
    }

    fn proof(&self, index: u64) -> Vec<Hash> {
        let read = |id| Some(self.tiles.iter().find(|it| it.id == id)?.hashes.clone());
        prove_inclusion(index, SIZE, read).expect("the log is sound")
    }

    fn verifies(&self, receipt: &[u8]) -> bool {
        let verify = || {
            let file = ProofFile::parse(str::from_utf8(receipt).ok()?).ok()?;
            let trusted = self.policy.verify(&file.checkpoint).ok()?;
            file.verify_under(&trusted.checkpoint).ok()
        };
        verify().is_some()
    }
}

fn entry((number, opening): (u64, &Opening)) -> Entry {
    Entry {
        id: Uuid::from_u128(u128::from(number)),
        time: 1_700_000_000,
        commitment: opening.commitment(),
    }
}

fn destruction(forgotten: &Hash) -> Vec<u8> {
    let root: String = forgotten.iter().map(|it| format!("{it:02x}")).collect();
    let nobody = Uuid::nil();
    let event = format!(
        r#""kind":"key_destroyed","key_id":"{nobody}","owner_kind":"subject","owner_id":"{nobody}","#
    );
    let forgotten = format!(r#""entries":{FORGOTTEN},"entries_root":"{root}""#);
    format!(r#"{{"tenant":"default","recorded_at":1,"event":{{{event}{forgotten}}}}}"#).into_bytes()
}

fn served(path: TilePath, entries: &[Entry], tiles: &[Tile]) -> Vec<u8> {
    match path {
        TilePath::Hashes(id) => {
            let tile = tiles.iter().find(|it| it.id == id);
            tile.expect("the tree has it").hashes.clone()
        }
        TilePath::Entries(BundleId { index, width }) => {
            let first = index as usize * 256;
            let entries: Vec<_> = entries[first..][..usize::from(width)]
                .iter()
                .map(Entry::to_bytes)
                .collect();
            write_bundle(entries.iter().map(<[u8; 57]>::as_slice)).expect("the log is sound")
        }
    }
}

/// The masks that a byte is altered by: one that differs from byte to byte, or every single bit
/// with `VOW_TEST_ALL_BITS`.
fn masks(place: usize) -> Vec<u8> {
    match env::var_os("VOW_TEST_ALL_BITS") {
        Some(_) => (0..8).map(|bit| 1 << bit).collect(),
        None => vec![1 << (place % 8)],
    }
}

/// Each way to alter these bytes, with a name for it.
fn altered(bytes: &[u8]) -> impl Iterator<Item = (usize, u8, Vec<u8>)> {
    let flips =
        (0..bytes.len()).flat_map(|place| masks(place).into_iter().map(move |it| (place, it)));
    flips.map(|(place, mask)| {
        let mut altered = bytes.to_vec();
        altered[place] ^= mask;
        (place, mask, altered)
    })
}

/// Goes on with a check from the path at `from`, at which `bytes` are served.
fn go_on(log: &Log, mut check: LogCheck, from: usize, bytes: &[u8]) -> Result<(), LedgerError> {
    check.take(bytes)?;
    log.served[from + 1..]
        .iter()
        .try_for_each(|(_, bytes)| check.take(bytes))
}

#[test]
fn every_altered_byte_of_a_stored_log_is_noticed() {
    let log = Log::new();
    let mut check = LogCheck::new(log.checkpoint.size, log.checkpoint.root).unwrap();
    // The check is the same for every log up to the altered file: it is done once and gone on with.
    let mut before = Vec::new();
    for (path, bytes) in &log.served {
        before.push((*path, check.clone()));
        assert_eq!(check.take(bytes), Ok(()), "{path}");
    }
    assert_eq!(check.paths().next(), None);
    let flipped: usize = thread::scope(|scope| {
        let files = before
            .into_iter()
            .enumerate()
            .map(|(place, (path, check))| {
                let log = &log;
                scope.spawn(move || {
                    let mut flipped = 0;
                    for (byte, mask, bytes) in altered(&log.served[place].1) {
                        let found = go_on(log, check.clone(), place, &bytes);
                        assert!(
                            found.is_err(),
                            "{path}: byte {byte} with {mask:#x} was not noticed"
                        );
                        flipped += 1;
                    }
                    flipped
                })
            });
        let files: Vec<_> = files.collect();
        files.into_iter().map(|it| it.join().unwrap()).sum()
    });
    let stored: usize = log.served.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(
        flipped >= stored && stored > 90_000,
        "{flipped} of {stored} bytes"
    );
}

#[test]
fn every_altered_byte_of_a_checkpoint_is_noticed() {
    let log = Log::new();
    let note = log.note.to_string().into_bytes();
    assert_eq!(log.open(&note), Some(log.checkpoint.clone()));
    for (byte, mask, altered) in altered(&note) {
        assert_eq!(log.open(&altered), None, "byte {byte} with {mask:#x}");
    }
}

#[test]
fn every_altered_byte_of_a_proof_is_noticed() {
    let log = Log::new();
    let openings = [0, 255, 256, 767, 768, SIZE - 1].map(|it| log.receipt(it, log.opening(it)));
    let gaps = [0, FORGOTTEN - 1].map(|it| log.receipt(it, log.gap(it)));
    let withheld = [log.receipt(500, Contents::Withheld)];
    for receipt in openings.iter().chain(&gaps).chain(&withheld) {
        assert!(log.verifies(receipt.as_bytes()));
        for (byte, mask, altered) in altered(receipt.as_bytes()) {
            assert!(
                !log.verifies(&altered),
                "byte {byte} with {mask:#x}: {receipt}"
            );
        }
        for length in 0..receipt.len() {
            assert!(
                !log.verifies(&receipt.as_bytes()[..length]),
                "{length} bytes"
            );
        }
    }
}

#[test]
fn what_is_cut_moved_or_doubled_is_noticed() {
    let log = Log::new();
    let refused = |what: &str, change: &dyn Fn(&mut Served)| {
        let mut served = log.served.clone();
        change(&mut served);
        assert_ne!(served, log.served, "{what} changed nothing");
        let mut check = LogCheck::new(log.checkpoint.size, log.checkpoint.root).unwrap();
        let taken = served.iter().try_for_each(|(_, bytes)| check.take(bytes));
        assert!(taken.is_err(), "{what} was not noticed");
    };
    let bundles: Vec<_> = (0..log.served.len())
        .filter(|it| matches!(log.served[*it].0, TilePath::Entries(_)))
        .collect();
    let tiles: Vec<_> = (0..log.served.len())
        .filter(|it| !bundles.contains(it))
        .collect();
    for (place, (path, bytes)) in log.served.iter().enumerate() {
        for length in [
            0,
            1,
            32,
            59,
            bytes.len() / 2,
            bytes.len() - 59,
            bytes.len() - 32,
            bytes.len() - 1,
        ] {
            refused(&format!("{path} cut to {length}"), &|it| {
                it[place].1.truncate(length)
            });
        }
        for more in [&[0][..], &[0; 2], &[0; 32], &bytes[..59]] {
            refused(&format!("{path} and more"), &|it| it[place].1.extend(more));
        }
    }
    for kind in [&bundles, &tiles] {
        for (one, other) in kind.iter().zip(&kind[1..]) {
            refused("two swapped", &|it| {
                let bytes = it[*one].1.clone();
                it[*one].1 = std::mem::replace(&mut it[*other].1, bytes);
            });
            refused("one instead of another", &|it| {
                it[*one].1 = it[*other].1.clone()
            });
        }
    }
    for place in bundles {
        let reordered = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
            let mut entries = parse_bundle(&log.served[place].1)
                .unwrap()
                .iter()
                .map(|it| it.to_vec())
                .collect();
            change(&mut entries);
            write_bundle(entries.iter().map(Vec::as_slice)).unwrap()
        };
        refused("two entries swapped", &|it| {
            it[place].1 = reordered(&|it| it.swap(3, 4))
        });
        refused("an entry doubled", &|it| {
            it[place].1 = reordered(&|it| it[3] = it[4].clone())
        });
        refused("an entry left out", &|it| {
            it[place].1 = reordered(&|it| {
                it.remove(3);
            });
        });
        refused("an entry put in", &|it| {
            it[place].1 = reordered(&|it| it.insert(3, it[3].clone()))
        });
    }
}
