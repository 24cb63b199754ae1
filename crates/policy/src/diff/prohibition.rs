//! What a clause forbids otherwise than before.

use std::collections::BTreeSet;

use super::circumstance::{Circumstances, beyond, simplest, when};
use super::version::{Part, Version, parts};
use crate::rulebook::Rulebook;
use crate::vocabulary::{CATEGORIES, PURPOSES, Term};

/// A prohibition in words and at each of its places.
struct Ban<'r> {
    /// All of it, as the end of a sentence that begins with "it is forbidden to".
    words: &'r str,
    /// The same without its condition.
    scope: &'r str,
    condition: &'r str,
    met: Option<Circumstances>,
    parts: Vec<Part<'r>>,
}

/// One version, and the key by which it calls the clause.
pub(super) struct Side<'r> {
    pub(super) rulebook: &'r Rulebook,
    pub(super) key: &'r str,
    pub(super) version: &'r Version<'r>,
}

/// A sentence each: which prohibitions fell or came, and which are lifted otherwise.
pub(super) fn changed_prohibitions<'r>(sides: [&Side<'r>; 2], homes: [&str; 2]) -> Vec<String> {
    let forbids = sides.map(|it| {
        let forbids = it.version.forbids.iter();
        forbids.filter(|part| part.clause == sides[1].key).collect()
    });
    if forbid_the_same(&forbids) {
        return Vec::new();
    }
    let [old, new] = sides.map(|it| bans(it, homes));
    let is_in = |bans: &[Ban<'r>], ban: &Ban<'r>| bans.iter().any(|it| it.words == ban.words);
    let mut gone: Vec<_> = old.iter().filter(|it| !is_in(&new, it)).collect();
    let mut come: Vec<_> = new.iter().filter(|it| !is_in(&old, it)).collect();
    let mut lines = Vec::new();
    gone.retain(|then| {
        let told = come
            .iter()
            .enumerate()
            .find_map(|(index, now)| changed_ban(then, now).map(|lines| (index, lines)));
        let is_told = told.is_some();
        if let Some((index, told)) = told {
            come.remove(index);
            lines.extend(told);
        }
        !is_told
    });
    lines.extend(gone.iter().map(|it| {
        let other = outweighing(sides[1].version, it);
        let mark = other.map(|it| format!(" (the clause {it} still forbids it)"));
        format!(
            "it is no longer forbidden to {}{}",
            it.words,
            mark.unwrap_or_default()
        )
    }));
    lines.extend(come.iter().map(|it| {
        let other = outweighing(sides[0].version, it);
        let mark = other.map(|it| format!(" (the clause {it} forbade it already)"));
        format!(
            "it is now forbidden to {}{}",
            it.words,
            mark.unwrap_or_default()
        )
    }));
    lines
}

fn bans<'r>(side: &Side<'r>, homes: [&str; 2]) -> Vec<Ban<'r>> {
    let rules = side.rulebook.forbids.iter();
    let own = rules.filter(|it| side.rulebook.clause_of(it) == side.key);
    let clauses = side.rulebook.clauses().iter();
    let told: Vec<_> = clauses.flat_map(|it| &it.rules).collect();
    let ban = |rule| {
        let parts = parts(side.rulebook, rule, homes, side.key);
        let words = told
            .iter()
            .find(|it| it.start == rule.start)
            .map_or("", |it| &it.words);
        let condition = &rule.condition_words;
        let scope = words.strip_suffix(condition.as_str());
        let scope = scope
            .and_then(|it| it.strip_suffix(" unless "))
            .unwrap_or(words);
        Ban {
            words,
            scope,
            condition,
            met: parts.first().and_then(|it| it.met),
            parts,
        }
    };
    own.map(ban).collect()
}

