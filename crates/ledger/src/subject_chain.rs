//! Completeness: whether the entries of one person are all there, told by what they say themselves.
//!
//! Each payload counts the person's entries from 1 and names the commitment of the one before. So
//! whoever holds one of them knows how many came before it, and two of them cannot belong to
//! different histories unnoticed.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::{Hash, LedgerError};

/// What the payload of one entry says of its place among the person's entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainLink {
    /// Which of the person's entries it is, from 1.
    pub sequence: u64,
    /// The entry's place in the log, from zero.
    pub index: u64,
    /// The commitment of the person's entry before it; `None` for the first.
    pub previous: Option<Hash>,
    /// The commitment of the entry itself.
    pub commitment: Hash,
}

/// The entries of one person, in any order: which of those before the last are missing.
///
/// Later ones than the last nobody can know of from these.
///
/// # Errors
/// [`LedgerError::ChainBroken`] for two different entries with one number, and for an entry that
/// does not follow the one before it, in the chain or in the log.
pub fn missing_links(links: &[ChainLink]) -> Result<Vec<RangeInclusive<u64>>, LedgerError> {
    let mut in_order: BTreeMap<u64, &ChainLink> = BTreeMap::new();
    for link in links {
        if link.sequence == 0 || (link.sequence == 1) != link.previous.is_none() {
            return Err(LedgerError::ChainBroken(link.sequence, link.sequence));
        }
        let same = in_order.insert(link.sequence, link);
        if same.is_some_and(|same| same != link) {
            return Err(LedgerError::ChainBroken(link.sequence, link.sequence));
        }
    }
    let mut missing = Vec::new();
    let mut before: Option<&ChainLink> = None;
    for link in in_order.into_values() {
        let expected = before.map_or(1, |it| it.sequence + 1);
        if expected < link.sequence {
            missing.push(expected..=link.sequence - 1);
        }
        if let Some(before) = before
            && !follows(link, before)
        {
            return Err(LedgerError::ChainBroken(before.sequence, link.sequence));
        }
        before = Some(link);
    }
    Ok(missing)
}

/// Whether an entry can stand after another one with a smaller number: in the log there is room
/// for those between them, and if there are none it names the other.
fn follows(link: &ChainLink, before: &ChainLink) -> bool {
    let numbers = link.sequence - before.sequence;
    let places = link.index.saturating_sub(before.index);
    places >= numbers && (numbers > 1 || link.previous == Some(before.commitment))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The entries of a person from 1 to 5, as they were recorded.
    fn link(sequence: u64) -> ChainLink {
        ChainLink {
            sequence,
            index: sequence * 2,
            previous: (sequence > 1).then(|| [sequence as u8 - 1; 32]),
            commitment: [sequence as u8; 32],
        }
    }

    #[test]
    fn what_is_missing_before_the_last_is_told() {
        let cases: [(&[u64], &[RangeInclusive<u64>]); 7] = [
            (&[], &[]),
            (&[1], &[]),
            (&[1, 2, 3], &[]),
            (&[3, 1, 2, 2], &[]),
            (&[1, 2, 4], &[3..=3]),
            (&[5], &[1..=4]),
            (&[2, 5], &[1..=1, 3..=4]),
        ];
        for (held, expected) in cases {
            let links: Vec<_> = held.iter().copied().map(link).collect();
            assert_eq!(missing_links(&links).as_deref(), Ok(expected), "{held:?}");
        }
    }

    #[test]
    fn entries_of_two_histories_are_refused() {
        let forked = ChainLink {
            commitment: [9; 32],
            ..link(2)
        };
        let not_first = ChainLink {
            previous: Some([9; 32]),
            ..link(1)
        };
        let without_previous = ChainLink {
            previous: None,
            ..link(2)
        };
        let zeroth = ChainLink {
            sequence: 0,
            ..link(1)
        };
        let at = |sequence, index| ChainLink {
            index,
            ..link(sequence)
        };
        let cases: [(&[ChainLink], (u64, u64)); 9] = [
            (&[link(1), forked, link(3)], (2, 3)),
            (&[link(2), forked], (2, 2)),
            (&[not_first], (1, 1)),
            (&[without_previous], (2, 2)),
            (&[zeroth], (0, 0)),
            // Before, in the place of, and with too little room after the one before.
            (&[at(1, 9), at(2, 8)], (1, 2)),
            (&[at(1, 9), at(2, 9)], (1, 2)),
            (&[at(1, 9), at(4, 11)], (1, 4)),
            (&[at(2, 9), at(2, 10)], (2, 2)),
        ];
        for (links, (one, other)) in cases {
            let broken = Err(LedgerError::ChainBroken(one, other));
            assert_eq!(missing_links(links), broken);
        }
    }

    #[test]
    fn the_largest_number_overflows_nothing() {
        let last = ChainLink {
            sequence: u64::MAX,
            index: u64::MAX,
            ..link(5)
        };
        let not_so_far = ChainLink { index: 5, ..last };
        assert_eq!(missing_links(&[last]), Ok(vec![1..=u64::MAX - 1]));
        assert_eq!(
            missing_links(&[link(1), not_so_far]),
            Err(LedgerError::ChainBroken(1, u64::MAX))
        );
    }
}
