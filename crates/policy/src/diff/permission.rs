//! Who may do what no longer, who may from now on, and on what other footing, clause by clause.

use std::collections::{BTreeMap, BTreeSet};

use super::circumstance::{Circumstances, parted, simplest, when};
use super::footing::{changed_footing, resting};
use super::mark::{permitted_by, refused_by};
use super::things::{Things, sentences};
use super::together::{tell_joint, tell_order};
use super::version::{Doer, Part, Version};
use crate::vocabulary::{CATEGORIES, PURPOSES};

/// A sentence but for its categories and purposes, in the order in which sentences are told.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sentence<'r> {
    pub(super) clause: &'r str,
    pub(super) sort: Sort,
    pub(super) doer: &'r Doer,
    pub(super) end: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    /// Both versions permit it, and not in the same way.
    Otherwise,
    Lost,
    Gained,
}

pub(super) type Told<'r> = BTreeMap<Sentence<'r>, Things>;

/// The footings of the same thing in the old version and in the new one, in the order of the text.
type State<'r> = (Vec<&'r [String]>, Vec<&'r [String]>);

/// Categories and purposes of one doer of which the same rules speak.
struct Cell<'v, 'r> {
    /// The permissions and prohibitions of the old version and of the new one.
    permits: [Vec<&'v Part<'r>>; 2],
    forbids: [Vec<&'v Part<'r>>; 2],
}

/// The sentences of each clause.
pub(super) fn changed_permissions<'r>(
    old: &'r Version<'r>,
    new: &'r Version<'r>,
) -> BTreeMap<&'r str, Vec<String>> {
    let mut told = Told::new();
    let permits = old.permits.iter().chain(&new.permits);
    let doers: BTreeSet<_> = permits.map(|it| &it.doer).collect();
    for doer in doers {
        let of = |parts: &'r [Part<'r>]| -> Vec<_> {
            parts.iter().filter(|it| it.doer == *doer).collect()
        };
        let permits = [of(&old.permits), of(&new.permits)];
        if permits[0] == permits[1] {
            continue;
        }
        let forbids = [of(&old.forbids), of(&new.forbids)];
        tell_cells(doer, &permits, &forbids, &mut told);
        tell_joint(doer, &permits, &mut told);
        tell_order(doer, &permits, &mut told);
    }
    let mut lines: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (sentence, things) in told {
        let Sentence {
            clause,
            sort,
            doer,
            end,
        } = sentence;
        let Doer { who, verb } = doer;
        let may = match (sort, end.as_str()) {
            (Sort::Lost, end) if !end.starts_with(" no longer") => "may no longer",
            (Sort::Gained, end) if !end.starts_with(" also") => "may now",
            _ => "may",
        };
        let sentences = sentences(&things).into_iter();
        let sentences = sentences.map(|it| format!("{who} {may} {verb} {it}{end}"));
        lines.entry(clause).or_default().extend(sentences);
    }
    lines
}

fn tell_cells<'r>(
    doer: &'r Doer,
    permits: &[Vec<&'r Part<'r>>; 2],
    forbids: &[Vec<&'r Part<'r>>; 2],
    told: &mut Told<'r>,
) {
    let mut cells: BTreeMap<[Vec<usize>; 4], Things> = BTreeMap::new();
    for (purpose, _) in PURPOSES.terms() {
        for (category, _) in CATEGORIES.terms() {
            let speaking = |parts: &Vec<&Part<'_>>| -> Vec<usize> {
                let numbered = parts.iter().enumerate();
                let speaking = numbered.filter(|(_, it)| it.speaks_of(purpose, category));
                speaking.map(|(index, _)| index).collect()
            };
            let [before, after] = permits.each_ref().map(speaking);
            if before.is_empty() && after.is_empty() {
                continue;
            }
            let [barred, bars] = forbids.each_ref().map(speaking);
            let things = cells.entry([before, after, barred, bars]).or_default();
            things.entry(purpose).or_default().insert(category);
        }
    }
    for ([before, after, barred, bars], things) in &cells {
        let at = |parts: &Vec<&'r Part<'r>>, indices: &[usize]| -> Vec<_> {
            indices.iter().map(|it| parts[*it]).collect()
        };
        let cell = Cell {
            permits: [at(&permits[0], before), at(&permits[1], after)],
            forbids: [at(&forbids[0], barred), at(&forbids[1], bars)],
        };
        let clauses: BTreeSet<_> = cell.permits.iter().flatten().map(|it| it.clause).collect();
        for clause in clauses {
            for (sort, end) in cell.ends(clause) {
                let sentence = Sentence {
                    clause,
                    sort,
                    doer,
                    end,
                };
                join(told.entry(sentence).or_default(), things);
            }
        }
    }
}

