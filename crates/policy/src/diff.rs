//! What changed between two versions of a policy, clause by clause, and who gains or loses by it
//! (`policy.changes`).

use std::collections::BTreeMap;

use crate::language::ActionWord;
use crate::reach::{self, Place};
use crate::rulebook::{Rule, Rulebook};
use crate::vocabulary::{CATEGORIES, PURPOSES, RECIPIENT_KINDS, Registry, Term, TermSet};
use crate::wording::all;

/// How a clause changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Only the new version has it.
    Added,
    /// Only the old version has it.
    Removed,
    /// Both have it, and it does not say the same.
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
/// Rules in another order, or parted in another way, are no change.
#[must_use]
pub fn diff(old: &Rulebook, new: &Rulebook) -> Vec<ClauseChange> {
    let mut changes = Vec::new();
    let mut note = |clause: &str, change, lines: Vec<String>| {
        if change != Change::Changed || !lines.is_empty() {
            let clause = clause.to_owned();
            changes.push(ClauseChange {
                clause,
                change,
                lines,
            });
        }
    };
    let header = changed_words(&old.header_lines, &new.header_lines);
    note("policy", Change::Changed, header);
    let has = |it: &Rulebook, key: &str| it.clauses().iter().any(|clause| clause.key == key);
    for clause in new.clauses() {
        let change = match has(old, &clause.key) {
            true => Change::Changed,
            false => Change::Added,
        };
        note(&clause.key, change, changed_clause(old, new, &clause.key));
    }
    for clause in old.clauses().iter().filter(|it| !has(new, &it.key)) {
        note(
            &clause.key,
            Change::Removed,
            changed_clause(old, new, &clause.key),
        );
    }
    changes
}

fn changed_clause(old: &Rulebook, new: &Rulebook, key: &str) -> Vec<String> {
    let words = |it: &Rulebook| {
        let mut clauses = it.clauses().iter();
        let clause = clauses.find(|it| it.key == key);
        clause.map_or_else(Vec::new, |it| it.lines.clone())
    };
    let mut lines = changed_words(&words(old), &words(new));
    lines.extend(changed_permissions(
        &permissions(old, key),
        &permissions(new, key),
    ));
    for (word, decides, permits) in [
        ("forbidden", true, false),
        ("forbidden by a draft", false, false),
        ("permitted by a draft", false, true),
    ] {
        let told = |it: &Rulebook| -> Vec<String> {
            let clause = it.clauses().iter().find(|it| it.key == key);
            let rules = clause.into_iter().flat_map(|it| &it.rules);
            let meant = rules.filter(|it| (it.decides, it.permits) == (decides, permits));
            meant.map(|it| it.words.clone()).collect()
        };
        let (before, after) = (told(old), told(new));
        let gone = before.iter().filter(|it| !after.contains(it));
        lines.extend(gone.map(|it| format!("it is no longer {word} to {it}")));
        let come = after.iter().filter(|it| !before.contains(it));
        lines.extend(come.map(|it| format!("it is now {word} to {it}")));
    }
    lines
}

fn changed_words(before: &[String], after: &[String]) -> Vec<String> {
    let gone = before.iter().filter(|it| !after.contains(it));
    let come = after.iter().filter(|it| !before.contains(it));
    let gone = gone.map(|it| format!("no longer {it}"));
    gone.chain(come.map(|it| format!("now {it}"))).collect()
}

/// Who may do something, where, and under which condition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Holder {
    who: String,
    verb: &'static str,
    /// Empty when nothing is asked.
    when: String,
}

/// What a holder may do: for each purpose the categories, and what that rests on.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Holding {
    categories: BTreeMap<Term, TermSet>,
    footing: Vec<String>,
}

/// All that the permissions of one clause let anybody do, prohibitions apart.
fn permissions(rulebook: &Rulebook, clause: &str) -> BTreeMap<Holder, Holding> {
    let mut holdings: BTreeMap<Holder, Holding> = BTreeMap::new();
    let own = rulebook
        .permits
        .iter()
        .filter(|it| rulebook.clause_of(it) == clause);
    for rule in own {
        for cell in reach::cells(rulebook, rule) {
            let holding = holdings
                .entry(holder(rulebook, rule, cell.place))
                .or_default();
            let categories = holding.categories.entry(cell.purpose).or_default();
            categories.insert(cell.category);
            for footing in &rule.footing {
                if !holding.footing.contains(footing) {
                    holding.footing.push(footing.clone());
                }
            }
        }
    }
    holdings
}

