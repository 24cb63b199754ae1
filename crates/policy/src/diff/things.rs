//! Categories for purposes, in few words.

use std::collections::BTreeMap;

use crate::vocabulary::{CATEGORIES, PURPOSES, Registry, Term, TermSet};
use crate::wording::all;

/// For each purpose the categories.
pub(super) type Things = BTreeMap<Term, TermSet>;

/// `<categories> for <purposes>`, one sentence for all purposes with the same categories.
pub(super) fn sentences(things: &Things) -> Vec<String> {
    let mut groups: Vec<(TermSet, TermSet)> = Vec::new();
    for (purpose, categories) in things {
        match groups.iter_mut().find(|(_, it)| it == categories) {
            Some((purposes, _)) => purposes.insert(*purpose),
            None => {
                let mut purposes = TermSet::default();
                purposes.insert(*purpose);
                groups.push((purposes, *categories));
            }
        }
    }
    let sentence = |(purposes, categories): &(TermSet, TermSet)| {
        let (what, why) = (
            shortest(&CATEGORIES, *categories),
            shortest(&PURPOSES, *purposes),
        );
        format!("{what} for {why}")
    };
    groups.iter().map(sentence).collect()
}

/// The fewest keys that say a set: a key stands for all below it, where all of them are there, and
/// names what is not where something is missing.
pub(super) fn shortest(registry: &Registry, set: TermSet) -> String {
    let below = |key: &str| registry.below([key]).unwrap_or_default();
    let is_told_above = |key: &str| {
        let mut above = key;
        std::iter::from_fn(|| {
            above = above.rsplit_once('.')?.0;
            Some(above)
        })
        .any(|it| registry.term(it).is_some_and(|it| set.contains(it)))
    };
    let keys = registry.terms().filter(|(term, _)| set.contains(*term));
    let told = keys.filter(|(_, key)| !is_told_above(key));
    all(told.map(|(_, key)| {
        let missing = below(key).without(set);
        let named = registry.exactly([key]).unwrap_or_default();
        match (missing.is_empty(), set.common(below(key)) == named) {
            (true, _) => key.to_owned(),
            (_, true) => format!("{key} in general"),
            _ => format!("{key} (all but {})", shortest(registry, missing)),
        }
    }))
}
