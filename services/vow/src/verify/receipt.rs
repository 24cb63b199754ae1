//! Receipts: each by itself, and several against each other.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::RangeInclusive,
    path::Path,
};

use ledger::{
    ChainLink, Checkpoint, Destruction, Hash, LedgerError, ProofFile, Verified, VerifierKey,
    missing_links,
};
use serde::Deserialize;
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Trust, Unsound, read_text, trust::Believed};

/// What several receipts prove.
#[derive(Default)]
pub struct Checked {
    /// What was proved.
    pub sentences: Vec<String>,
    /// The checkpoints that they lead to, each with the name of its receipt.
    pub checkpoints: Vec<(String, Checkpoint)>,
}

/// Checks the receipts in these files.
pub fn check(files: &[&str], trust: &Trust) -> anyhow::Result<Checked> {
    let mut checked = Checked::default();
    let mut chains: BTreeMap<(String, String), Vec<ChainLink>> = BTreeMap::new();
    for name in files {
        let text = read_text(Path::new(name))?;
        let (believed, verified) = open(&text, trust).map_err(|it| Unsound::error(name, it))?;
        if let Some((person, link)) = link(&verified) {
            chains.entry(person).or_default().push(link);
        }
        checked.sentences.push(sentence(&believed, &verified));
        let checkpoint = (name.to_string(), believed.checkpoint);
        checked.checkpoints.push(checkpoint);
    }
    one_tree_a_size(&checked.checkpoints)?;
    for links in chains.into_values() {
        let missing = missing_links(&links);
        let missing = missing.map_err(|it| Unsound::error("what these receipts record", it))?;
        checked.sentences.extend(completeness(&links, &missing));
    }
    Ok(checked)
}

/// Checks one receipt against a log's key, and says what it proves.
pub fn prove(text: &str, key: &VerifierKey) -> Result<String, LedgerError> {
    let (believed, verified) = open(text, &Trust::Key(key.clone()))?;
    Ok(sentence(&believed, &verified))
}

fn open(text: &str, trust: &Trust) -> Result<(Believed, Verified), LedgerError> {
    let file = ProofFile::parse(text)?;
    let believed = trust.open(&file.checkpoint)?;
    let verified = file.verify_under(&believed.checkpoint)?;
    Ok((believed, verified))
}

fn sentence(believed: &Believed, verified: &Verified) -> String {
    let place = format!(
        "entry {} is number {} of the {} in the log {}, whose signature holds{}",
        verified.entry.id,
        verified.index + 1,
        verified.size,
        believed.checkpoint.origin,
        believed.seen_by(),
    );
    match (&verified.opening, &verified.destruction) {
        (Some(opening), _) => {
            let payload = String::from_utf8_lossy(&opening.payload);
            format!("{place}; it commits to exactly this record:\n{payload}")
        }
        (None, Some(destruction)) => format!("{place}; {}", gap(destruction)),
        (None, None) => format!("{place}; the file does not say what the entry records"),
    }
}

fn gap(destruction: &Destruction) -> String {
    let seconds = destruction.recorded_at.div_euclid(1_000);
    let when = OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|it| it.format(&Rfc3339).ok());
    format!(
        "what it records nobody can say any more, and that is lawful: at {} the log recorded that the \
         key of this entry, with that of all {} of its person, was destroyed",
        when.unwrap_or_else(|| seconds.to_string()),
        destruction.entries,
    )
}

/// Two trees of one size are two histories, and a log has one.
fn one_tree_a_size(checkpoints: &[(String, Checkpoint)]) -> anyhow::Result<()> {
    let mut seen: BTreeMap<(&str, u64), (&str, Hash)> = BTreeMap::new();
    for (name, checkpoint) in checkpoints {
        match seen.entry((&checkpoint.origin, checkpoint.size)) {
            Entry::Vacant(place) => {
                place.insert((name, checkpoint.root));
            }
            Entry::Occupied(other) if other.get().1 == checkpoint.root => {}
            Entry::Occupied(other) => {
                let why = format!(
                    "the log signed two histories, this and the one of {}",
                    other.get().0
                );
                return Err(Unsound::error(name, why));
            }
        }
    }
    Ok(())
}

