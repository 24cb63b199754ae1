//! Receipts against each other: what cannot all be of one history, and what is missing in it.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    ops::RangeInclusive,
};

use ledger::{ChainLink, Hash, missing_links};
use serde::Deserialize;
use serde_json::Value;

use super::{Receipt, Unsound};

/// What a payload says of its place among its person's entries.
#[derive(Deserialize)]
struct Place {
    tenant: Option<String>,
    subject_sequence: Option<u64>,
    previous_commitment: Option<String>,
    event: Option<Value>,
}

/// A person as one log names them: its origin, the tenant and the subject.
type Person = (String, String, String);

/// One person's entries among the receipts.
#[derive(Default)]
struct History {
    links: Vec<ChainLink>,
    /// Of the trees that the receipts lead to.
    sizes: BTreeSet<u64>,
}

/// What several receipts prove together. `joined` when a log is asked, too, whether all their trees
/// are of its history.
pub fn check(receipts: &[Receipt], joined: bool) -> anyhow::Result<Vec<String>> {
    one_tree_a_size(receipts)?;
    none_contradicts_another(receipts)?;
    let mut histories: BTreeMap<Person, History> = BTreeMap::new();
    for receipt in receipts {
        if let Some((person, link)) = link(receipt)? {
            let history = histories.entry(person).or_default();
            history.links.push(link);
            history.sizes.insert(receipt.verified.size);
        }
    }
    let mut sentences = Vec::new();
    for History { links, sizes } in histories.into_values() {
        let missing = missing_links(&links);
        let missing = missing.map_err(|it| Unsound::error("what these receipts record", it))?;
        let joined = joined || sizes.len() == 1;
        sentences.extend(completeness(&links, &missing, joined));
    }
    Ok(sentences)
}

/// Two trees of one size are two histories, and a log has one.
fn one_tree_a_size(receipts: &[Receipt]) -> anyhow::Result<()> {
    let mut seen: BTreeMap<(&str, u64), (&str, Hash)> = BTreeMap::new();
    for Receipt { name, believed, .. } in receipts {
        let checkpoint = &believed.checkpoint;
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

/// What a receipt opens, no earlier one can have given for destroyed. One that was kept from before
/// stays good.
fn none_contradicts_another(receipts: &[Receipt]) -> anyhow::Result<()> {
    let opened = receipts.iter().filter(|it| it.verified.opening.is_some());
    let opened: BTreeMap<_, _> = opened
        .map(|it| (it.verified.entry.to_bytes(), it))
        .collect();
    for gap in receipts
        .iter()
        .filter(|it| it.verified.destruction.is_some())
    {
        let other = opened.get(&gap.verified.entry.to_bytes());
        if let Some(other) = other.filter(|it| it.verified.size >= gap.verified.size) {
            let why = format!(
                "it says that the key of its entry was destroyed, and {} opens that entry: they \
                 contradict each other",
                other.name
            );
            return Err(Unsound::error(&gap.name, why));
        }
    }
    Ok(())
}

/// Whose entry it is, and its place among theirs; `None` for one that is nobody's, and for what other
/// kinds of logs record.
fn link(receipt: &Receipt) -> anyhow::Result<Option<(Person, ChainLink)>> {
    let verified = &receipt.verified;
    let payload = verified.opening.as_ref().map(|it| it.payload.as_slice());
    let Some(payload) = payload.filter(|it| it.trim_ascii_start().starts_with(b"{")) else {
        return Ok(None);
    };
    // Whatever is left out of a history could be the one entry that does not fit.
    let unreadable = || {
        let why = "its entry's number among those of its person cannot be read";
        Unsound::error(&receipt.name, why)
    };
    let place: Place = serde_json::from_slice(payload).map_err(|_| unreadable())?;
    let Some(sequence) = place.subject_sequence else {
        return Ok(None);
    };
    let subject = place.event.as_ref().and_then(subject_of);
    let (Some(tenant), Some(subject)) = (place.tenant, subject) else {
        return Err(unreadable());
    };
    let previous = place.previous_commitment.as_deref();
    let link = ChainLink {
        sequence,
        index: verified.index,
        // What is no hash is the hash of nothing.
        previous: previous.map(|it| hash(it).unwrap_or_default()),
        commitment: verified.entry.commitment,
    };
    let origin = receipt.believed.checkpoint.origin.clone();
    Ok(Some(((origin, tenant, subject), link)))
}

fn subject_of(event: &Value) -> Option<String> {
    let mut places = ["/subject_id", "/release/subject_id"].iter();
    let subject = places.find_map(|it| event.pointer(it)?.as_str());
    subject.map(str::to_owned)
}

fn hash(hex: &str) -> Option<Hash> {
    let (pairs, []) = hex.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let byte = |it: &[u8; 2]| u8::from_str_radix(str::from_utf8(it).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes?.try_into().ok()
}

/// One entry alone says how many came before it; that is no news to whoever asked for one. `joined`
/// when all trees are known to be of one history.
fn completeness(
    links: &[ChainLink],
    missing: &[RangeInclusive<u64>],
    joined: bool,
) -> Option<String> {
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
    let not_joined = match joined {
        true => "",
        false => "; that these trees are one history",
    };
    Some(format!(
        "{found}; not proved: that no later one was recorded{not_joined}"
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
            index: *it,
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
            for joined in [true, false] {
                let said = completeness(&links, &missing, joined);
                assert_eq!(said.is_some(), says.is_some(), "{held:?}");
                let said = said.unwrap_or_default();
                assert!(said.contains(says.unwrap_or_default()), "{said}");
                let not_joined = said.contains("that these trees are one history");
                assert_eq!(not_joined, !joined && says.is_some(), "{said}");
            }
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
