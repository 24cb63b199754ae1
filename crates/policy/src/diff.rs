//! What changed between two versions of a policy, clause by clause, and who gains or loses by it
//! (`policy.changes`).

mod circumstance;
mod footing;
mod mark;
mod permission;
mod prohibition;
mod things;
mod together;
mod version;

use std::collections::BTreeMap;

use crate::rulebook::{Clause, Rulebook};
use crate::vocabulary::CATEGORIES;
use permission::changed_permissions;
use prohibition::{Side, changed_prohibitions};
use version::Version;

/// How a clause changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Only the new version has it.
    Added,
    /// Only the old version has it.
    Removed,
    /// Both have it, and it does not say the same, or it has another key.
    Changed,
}

/// One clause that is not the same in both versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClauseChange {
    /// The key of the clause, or `policy` for what stands outside the clauses.
    pub clause: String,
    /// How it changed.
    pub change: Change,
    /// A sentence each: what the clause says (`no longer …`, `now …`), then who may do what no
    /// longer, who may do what from now on, and which prohibitions fell or came.
    pub lines: Vec<String>,
}

/// The clauses that differ: those of the new version in its order, then the removed ones.
/// Rules in another order, or parted in another way, are no change where every answer and what it
/// rests on stay the same.
#[must_use]
pub fn diff(old: &Rulebook, new: &Rulebook) -> Vec<ClauseChange> {
    let renamed = renamed(old, new);
    let homes = [old.storage_region(), new.storage_region()];
    let versions = [
        Version::new(old, homes, |key| renamed.get(key).copied().unwrap_or(key)),
        Version::new(new, homes, |key| key),
    ];
    let mut permissions = changed_permissions(&versions[0], &versions[1]);
    let mut changes = vec![ClauseChange {
        clause: "policy".to_owned(),
        change: Change::Changed,
        lines: header(old, new),
    }];
    let has = |it: &Rulebook, key: &str| it.clauses().iter().any(|clause| clause.key == key);
    let is_gone = |it: &&Clause| !has(new, &it.key) && !renamed.contains_key(it.key.as_str());
    let gone = old.clauses().iter().filter(is_gone);
    for clause in new.clauses().iter().chain(gone) {
        let key = clause.key.as_str();
        let former = renamed
            .iter()
            .find(|(_, now)| **now == key)
            .map(|(then, _)| *then);
        let change = match (has(old, key) || former.is_some(), has(new, key)) {
            (true, true) => Change::Changed,
            (true, false) => Change::Removed,
            (false, _) => Change::Added,
        };
        let sides = [
            Side {
                rulebook: old,
                key: former.unwrap_or(key),
                version: &versions[0],
            },
            Side {
                rulebook: new,
                key,
                version: &versions[1],
            },
        ];
        let told = former.map(|it| format!("is now called {key}, no longer {it}"));
        let mut lines: Vec<_> = told.into_iter().collect();
        lines.extend(changed_words(&own_words(&sides[0]), &own_words(&sides[1])));
        lines.extend(permissions.remove(key).unwrap_or_default());
        lines.extend(changed_prohibitions(sides.each_ref(), homes));
        lines.extend(changed_drafts(&sides));
        changes.push(ClauseChange {
            clause: key.to_owned(),
            change,
            lines,
        });
    }
    changes.retain(|it| it.change != Change::Changed || !it.lines.is_empty());
    changes
}

/// One line for when two texts differ and `revised` did not move on, so that nobody could tell by
/// their days which is the newer one.
#[must_use]
pub fn unrevised(old: &Rulebook, new: &Rulebook) -> Option<String> {
    let (before, after) = (old.revised(), new.revised());
    let is_later = before < after;
    (!is_later && !diff(old, new).is_empty()).then(|| {
        format!(
            "`revised` did not move on: it is {after} in the new text and {before} in the old one"
        )
    })
}

/// The clauses that only got another key, and that key: all else that they say is the same.
fn renamed<'r>(old: &'r Rulebook, new: &'r Rulebook) -> BTreeMap<&'r str, &'r str> {
    let alone = |one: &'r Rulebook, other: &Rulebook| -> Vec<&'r Clause> {
        let has = |key: &str| other.clauses().iter().any(|it| it.key == key);
        one.clauses().iter().filter(|it| !has(&it.key)).collect()
    };
    let mut come = alone(new, old);
    let mut renamed = BTreeMap::new();
    for clause in alone(old, new) {
        let words = |it: &Clause| -> Vec<String> {
            it.rules.iter().map(|rule| rule.words.clone()).collect()
        };
        let is_same = |it: &&Clause| it.lines == clause.lines && words(it) == words(clause);
        if let Some(index) = come.iter().position(is_same) {
            renamed.insert(clause.key.as_str(), come.remove(index).key.as_str());
        }
    }
    renamed
}

/// What changed outside the clauses.
fn header(old: &Rulebook, new: &Rulebook) -> Vec<String> {
    let mut lines = changed_words(&old.header_lines, &new.header_lines);
    let points = new.points().iter();
    let gone = old
        .points()
        .iter()
        .filter(|it| new.point(&it.key).is_none());
    for point in points.chain(gone) {
        let listed = |it: &Rulebook| {
            it.point(&point.key)
                .map_or_else(Default::default, |it| it.categories)
        };
        let (before, after) = (listed(old), listed(new));
        for (word, more) in [
            ("no longer", before.without(after)),
            ("now", after.without(before)),
        ] {
            if !more.is_empty() {
                let more = things::shortest(&CATEGORIES, more);
                lines.push(format!("{word} lists {more} at the point {}", point.key));
            }
        }
        let assumed = [old, new].map(|it| it.purpose_of_point(&point.key));
        if let [Some(then), Some(now)] = assumed
            && then != now
        {
            lines.push(format!(
                "now takes a request at the point {} that names no purpose to be for {now}, no \
                 longer for {then}",
                point.key
            ));
        }
    }
    lines
}

fn clause_of<'r>(side: &Side<'r>) -> Option<&'r Clause> {
    side.rulebook.clauses().iter().find(|it| it.key == side.key)
}

fn own_words(side: &Side<'_>) -> Vec<String> {
    clause_of(side).map_or_else(Vec::new, |it| it.lines.clone())
}

/// The rules of a draft, which decide nothing.
fn changed_drafts(sides: &[Side<'_>; 2]) -> Vec<String> {
    let mut lines = Vec::new();
    for (word, permits) in [("forbidden", false), ("permitted", true)] {
        let [before, after] = sides.each_ref().map(|side| {
            let rules = clause_of(side).into_iter().flat_map(|it| &it.rules);
            let meant = rules.filter(|it| !it.decides && it.permits == permits);
            meant.map(|it| it.words.clone()).collect::<Vec<_>>()
        });
        let gone = before.iter().filter(|it| !after.contains(it));
        lines.extend(gone.map(|it| format!("it is no longer {word} by a draft to {it}")));
        let come = after.iter().filter(|it| !before.contains(it));
        lines.extend(come.map(|it| format!("it is now {word} by a draft to {it}")));
    }
    lines
}

fn changed_words(before: &[String], after: &[String]) -> Vec<String> {
    let gone = before.iter().filter(|it| !after.contains(it));
    let come = after.iter().filter(|it| !before.contains(it));
    let gone = gone.map(|it| format!("no longer {it}"));
    gone.chain(come.map(|it| format!("now {it}"))).collect()
}
