//! Who may do what under a clause, and how two versions of it differ in that.

use std::collections::BTreeMap;

use crate::language::ActionWord;
use crate::reach::{self, Place};
use crate::rulebook::{Rule, Rulebook};
use crate::vocabulary::{CATEGORIES, PURPOSES, RECIPIENT_KINDS, Registry, Term, TermSet};
use crate::wording::all;

/// Who may do something, under which condition, and what that rests on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Holder {
    who: String,
    verb: &'static str,
    /// Empty when nothing is asked.
    when: String,
    /// The legal basis, and until when data is kept.
    footing: Vec<String>,
}

/// For each purpose the categories.
type Things = BTreeMap<Term, TermSet>;

/// What each holder may do.
pub(super) type Holdings = BTreeMap<Holder, Things>;

/// All that the permissions of one clause let anybody do, prohibitions apart.
pub(super) fn holdings(rulebook: &Rulebook, clause: &str) -> Holdings {
    let mut holdings = Holdings::new();
    let permits = rulebook.permits.iter();
    for rule in permits.filter(|it| rulebook.clause_of(it) == clause) {
        for area in reach::areas(rulebook, rule) {
            let things = holdings.entry(holder(rulebook, rule, area.place));
            let things = things.or_default();
            for purpose in PURPOSES.terms_of(area.purposes) {
                let categories = things.entry(purpose).or_default();
                *categories = categories.with(area.categories);
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
    Holder {
        who,
        verb,
        when: rule.condition_words.clone(),
        footing: rule.footing.clone(),
    }
}

/// A sentence each: what changed its condition or what it rests on, what was lost, what was gained.
pub(super) fn changed_holdings(before: &Holdings, after: &Holdings) -> Vec<String> {
    let mut lost = beyond(before, after);
    let mut gained = beyond(after, before);
    let mut lines = Vec::new();
    // What is lost by one holder and gained by the same under other terms has changed its terms.
    lost.retain(|(holder, things)| {
        let same = gained.iter().enumerate().filter(|(_, (other, gains))| {
            (&other.who, other.verb) == (&holder.who, holder.verb) && gains == things
        });
        let nearest = same.min_by_key(|(_, (other, _))| {
            (other.when != holder.when, other.footing != holder.footing)
        });
        let Some((index, _)) = nearest else {
            return true;
        };
        let (now, _) = gained.remove(index);
        let terms = changed_terms(holder, &now);
        let Holder { who, verb, .. } = holder;
        for thing in sentences(things) {
            lines.push(format!("{who} may {verb} {thing} {terms}"));
        }
        false
    });
    for (holder, things) in &lost {
        lines.extend(told("no longer", holder, things, after));
    }
    for (holder, things) in &gained {
        lines.extend(told("now", holder, things, before));
    }
    lines
}

/// What a holder has in one version and not in the other. What the same one has there on another
/// footing, under the same condition, has only changed its footing.
fn told(word: &str, holder: &Holder, things: &Things, there: &Holdings) -> Vec<String> {
    let Holder {
        who,
        verb,
        when,
        footing,
    } = holder;
    let (mut changed, mut kept) = (Things::new(), Things::new());
    for (purpose, categories) in things {
        let same = there
            .iter()
            .filter(|(other, _)| (&other.who, other.verb, &other.when) == (who, *verb, when));
        let held = same.filter_map(|(_, it)| it.get(purpose));
        let held = held.fold(TermSet::NONE, |all, it| all.with(*it));
        for (part, things) in [
            (categories.without(held), &mut changed),
            (categories.common(held), &mut kept),
        ] {
            if !part.is_empty() {
                things.insert(*purpose, part);
            }
        }
    }
    let (when, footing) = (phrase("when ", when), footing.join(", "));
    let gained = match word {
        "now" => phrase("", &footing),
        _ => String::new(),
    };
    let changed = sentences(&changed).into_iter();
    let lines = changed.map(|it| format!("{who} may {word} {verb} {it}{when}{gained}"));
    let kept = sentences(&kept).into_iter();
    let kept = kept.map(|it| format!("{who} may {verb} {it}{when}, {word} {footing}"));
    lines.chain(kept).collect()
}

/// What of the terms is another now, as the end of a sentence.
fn changed_terms(then: &Holder, now: &Holder) -> String {
    let terms = |it: &Holder, other: &Holder| {
        let when = match it.when.as_str() {
            "" => "always".to_owned(),
            when => format!("when {when}"),
        };
        let when = (it.when != other.when).then_some(when);
        let footing = it.footing.iter().filter(|it| !other.footing.contains(it));
        when.into_iter()
            .chain(footing.cloned())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (gone, come) = (terms(then, now), terms(now, then));
    match (gone.as_str(), come.as_str()) {
        (gone, "") => format!("no longer {gone}"),
        ("", come) => format!("now {come}"),
        (gone, come) => format!("now {come}, no longer {gone}"),
    }
}

fn phrase(before: &str, words: &str) -> String {
    match words {
        "" => String::new(),
        words => format!(", {before}{words}"),
    }
}

/// What the first holdings have and the second have not.
fn beyond(these: &Holdings, those: &Holdings) -> Vec<(Holder, Things)> {
    let mut more = Vec::new();
    for (holder, held) in these {
        let other = those.get(holder);
        let mut things = Things::new();
        for (purpose, categories) in held {
            let had = other.and_then(|it| it.get(purpose)).copied();
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
fn sentences(things: &Things) -> Vec<String> {
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