pub(super) fn join(all: &mut Things, more: &Things) {
    for (purpose, categories) in more {
        let so_far = all.entry(*purpose).or_default();
        *so_far = so_far.with(*categories);
    }
}

impl<'r> Cell<'_, 'r> {
    /// How the sentences end that tell what a clause does otherwise here.
    fn ends(&self, clause: &str) -> Vec<(Sort, String)> {
        let own = |it: &Vec<&Part<'r>>| -> Vec<_> {
            let own = it.iter().filter(|it| it.clause == clause);
            own.map(|it| (it.met, it.footing)).collect()
        };
        let [before, after] = self.permits.each_ref().map(own);
        if before == after {
            return Vec::new();
        }
        let sets = before.iter().chain(&after).filter_map(|(met, _)| *met);
        let Some(parts) = parted(&sets.collect::<Vec<_>>()) else {
            let end = " under conditions that changed in too many ways to tell".to_owned();
            return vec![(Sort::Otherwise, end)];
        };
        // Which footings each part has in either version, in the order of the text.
        let mut states: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for part in parts {
            let footings = |them: &[(Option<Circumstances>, &'r [String])]| {
                let mut footings: Vec<&[String]> = Vec::new();
                for (met, footing) in them {
                    let is_met = met.is_some_and(|it| part.is_within(&it));
                    if is_met && !footings.contains(footing) {
                        footings.push(footing);
                    }
                }
                footings
            };
            let state = (footings(&before), footings(&after));
            states.entry(state).or_default().push(part);
        }
        states.remove(&(Vec::new(), Vec::new()));
        self.told_states(clause, &states)
    }

    fn told_states(
        &self,
        clause: &str,
        states: &BTreeMap<State<'_>, Vec<Circumstances>>,
    ) -> Vec<(Sort, String)> {
        let had = states.keys().any(|(before, _)| !before.is_empty());
        let has = states.keys().any(|(_, after)| !after.is_empty());
        let is_kept = |(before, after): &&State<'_>| !before.is_empty() && !after.is_empty();
        let kept = states.keys().filter(is_kept).count();
        let mut ends = Vec::new();
        for ((before, after), parts) in states.iter().filter(|((one, other), _)| one != other) {
            let sets = simplest(parts);
            let when = when(&sets);
            match (before.is_empty(), after.is_empty()) {
                (true, _) => ends.extend(after.iter().map(|footing| {
                    let start = if had { " also" } else { "" };
                    let mark = self.mark(clause, Sort::Gained, footing, parts);
                    let resting = resting(footing);
                    (Sort::Gained, format!("{start}{when}, {resting}{mark}"))
                })),
                (_, true) => {
                    let mark = self.mark(clause, Sort::Lost, before[0], parts);
                    let end = match (has, when.is_empty()) {
                        (true, _) => format!(" no longer{when}{mark}"),
                        (false, true) => mark,
                        (false, false) => format!(" (until now{when}){mark}"),
                    };
                    ends.push((Sort::Lost, end));
                }
                (false, false) => {
                    let when = if kept > 1 { when } else { String::new() };
                    let changed = changed_footing(before, after);
                    ends.push((Sort::Otherwise, format!("{when}, {changed}")));
                }
            }
        }
        ends
    }

    /// What other clauses say to the same: that nobody gains or loses by it, or not all of it.
    fn mark(
        &self,
        clause: &str,
        sort: Sort,
        footing: &[String],
        parts: &[Circumstances],
    ) -> String {
        let (there, here) = if sort == Sort::Lost { (1, 0) } else { (0, 1) };
        let others = self.permits[there].iter().filter(|it| it.clause != clause);
        let permitted = permitted_by(others.copied(), sort, footing, parts);
        format!(
            "{permitted}{}",
            refused_by(&self.forbids[here], sort, parts)
        )
    }
}