fn holder(rulebook: &Rulebook, rule: &Rule, place: Place) -> Holder {
    let who = match place {
        Place::Inside => "the company".to_owned(),
        Place::Point(index) => format!("the point {}", rulebook.points()[index].key),
        Place::Kind(kind) => format!("each {}", RECIPIENT_KINDS.key(kind)),
    };
    let verb = match rule.action {
        ActionWord::Collect => "take",
        ActionWord::Use => "use",
        ActionWord::Disclose => "receive",
    };
    let when = rule.condition_words.clone();
    Holder { who, verb, when }
}

fn changed_permissions(
    before: &BTreeMap<Holder, Holding>,
    after: &BTreeMap<Holder, Holding>,
) -> Vec<String> {
    let mut lost = beyond(before, after);
    let mut gained = beyond(after, before);
    let mut lines = Vec::new();
    // What is lost under one condition and gained under another has changed its condition.
    lost.retain(|(holder, things)| {
        let is_same = |(other, gains): &(Holder, _)| {
            (&other.who, other.verb) == (&holder.who, holder.verb) && gains == things
        };
        let Some(index) = gained.iter().position(is_same) else {
            return true;
        };
        let (now, _) = gained.remove(index);
        let conditions = format!("now {}, no longer {}", whenever(&now), whenever(holder));
        for thing in sentences(things) {
            lines.push(format!(
                "{} may {} {thing} {conditions}",
                holder.who, holder.verb
            ));
        }
        false
    });
    for (word, changes) in [("no longer", lost), ("now", gained)] {
        for (holder, things) in changes {
            let Holder { who, verb, when } = &holder;
            let when = if when.is_empty() {
                String::new()
            } else {
                format!(", when {when}")
            };
            for thing in sentences(&things) {
                lines.push(format!("{who} may {word} {verb} {thing}{when}"));
            }
        }
    }
    for (holder, now) in after {
        let Some(then) = before.get(holder) else {
            continue;
        };
        let who = format!("what {} may {}", holder.who, holder.verb);
        let what = changed_words(&then.footing, &now.footing);
        lines.extend(what.iter().map(|it| format!("{who} is {it}")));
    }
    lines
}

fn whenever(holder: &Holder) -> String {
    match holder.when.as_str() {
        "" => "always".to_owned(),
        when => format!("when {when}"),
    }
}

/// What the first holdings have and the second have not.
fn beyond(
    these: &BTreeMap<Holder, Holding>,
    those: &BTreeMap<Holder, Holding>,
) -> Vec<(Holder, BTreeMap<Term, TermSet>)> {
    let mut more = Vec::new();
    for (holder, holding) in these {
        let other = those.get(holder);
        let mut things = BTreeMap::new();
        for (purpose, categories) in &holding.categories {
            let had = other.and_then(|it| it.categories.get(purpose)).copied();
            let extra = categories.without(had.unwrap_or_default());
            if !extra.is_empty() {
                things.insert(*purpose, extra);
            }
        }
        if !things.is_empty() {
            more.push((holder.clone(), things));
        }
    }
    more
}

