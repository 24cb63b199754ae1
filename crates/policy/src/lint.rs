//! The faults of a policy that can be read: unknown words, rules too wide, sales in disguise.

mod rules;

use std::collections::HashSet;

use toml::Spanned;

use crate::finding::{Code, Finding};
use crate::language::{ActivityBlock, ClauseBlock, Enforced, Header, PolicyFile};
use crate::parse;
use crate::vocabulary::{CATEGORIES, RECIPIENT_KINDS, Registry, expresses_sale};

/// Every fault of the policy, ordered by its place in the text.
pub(crate) fn lint(text: &str, file: &PolicyFile) -> Vec<Finding> {
    let mut linter = Linter {
        text,
        file,
        clause: None,
        findings: Vec::new(),
    };
    linter.header(&file.policy);
    linter.collection_points();
    linter.recipient_kinds();
    linter.keys(file.activities.iter().map(|it| &it.key));
    for activity in &file.activities {
        linter.activity(activity);
    }
    linter.keys(file.clauses.iter().map(|it| &it.key));
    for clause in &file.clauses {
        linter.clause = Some(clause);
        linter.clause(clause);
        linter.clause = None;
    }
    linter.findings.sort_by_key(|it| (it.line, it.column));
    linter.findings
}

/// The findings so far, and where the linter stands.
struct Linter<'a> {
    text: &'a str,
    file: &'a PolicyFile,
    clause: Option<&'a ClauseBlock>,
    findings: Vec<Finding>,
}

impl<'a> Linter<'a> {
    fn find<T>(&mut self, code: Code, place: &Spanned<T>, message: impl Into<String>) {
        let clause = self.clause.map(|it| it.key.get_ref().clone());
        let finding = parse::finding_at(self.text, &place.span(), code, clause, message.into());
        self.findings.push(finding);
    }

    fn header(&mut self, header: &Header) {
        if !is_key(header.name.get_ref()) {
            self.find(Code::MalformedKey, &header.name, KEY_FORM);
        }
        let revised = header.revised.get_ref();
        if revised.date.is_none() || revised.time.is_some() || revised.offset.is_some() {
            let message = "a policy is revised on a day: write a date such as 2016-06-21";
            self.find(Code::MalformedDate, &header.revised, message);
        }
        self.region(&header.storage_region);
        if !is_address(header.contact.get_ref()) {
            let message = "the contact does not look like an e-mail address";
            self.find(Code::MalformedContact, &header.contact, message);
        }
    }

    fn region(&mut self, region: &Spanned<String>) {
        let letters = region.get_ref().as_bytes();
        if letters.len() != 2 || !letters.iter().all(u8::is_ascii_uppercase) {
            let message = "a region is a country code of two capital letters, such as US";
            self.find(Code::MalformedRegion, region, message);
        }
    }

    fn collection_points(&mut self) {
        let file = self.file;
        self.keys(file.collection_points.iter().map(|it| &it.key));
        for point in &file.collection_points {
            self.sale(&point.key);
            self.known(&CATEGORIES, Code::UnknownCategory, &point.categories);
            let key = point.key.get_ref();
            let mut rules = file.clauses.iter().flat_map(|it| &it.permits);
            if !rules.any(|it| it.get_ref().points.iter().any(|at| at.get_ref() == key)) {
                let message = format!("no rule permits to collect at `{key}`");
                self.find(Code::UnusedPoint, &point.key, message);
            }
        }
    }

    fn recipient_kinds(&mut self) {
        let file = self.file;
        self.keys(file.recipient_kinds.iter().map(|it| &it.key));
        for kind in &file.recipient_kinds {
            self.word(&RECIPIENT_KINDS, Code::UnknownRecipientKind, &kind.key);
            let clause = kind.falls_under.get_ref();
            if !file.clauses.iter().any(|it| it.key.get_ref() == clause) {
                let message = format!("the policy has no clause `{clause}`");
                self.find(Code::UnknownClause, &kind.falls_under, message);
            }
        }
    }

