//! What other clauses say to a gain or a loss: that nobody gains or loses by it.

use std::collections::BTreeSet;

use super::circumstance::{Circumstances, beyond};
use super::footing::resting;
use super::permission::Sort;
use super::version::Part;
use crate::wording::all;

/// Which of some permissions permit the same in the other version.
pub(super) fn permitted_by<'v, 'r: 'v>(
    others: impl Iterator<Item = &'v Part<'r>>,
    sort: Sort,
    footing: &[String],
    parts: &[Circumstances],
) -> String {
    let speaks = |it: &&Part<'_>| {
        let met = it.met;
        met.is_some_and(|met| parts.iter().any(|part| part.common(&met).is_some()))
    };
    let others: Vec<_> = others.filter(speaks).collect();
    let met: Vec<_> = others.iter().filter_map(|it| it.met).collect();
    let what = if beyond(parts, &met).is_empty() {
        "it"
    } else {
        "part of it"
    };
    let Some((clauses, one)) = clauses(&others) else {
        return String::new();
    };
    let permit = if one { "permits" } else { "permit" };
    let rests = match one && others[0].footing != footing {
        true => format!(", {}", resting(others[0].footing)),
        false => String::new(),
    };
    match sort {
        Sort::Lost => format!(" ({clauses} still {permit} {what}{rests})"),
        _ => format!(" ({clauses} {permit} {what} already{rests})"),
    }
}

/// Which prohibitions refuse all of it, whatever is permitted.
pub(super) fn refused_by(forbids: &[&Part<'_>], sort: Sort, parts: &[Circumstances]) -> String {
    let left_by = |forbids: &[&Part<'_>]| -> Vec<Circumstances> {
        let mut left = parts.to_vec();
        for forbid in forbids {
            let lifted = |it: &Circumstances| forbid.met.and_then(|met| it.common(&met));
            left = left.iter().filter_map(lifted).collect();
        }
        left
    };
    let alone: Vec<_> = forbids
        .iter()
        .filter(|it| left_by(&[it]).is_empty())
        .copied()
        .collect();
    let refusing = match (alone.is_empty(), left_by(forbids).is_empty()) {
        (false, _) => alone,
        (true, true) => forbids.to_vec(),
        (true, false) => Vec::new(),
    };
    let Some((clauses, one)) = clauses(&refusing) else {
        return String::new();
    };
    match (sort, one) {
        (Sort::Lost, _) => format!(" ({clauses} refused it anyway)"),
        (_, true) => format!(" (but {clauses} refuses it)"),
        (_, false) => format!(" (but {clauses} refuse it)"),
    }
}

/// The clauses of some rules, and whether that is only one.
fn clauses(parts: &[&Part<'_>]) -> Option<(String, bool)> {
    let keys: BTreeSet<_> = parts.iter().map(|it| it.clause).collect();
    let one = keys.len() == 1;
    let word = if one { "clause" } else { "clauses" };
    (!keys.is_empty()).then(|| (format!("the {word} {}", all(keys)), one))
}