/// `<categories> for <purposes>`, one sentence for all purposes with the same categories.
fn sentences(things: &BTreeMap<Term, TermSet>) -> Vec<String> {
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

/// The fewest keys that say a set: a key stands for all below it, where all of them are there.
fn shortest(registry: &Registry, set: TermSet) -> String {
    let is_whole = |key: &str| registry.below([key]).is_some_and(|it| set.contains_all(it));
    let is_told_above = |key: &str| {
        let mut above = key;
        std::iter::from_fn(|| {
            above = above.rsplit_once('.')?.0;
            Some(above)
        })
        .any(is_whole)
    };
    let keys = registry.terms().filter(|(term, _)| set.contains(*term));
    let told = keys.filter(|(_, key)| !is_told_above(key));
    all(told.map(|(_, key)| match is_whole(key) {
        true => key.to_owned(),
        false => format!("{key} as a whole"),
    }))
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::rulebook::compile;

    const TEXT: &str = include_str!("../tests/sound_policy.toml");

    /// The change that one replacement in the sound policy makes.
    #[track_caller]
    fn change(sound: &str, other: &str) -> Vec<ClauseChange> {
        assert_eq!(TEXT.matches(sound).count(), 1, "{sound}");
        let other = TEXT.replace(sound, other);
        diff(&compile(TEXT).unwrap(), &compile(&other).unwrap())
    }

    fn changed(clause: &str, lines: [&str; 2]) -> Vec<ClauseChange> {
        let lines = lines.map(str::to_owned).to_vec();
        vec![ClauseChange {
            clause: clause.to_owned(),
            change: Change::Changed,
            lines,
        }]
    }

    #[test]
    fn the_same_rules_are_no_change() {
        let rulebook = compile(TEXT).unwrap();
        assert_eq!(diff(&rulebook, &rulebook), []);
        assert_eq!(change("[[activity]]", "# A remark.\n[[activity]]"), []);
    }

    #[test]
    fn a_changed_rule_is_told_under_its_clause() {
        let what = "what each carrier may receive is";
        assert_eq!(
            change(
                "{ order = true }\nbasis = \"CONTRACT\"",
                "{ order = true }\nbasis = \"PUBLIC_TASK\""
            ),
            changed(
                "share.delivery",
                [
                    &format!("{what} no longer resting on CONTRACT"),
                    &format!("{what} now resting on PUBLIC_TASK")
                ]
            )
        );
        assert_eq!(
            change("[\"typed\"]", "[\"typed\", \"sent\"]"),
            changed(
                "take.form",
                [
                    "it is no longer forbidden to collect unless the value was typed",
                    "it is now forbidden to collect unless the value was typed or sent",
                ]
            )
        );
    }

    #[test]
    fn a_point_that_takes_more_changes_the_clause_that_lets_it() {
        assert_eq!(
            change(
                "[\"user.name\", \"user.contact\"]",
                "[\"user.name\", \"user.device\"]"
            ),
            changed(
                "take.form",
                [
                    "the point form may no longer take user.contact for essential.service",
                    "the point form may now take user.device for essential.service",
                ]
            )
        );
    }

    #[test]
    fn who_gains_and_who_loses_is_told_with_the_condition() {
        assert_eq!(
            change("[\"user.name\", \"user.contact.email\"]", "[\"user.name\"]")[0].lines,
            ["the company may no longer use user.contact.email for \
              essential.service.operations.support"]
        );
        assert_eq!(
            change(
                "[\"user.contact.address\"]\nwhen",
                "[\"user.contact\"]\nwhen"
            )[0]
            .lines,
            [
                "each carrier may now receive user.contact as a whole, user.contact.email, \
              user.contact.organization and user.contact.phone_number for \
              essential.service.payment_processing, when it serves an order"
            ]
        );
        assert_eq!(
            change("when = { order = true }\n", "")[0].lines,
            ["each carrier may receive user.contact.address for \
              essential.service.payment_processing now always, no longer when it serves an order"]
        );
    }

    #[test]
    fn a_draft_is_told_as_one_and_comes_into_force_as_a_gain() {
        let answer = "Whoever writes gets an answer.\"\nenforced = \"";
        let draft = TEXT.replace(&format!("{answer}by rules"), &format!("{answer}not yet"));
        let lines = &diff(&compile(&draft).unwrap(), &compile(TEXT).unwrap())[0].lines;
        let use_for = "essential.service.operations.support";
        assert_eq!(
            lines[..],
            [
                "no longer is enforced not yet".to_owned(),
                "now is enforced by rules".to_owned(),
                format!("the company may now use user.contact.email and user.name for {use_for}"),
                format!(
                    "it is no longer permitted by a draft to use user.name and \
                     user.contact.email for {use_for}, resting on LEGITIMATE_INTERESTS"
                ),
            ]
        );
    }

    #[test]
    fn what_stands_outside_the_clauses_is_told_as_policy() {
        assert_eq!(
            change("2024-02-29", "2024-03-01"),
            changed(
                "policy",
                [
                    "no longer was revised on 2024-02-29",
                    "now was revised on 2024-03-01"
                ]
            )
        );
    }

    #[test]
    fn a_clause_comes_or_goes_with_all_its_lines() {
        let longer = format!(
            "{TEXT}[[clause]]\nkey = \"new.clause\"\ntitle = \"New\"\nsays = \"Something.\"\n\
             enforced = \"not yet\"\n"
        );
        let (short, long) = (compile(TEXT).unwrap(), compile(&longer).unwrap());
        let lines = ["is titled New", "says: Something.", "is enforced not yet"];
        for (old, new, change, word) in [
            (&short, &long, Change::Added, "now"),
            (&long, &short, Change::Removed, "no longer"),
        ] {
            let lines = lines.map(|it| format!("{word} {it}")).to_vec();
            let expected = ClauseChange {
                clause: "new.clause".to_owned(),
                change,
                lines,
            };
            assert_eq!(diff(old, new), [expected]);
        }
    }
}