    fn activity(&mut self, activity: &ActivityBlock) {
        self.sale(&activity.key);
        self.known(&CATEGORIES, Code::UnknownCategory, &activity.needs);
        for needed in &activity.needs {
            let points = &self.file.collection_points;
            let is_taken = points.iter().flat_map(|it| &it.categories).any(|taken| {
                let covered = CATEGORIES.below([taken.get_ref().as_str()]);
                let needed = CATEGORIES.term(needed.get_ref());
                covered
                    .zip(needed)
                    .is_some_and(|(covered, needed)| covered.contains(needed))
            });
            if !is_taken && CATEGORIES.term(needed.get_ref()).is_some() {
                let message = format!("no collection point takes `{}`", needed.get_ref());
                self.find(Code::ActivityImpossible, needed, message);
            }
        }
    }

    fn clause(&mut self, clause: &'a ClauseBlock) {
        let has_rules = !clause.permits.is_empty() || !clause.forbids.is_empty();
        if clause.enforced == Enforced::ByRules && !has_rules {
            let message = "a clause enforced by rules has a rule; say `not yet` until it has one";
            self.find(Code::ClauseWithoutRules, &clause.key, message);
        }
        for rule in clause.permits.iter().chain(&clause.forbids) {
            if clause.enforced != Enforced::ByRules {
                let message = "rules stand only in a clause with `enforced = \"by rules\"`";
                self.find(Code::RuleNotEnforced, rule, message);
            }
            self.rule_words(rule.get_ref());
        }
        for permit in &clause.permits {
            self.permit(permit);
        }
        for forbid in &clause.forbids {
            self.forbid(forbid);
        }
    }

    /// The keys of one sort of block: well formed, and each only once.
    fn keys(&mut self, keys: impl Iterator<Item = &'a Spanned<String>>) {
        let mut seen = HashSet::new();
        for key in keys {
            if !is_key(key.get_ref()) {
                self.find(Code::MalformedKey, key, KEY_FORM);
            }
            if !seen.insert(key.get_ref()) {
                let message = format!("`{}` is declared twice", key.get_ref());
                self.find(Code::DuplicateKey, key, message);
            }
        }
    }

    fn known(&mut self, registry: &Registry, code: Code, words: &[Spanned<String>]) {
        for word in words {
            self.word(registry, code, word);
        }
    }

    /// A word of the vocabulary. One that names a sale is a fault of its own.
    fn word(&mut self, registry: &Registry, code: Code, word: &Spanned<String>) {
        if registry.term(word.get_ref()).is_some() || self.sale(word) {
            return;
        }
        let family = word.get_ref().split('.').next().unwrap_or_default();
        let listed = registry
            .keys()
            .filter(|it| it.split('.').next() == Some(family));
        let mut nearest: Vec<_> = listed.collect();
        if nearest.is_empty() {
            nearest = registry.keys().filter(|it| !it.contains('.')).collect();
        }
        let message = format!(
            "`{}` is not in the vocabulary, which has {}",
            word.get_ref(),
            nearest.join(", ")
        );
        self.find(code, word, message);
    }

    fn sale(&mut self, word: &Spanned<String>) -> bool {
        let is_sale = expresses_sale(word.get_ref());
        if is_sale {
            let message = format!(
                "`{}` names a sale, trade or rental, which no policy can permit",
                word.get_ref()
            );
            self.find(Code::SaleForbidden, word, message);
        }
        is_sale
    }
}

const KEY_FORM: &str = "a key has lower-case letters, digits, `.`, `-` and `_`, and is not empty";

fn is_key(key: &str) -> bool {
    let is_allowed =
        |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b".-_".contains(&it);
    !key.is_empty() && key.bytes().all(is_allowed)
}

fn is_address(contact: &str) -> bool {
    let has_space = contact.contains(char::is_whitespace);
    let Some((name, domain)) = contact.split_once('@') else {
        return false;
    };
    let labels: Vec<_> = domain.split('.').collect();
    let has_domain = labels.len() > 1 && labels.iter().all(|it| !it.is_empty());
    !has_space && !name.is_empty() && has_domain && !domain.contains('@')
}
