//! What no single category or clause shows: what one request may ask for at once, and which of two
//! clauses an answer names.

use super::circumstance::{Circumstances, beyond};
use super::footing::{changed_footing, resting};
use super::mark::permitted_by;
use super::permission::{Sentence, Sort, Told, join};
use super::things::Things;
use super::version::{Doer, Part};
use crate::vocabulary::{CATEGORIES, PURPOSES, Term, TermSet};

/// What each version permits to ask for in one request: one permission must cover all of it.
pub(super) fn tell_joint<'r>(
    doer: &'r Doer,
    permits: &[Vec<&'r Part<'r>>; 2],
    told: &mut Told<'r>,
) {
    for (sort, these, those) in [
        (Sort::Lost, &permits[0], &permits[1]),
        (Sort::Gained, &permits[1], &permits[0]),
    ] {
        for part in these.iter().filter(|it| !those.contains(it)) {
            let is_like =
                |it: &&&'r Part<'r>| it.clause == part.clause && it.footing == part.footing;
            let like: Vec<_> = those.iter().filter(is_like).copied().collect();
            for purpose in PURPOSES.terms_of(part.purposes) {
                let like = like.iter().filter(|it| it.purposes.contains(purpose));
                let like: Vec<_> = like.copied().collect();
                let Some((categories, sets)) = parted_now(part, &like) else {
                    continue;
                };
                let others = those.iter().filter(|it| {
                    let is_wide = it.categories.contains_all(categories);
                    it.clause != part.clause && it.purposes.contains(purpose) && is_wide
                });
                let mark = permitted_by(others.copied(), sort, part.footing, &sets);
                let end = format!(" in one request, {}{mark}", resting(part.footing));
                let sentence = Sentence {
                    clause: part.clause,
                    sort,
                    doer,
                    end,
                };
                let things: Things = [(purpose, categories)].into();
                join(told.entry(sentence).or_default(), &things);
            }
        }
    }
}

/// What of a permission others cover only piece by piece, and when.
fn parted_now(part: &Part<'_>, others: &[&Part<'_>]) -> Option<(TermSet, Vec<Circumstances>)> {
    let met: Vec<_> = part.met.into_iter().collect();
    let left_by = |covers: &dyn Fn(TermSet) -> bool| {
        let others = others.iter().filter(|it| covers(it.categories));
        let others: Vec<_> = others.filter_map(|it| it.met).collect();
        beyond(&met, &others)
    };
    if left_by(&|it| it.contains_all(part.categories)).is_empty() {
        return None;
    }
    let is_kept = |it: &Term| left_by(&|set| set.contains(*it)).is_empty();
    let mut kept = TermSet::NONE;
    CATEGORIES
        .terms_of(part.categories)
        .filter(is_kept)
        .for_each(|it| kept.insert(it));
    let left = left_by(&|it| it.contains_all(kept));
    (!kept.is_empty() && !left.is_empty()).then_some((kept, left))
}

/// Where two clauses permit the same, the first of the text is the one that an answer names.
pub(super) fn tell_order<'r>(
    doer: &'r Doer,
    permits: &[Vec<&'r Part<'r>>; 2],
    told: &mut Told<'r>,
) {
    let orders = permits.each_ref().map(|parts| {
        let mut clauses: Vec<_> = parts.iter().map(|it| it.clause).collect();
        clauses.dedup();
        clauses
    });
    let place = |order: &[&str], clause: &str| order.iter().position(|it| *it == clause);
    let overtakes = |one: &str, other: &str| {
        let places = orders
            .each_ref()
            .map(|it| place(it, one).zip(place(it, other)));
        matches!(places, [Some((was, before)), Some((is, after))] if was > before && is < after)
    };
    let kept = |order: &[&'r str], other: &[&str]| -> Vec<&'r str> {
        let kept = order.iter().filter(|it| other.contains(it));
        kept.copied().collect()
    };
    if kept(&orders[0], &orders[1]) == kept(&orders[1], &orders[0]) {
        return;
    }
    for one in &permits[1] {
        for other in &permits[1] {
            let categories = one.categories.common(other.categories);
            let purposes = one.purposes.common(other.purposes);
            let met = one.met.zip(other.met);
            let is_shared = met.is_some_and(|(it, other)| it.common(&other).is_some());
            if categories.is_empty()
                || purposes.is_empty()
                || !is_shared
                || !overtakes(one.clause, other.clause)
            {
                continue;
            }
            let rests = match one.footing == other.footing {
                true => String::new(),
                false => {
                    let changed = changed_footing(&[other.footing], &[one.footing]);
                    format!(" and is {changed}")
                }
            };
            let end = format!(
                ", for which an answer now names this clause before {}{rests}",
                other.clause
            );
            let sentence = Sentence {
                clause: one.clause,
                sort: Sort::Otherwise,
                doer,
                end,
            };
            let purposes = PURPOSES.terms_of(purposes);
            let things: Things = purposes.map(|it| (it, categories)).collect();
            join(told.entry(sentence).or_default(), &things);
        }
    }
}
