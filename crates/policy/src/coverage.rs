//! What keeps each clause, told from the policy itself: its rules, and the calls that obey them.

use crate::language::{ActionWord, AgeBand, ConsentWord, Enforced};
use crate::lint::{KEPT_BY_SERVICES, KEPT_BY_THE_LANGUAGE};
use crate::reach;
use crate::rulebook::{Clause, Rule, Rulebook};
use crate::vocabulary::{CATEGORIES, TermSet};
use crate::wording::all;

/// What keeps the promise of a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Its rules decide, or the language has no word for what it rules out. That its rules say all
    /// that its text says, no program can tell.
    Enforced,
    /// The services are built to keep it, and leave evidence.
    Evidenced,
    /// Nothing yet: it is only said, or said to be kept by what does not keep it.
    TextOnly,
}

impl Coverage {
    /// The words of a report.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Coverage::Enforced => "enforced",
            Coverage::Evidenced => "evidenced",
            Coverage::TextOnly => "text only",
        }
    }
}

/// The calls that ask for a decision, whatever is to be done.
const DECIDING: [&str; 2] = [
    "vow.consent.v1.ConsentService/Authorize",
    "vow.consent.v1.ConsentService/Check",
];

/// The calls that take values in, and only with a decision that permits it.
const TAKING: [&str; 2] = [
    "vow.identity.v1.IdentityService/Collect",
    "vow.payments_data.v1.PaymentsDataService/StoreOrderData",
];

/// The calls that open values, and only with a decision that permits it.
const OPENING: [&str; 2] = [
    "vow.identity.v1.IdentityService/Reveal",
    "vow.payments_data.v1.PaymentsDataService/Release",
];

impl Clause {
    /// What keeps it. What a clause says of itself counts only where it is so: the language and the
    /// services keep the promises they were built for, and no others.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        let key = self.key.as_str();
        match self.enforced {
            Enforced::ByRules => Coverage::Enforced,
            Enforced::ByTheLanguage if key == KEPT_BY_THE_LANGUAGE => Coverage::Enforced,
            Enforced::ByServices if KEPT_BY_SERVICES.contains(&key) => Coverage::Evidenced,
            Enforced::ByTheLanguage | Enforced::ByServices | Enforced::NotYet => Coverage::TextOnly,
        }
    }
}

impl Rulebook {
    /// What a clause's rules permit and forbid, in words, permissions first; a draft's rules do
    /// neither. Of a permission that nothing can come of, the words say why.
    #[must_use]
    pub fn deciding_rules(&self, clause: &Clause) -> Vec<String> {
        let deciding = clause.rules.iter().filter(|it| it.decides);
        let told = deciding.map(|it| {
            if !it.permits {
                return format!("forbids to {}", it.words);
            }
            let permit = self.permits.iter().find(|rule| rule.start == it.start);
            match permit.and_then(|it| self.idle_because(it)) {
                Some(reason) => format!("permits to {}; {reason}", it.words),
                None => format!("permits to {}", it.words),
            }
        });
        told.collect()
    }

    /// Why nothing can come of a permission as things stand, or of a part of it.
    fn idle_because(&self, permit: &Rule) -> Option<String> {
        let is_open = |it: &reach::Reach<'_>| !it.room.is_empty();
        if !reach::reaches(self, permit).iter().any(is_open) {
            return Some("it can never be met".to_owned());
        }
        let mut reasons = Vec::new();
        if is_never_met(permit) {
            reasons
                .push("it is never met yet, for no running suite records what it asks".to_owned());
        }
        let idle = self.never_collected(permit);
        if !idle.is_empty() {
            reasons.push(format!("no rule in force lets {} in", all(idle)));
        }
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    /// The widest categories of a permission to use or disclose of which no rule in force lets
    /// anything in.
    fn never_collected(&self, permit: &Rule) -> Vec<&'static str> {
        if permit.action == ActionWord::Collect {
            return Vec::new();
        }
        let taking = self
            .permits
            .iter()
            .filter(|it| it.action == ActionWord::Collect);
        let reaches = taking.flat_map(|it| reach::reaches(self, it));
        let open = reaches.filter(|it| !it.room.is_empty());
        let collected = open.fold(TermSet::NONE, |all, it| all.with(it.area.categories));
        let mut named = CATEGORIES.widest_of(permit.categories);
        named.retain(|it| {
            let below = CATEGORIES.below([*it]).unwrap_or_default();
            !below.intersects(collected)
        });
        named
    }

    /// The full names of the methods that obey a clause's rules, in alphabetical order.
    #[must_use]
    pub fn methods_of(&self, clause: &Clause) -> Vec<&'static str> {
        let rules = self.permits.iter().chain(&self.forbids);
        let own = rules.filter(|it| self.clause_of(it) == clause.key);
        let mut methods: Vec<_> = own
            .flat_map(|it| match it.action {
                ActionWord::Collect => [DECIDING, TAKING],
                ActionWord::Use | ActionWord::Disclose => [DECIDING, OPENING],
            })
            .flatten()
            .collect();
        methods.sort_unstable();
        methods.dedup();
        methods
    }
}

