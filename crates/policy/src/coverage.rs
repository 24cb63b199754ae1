//! What keeps each clause, told from the policy itself: its rules, and the calls that obey them.

use crate::language::{ActionWord, Enforced};
use crate::rulebook::{Clause, Rulebook};

/// What keeps the promise of a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// What it does not allow is refused, by its rules or for want of a word.
    Enforced,
    /// The services are built to keep it, and leave evidence.
    Evidenced,
    /// Nothing yet: it is only said.
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
    /// What keeps it.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        match self.enforced {
            Enforced::ByRules | Enforced::ByTheLanguage => Coverage::Enforced,
            Enforced::ByServices => Coverage::Evidenced,
            Enforced::NotYet => Coverage::TextOnly,
        }
    }

    /// What its rules permit and forbid, in words, permissions first; a draft's rules do neither.
    #[must_use]
    pub fn deciding_rules(&self) -> Vec<String> {
        let deciding = self.rules.iter().filter(|it| it.decides);
        let told = deciding.map(|it| match it.permits {
            true => format!("permits to {}", it.words),
            false => format!("forbids to {}", it.words),
        });
        told.collect()
    }
}

impl Rulebook {
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
            assert_eq!(!clause.deciding_rules().is_empty(), has_rules, "{key}");
            let methods = rulebook.methods_of(clause);
            let has = |method| methods.iter().any(|it| it.ends_with(method));
            assert_eq!(method.map(has), method.map(|_| true), "{key}: {methods:?}");
            assert_eq!(methods.is_empty(), method.is_none(), "{key}: {methods:?}");
        }
        let collecting = rulebook.methods_of(clause("collect.voluntary"));
        assert!(!collecting.iter().any(|it| it.ends_with("/Reveal")));
    }
}