/// What a payload says of its place among its person's entries.
#[derive(Deserialize)]
struct Place {
    tenant: String,
    subject_sequence: u64,
    previous_commitment: Option<String>,
    event: Value,
}

/// Whose entry it is, and its place among theirs; `None` for one that is nobody's.
fn link(verified: &Verified) -> Option<((String, String), ChainLink)> {
    let payload = &verified.opening.as_ref()?.payload;
    let place: Place = serde_json::from_slice(payload).ok()?;
    let subject = ["/subject_id", "/release/subject_id"]
        .iter()
        .find_map(|it| place.event.pointer(it)?.as_str())?;
    let previous = place.previous_commitment.as_deref();
    let link = ChainLink {
        sequence: place.subject_sequence,
        // What is no hash is the hash of nothing.
        previous: previous.map(|it| hash(it).unwrap_or_default()),
        commitment: verified.entry.commitment,
    };
    Some(((place.tenant, subject.to_owned()), link))
}

fn hash(hex: &str) -> Option<Hash> {
    let (pairs, []) = hex.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let byte = |it: &[u8; 2]| u8::from_str_radix(str::from_utf8(it).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes?.try_into().ok()
}

/// One entry alone says how many came before it; that is no news to whoever asked for one.
fn completeness(links: &[ChainLink], missing: &[RangeInclusive<u64>]) -> Option<String> {
    let mut held: Vec<_> = links.iter().map(|it| it.sequence).collect();
    held.sort_unstable();
    held.dedup();
    let last = *held.last()?;
    if last == 1 {
        return None;
    }
    let missing: Vec<_> = missing.iter().map(range).collect();
    let found = match missing.as_slice() {
        [] => format!("of this person's entries these are the first {last}, and none is missing"),
        _ => format!(
            "of this person's first {last} entries these are {}: {} missing",
            held.iter()
                .map(u64::to_string)
                .collect::<Vec<_>>()
                .join(", "),
            match missing.as_slice() {
                [one] if !one.contains(' ') => format!("number {one} is"),
                several => format!("numbers {} are", several.join(", ")),
            }
        ),
    };
    Some(format!(
        "{found}; not proved: that no later one was recorded"
    ))
}

fn range(numbers: &RangeInclusive<u64>) -> String {
    match (numbers.start(), numbers.end()) {
        (start, end) if start == end => start.to_string(),
        (start, end) => format!("{start} to {end}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(held: &[u64]) -> Vec<ChainLink> {
        let link = |it: &u64| ChainLink {
            sequence: *it,
            previous: (*it > 1).then(|| [*it as u8 - 1; 32]),
            commitment: [*it as u8; 32],
        };
        held.iter().map(link).collect()
    }

    #[test]
    fn what_is_missing_between_receipts_is_said() {
        for (held, says) in [
            (
                &[1, 2, 4][..],
                Some("first 4 entries these are 1, 2, 4: number 3 is missing;"),
            ),
            (
                &[5, 2],
                Some("first 5 entries these are 2, 5: numbers 1, 3 to 4 are missing;"),
            ),
            (
                &[4],
                Some("first 4 entries these are 4: numbers 1 to 3 are missing;"),
            ),
            (
                &[3, 1, 2],
                Some("these are the first 3, and none is missing;"),
            ),
            (&[1], None),
        ] {
            let links = links(held);
            let missing = missing_links(&links).expect("they are one history");
            let said = completeness(&links, &missing);
            assert_eq!(said.is_some(), says.is_some(), "{held:?}");
            let said = said.unwrap_or_default();
            assert!(said.contains(says.unwrap_or_default()), "{said}");
        }
    }

    #[test]
    fn a_commitment_is_read_from_hex() {
        assert_eq!(hash(&"0a".repeat(32)), Some([10; 32]));
        for bad in [
            "",
            "0a",
            &"0".repeat(63),
            &"zz".repeat(32),
            &"0a".repeat(33),
        ] {
            assert_eq!(hash(bad), None, "{bad}");
        }
    }
}