/// Whether a permission asks for what no running suite records; the linter notes it as
/// `CONDITION_NOT_FED`.
fn is_never_met(permit: &Rule) -> bool {
    permit.condition.as_ref().is_some_and(|it| {
        it.approval
            || it.aggregate_only
            || it.consent == Some(ConsentWord::PurposeConfirmed)
            || it.ages == [AgeBand::Under13]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rulebook::compile;

    const POLICY: &str = include_str!("../../../policies/gupshup-bots.toml");

    #[test]
    fn what_keeps_a_clause_is_told_from_its_block() {
        let rulebook = compile(POLICY).unwrap();
        let clause = |key| rulebook.clauses().iter().find(|it| it.key == key).unwrap();
        for (key, coverage, has_rules, method) in [
            (
                "collect.declared-only",
                Coverage::Enforced,
                true,
                Some("Collect"),
            ),
            (
                "use.payment-only-for-its-order",
                Coverage::Enforced,
                true,
                Some("Release"),
            ),
            ("disclose.never-sold", Coverage::Enforced, false, None),
            ("protect.storage", Coverage::Evidenced, false, None),
            ("collect.cookies", Coverage::TextOnly, false, None),
        ] {
            let clause = clause(key);
            assert_eq!(clause.coverage(), coverage, "{key}");
            assert_eq!(
                !rulebook.deciding_rules(clause).is_empty(),
                has_rules,
                "{key}"
            );
            let methods = rulebook.methods_of(clause);
            let has = |method| methods.iter().any(|it| it.ends_with(method));
            assert_eq!(method.map(has), method.map(|_| true), "{key}: {methods:?}");
            assert_eq!(methods.is_empty(), method.is_none(), "{key}: {methods:?}");
        }
        let collecting = rulebook.methods_of(clause("collect.voluntary"));
        assert!(!collecting.iter().any(|it| it.ends_with("/Reveal")));
    }

    #[test]
    fn what_a_clause_says_of_itself_counts_only_where_it_is_so() {
        let (head, _) = POLICY.split_once("[[collection_point]]").unwrap();
        for (key, enforced, coverage) in [
            ("use.no-profiles", "by the language", Coverage::TextOnly),
            ("use.no-profiles", "by services", Coverage::TextOnly),
            ("disclose.never-sold", "by the language", Coverage::Enforced),
            ("disclose.never-sold", "by services", Coverage::TextOnly),
            ("policy.changes", "by the language", Coverage::TextOnly),
            ("policy.changes", "by services", Coverage::Evidenced),
        ] {
            let text = format!(
                "{head}[[clause]]\nkey = \"{key}\"\ntitle = \"\"\nsays = \"\"\n\
                 enforced = \"{enforced}\"\n"
            );
            let rulebook = compile(&text).unwrap();
            assert_eq!(
                rulebook.clauses()[0].coverage(),
                coverage,
                "{key} {enforced}"
            );
        }
    }

    #[test]
    fn a_permission_that_nothing_comes_of_says_why() {
        let permit = |purpose: &str, when: &str| {
            format!(
                "[[clause.permit]]\naction = \"use\"\ncategories = [\"user.name\", \
                 \"user.behavior\"]\npurposes = [\"{purpose}\"]\nbasis = \"CONTRACT\"\n{when}"
            )
        };
        let clause = |key: &str, rules: &str| {
            format!(
                "[[clause]]\nkey = \"{key}\"\ntitle = \"\"\nsays = \"\"\n\
                 enforced = \"by rules\"\n{rules}"
            )
        };
        let behaviour = "no rule in force lets user.behavior in";
        let unfed = "it is never met yet, for no running suite records what it asks";
        let both = format!("{unfed}; {behaviour}");
        let cases = [
            ("personalize", "", Some("it can never be met")),
            ("analytics", "", Some(behaviour)),
            ("analytics", "when = { approval = true }\n", Some(&both)),
            (
                "analytics",
                "when = { ages = [\"under 13\"] }\n",
                Some(&both),
            ),
        ];
        let forbid = "[[clause.forbid]]\naction = \"use\"\npurposes = [\"personalize\"]\n";
        for (purpose, when, expected) in cases {
            let rules = format!("{}{forbid}", permit(purpose, when));
            let text = format!("{POLICY}\n{}", clause("use.more", &rules));
            let rulebook = compile(&text).unwrap();
            let told = rulebook.deciding_rules(rulebook.clauses().last().unwrap());
            let (_, reason) = told[0].split_once("; ").unwrap_or_default();
            assert_eq!(Some(reason), expected, "{purpose} {when}");
            assert!(told[1].starts_with("forbids to use"), "{told:?}");
        }
    }
}