/// The same prohibition in other words: what lifts it, or what it speaks of, is more or less now.
fn changed_ban(then: &Ban<'_>, now: &Ban<'_>) -> Option<Vec<String>> {
    if then.scope == now.scope {
        return Some(changed_condition(then, now));
    }
    let unless = match now.condition {
        "" => String::new(),
        condition => format!(", unless {condition}"),
    };
    let (scope, before) = (now.scope, then.scope);
    let is_alike = then.condition == now.condition;
    match (
        is_alike,
        speaks_of_all(now, &then.parts),
        speaks_of_all(then, &now.parts),
    ) {
        (true, true, _) => Some(vec![format!(
            "it is now forbidden to {scope}, no longer only to {before}{unless}"
        )]),
        (true, _, true) => Some(vec![format!(
            "it is now forbidden only to {scope}, no longer to {before}{unless}"
        )]),
        _ => None,
    }
}

fn changed_condition(then: &Ban<'_>, now: &Ban<'_>) -> Vec<String> {
    let sets = |it: &Ban<'_>| it.met.into_iter().collect::<Vec<_>>();
    let (before, after) = (sets(then), sets(now));
    let told = |sets: Vec<Circumstances>| match sets.is_empty() {
        true => None,
        false => Some(when(&simplest(&sets))),
    };
    let scope = now.scope;
    let come = told(beyond(&after, &before)).map(|when| match before.is_empty() {
        true => format!("the prohibition to {scope} is now lifted{when}"),
        false => format!("the prohibition to {scope} is now also lifted{when}"),
    });
    let gone = told(beyond(&before, &after)).map(|when| match after.is_empty() {
        true => format!("the prohibition to {scope} is never lifted any more (until now{when})"),
        false => format!("the prohibition to {scope} is no longer lifted{when}"),
    });
    come.into_iter().chain(gone).collect()
}

fn speaks_of_all(wide: &Ban<'_>, narrow: &[Part<'_>]) -> bool {
    narrow
        .iter()
        .all(|it| wide.parts.iter().any(|wide| reaches(wide, it)))
}

fn reaches(wide: &Part<'_>, narrow: &Part<'_>) -> bool {
    wide.doer == narrow.doer
        && wide.purposes.contains_all(narrow.purposes)
        && wide.categories.contains_all(narrow.categories)
}

/// The clause that in another version refuses all that a prohibition does.
fn outweighing<'r>(version: &'r Version<'r>, ban: &Ban<'_>) -> Option<&'r str> {
    let refuses = |wide: &Part<'_>, narrow: &Part<'_>| {
        let is_lifted_too = match (&wide.met, &narrow.met) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wide), Some(narrow)) => wide.is_within(narrow),
        };
        reaches(wide, narrow) && is_lifted_too
    };
    let keys = version.forbids.iter().map(|it| it.clause);
    let keys: BTreeSet<_> = keys.collect();
    keys.into_iter().find(|key| {
        let own = || version.forbids.iter().filter(|it| it.clause == *key);
        ban.parts
            .iter()
            .all(|narrow| own().any(|wide| refuses(wide, narrow)))
    })
}

/// Whether two lists of prohibitions refuse the same everywhere, however they are parted.
fn forbid_the_same(forbids: &[Vec<&Part<'_>>; 2]) -> bool {
    let doers: BTreeSet<_> = forbids.iter().flatten().map(|it| &it.doer).collect();
    doers.into_iter().all(|doer| {
        let here = forbids.each_ref().map(|it| {
            let here = it.iter().filter(|part| part.doer == *doer);
            here.copied().collect::<Vec<_>>()
        });
        here[0] == here[1] || refuse_the_same(&here)
    })
}

fn refuse_the_same(forbids: &[Vec<&Part<'_>>; 2]) -> bool {
    let lifted = |parts: &[&Part<'_>], purpose: Term, category: Term| {
        let mut speaking = parts.iter().filter(|it| it.speaks_of(purpose, category));
        let Some(first) = speaking.next() else {
            return (false, None);
        };
        let met = speaking.fold(first.met, |met, it| {
            met.zip(it.met).and_then(|(met, it)| met.common(&it))
        });
        (true, met)
    };
    PURPOSES.terms().all(|(purpose, _)| {
        CATEGORIES.terms().all(|(category, _)| {
            let [before, after] = forbids.each_ref().map(|it| lifted(it, purpose, category));
            before == after
        })
    })
}
