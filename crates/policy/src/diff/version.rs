//! A version of a policy as what it permits and forbids at each place.

use super::circumstance::Circumstances;
use crate::language::ActionWord;
use crate::rulebook::{Rule, Rulebook};
use crate::vocabulary::{CATEGORIES, RECIPIENT_KINDS, Term, TermSet};

/// Who does something, and what: `the company`, `use`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Doer {
    pub(super) who: String,
    pub(super) verb: &'static str,
}

/// A rule at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part<'r> {
    /// The key of its clause in the new version.
    pub(super) clause: &'r str,
    pub(super) doer: Doer,
    pub(super) purposes: TermSet,
    pub(super) categories: TermSet,
    /// When it permits, or when a prohibition is lifted; none when it never is.
    pub(super) met: Option<Circumstances>,
    pub(super) footing: &'r [String],
}

impl Part<'_> {
    pub(super) fn speaks_of(&self, purpose: Term, category: Term) -> bool {
        self.purposes.contains(purpose) && self.categories.contains(category)
    }
}

/// All that a version permits, in the order of the text, and all that it forbids.
pub(super) struct Version<'r> {
    pub(super) permits: Vec<Part<'r>>,
    pub(super) forbids: Vec<Part<'r>>,
}

impl<'r> Version<'r> {
    /// `key` tells by which key the new version calls a clause.
    pub(super) fn new(
        rulebook: &'r Rulebook,
        homes: [&str; 2],
        key: impl Fn(&'r str) -> &'r str,
    ) -> Self {
        let parts = |rule| parts(rulebook, rule, homes, key(rulebook.clause_of(rule)));
        Self {
            permits: rulebook.permits.iter().flat_map(parts).collect(),
            forbids: rulebook.forbids.iter().flat_map(parts).collect(),
        }
    }
}

/// A rule at each of its places.
pub(super) fn parts<'r>(
    rulebook: &'r Rulebook,
    rule: &'r Rule,
    homes: [&str; 2],
    clause: &'r str,
) -> Vec<Part<'r>> {
    let permits = rule.basis.is_some();
    let met = Circumstances::meeting(rule.condition.as_ref(), homes);
    let met = match (permits, &rule.condition) {
        (true, _) => Some(met.about_persons()),
        (false, None) => None,
        (false, Some(_)) => Some(met),
    };
    let parts = doers(rulebook, rule).into_iter();
    let parts = parts.map(|(doer, declared)| Part {
        clause,
        doer,
        purposes: rule.purposes,
        categories: match permits {
            true => rule.categories.common(declared),
            false => rule.categories,
        },
        met,
        footing: &rule.footing,
    });
    let is_anything = |it: &Part<'_>| CATEGORIES.terms_of(it.categories).next().is_some();
    parts.filter(is_anything).collect()
}

/// Who does what a rule speaks of, and with which categories at most.
fn doers(rulebook: &Rulebook, rule: &Rule) -> Vec<(Doer, TermSet)> {
    let doer = |who: String, verb| Doer { who, verb };
    match rule.action {
        ActionWord::Use => vec![(doer("the company".to_owned(), "use"), TermSet::ALL)],
        ActionWord::Collect => {
            let points = rule.points.iter().map(|it| &rulebook.points()[*it]);
            let points =
                points.map(|it| (doer(format!("the point {}", it.key), "take"), it.categories));
            points.collect()
        }
        ActionWord::Disclose => {
            let kinds = RECIPIENT_KINDS.terms_of(rule.recipient_kinds);
            let kinds = kinds.map(|it| format!("each {}", RECIPIENT_KINDS.key(it)));
            kinds
                .map(|it| (doer(it, "receive"), TermSet::ALL))
                .collect()
        }
    }
}
