//! The faults of a policy that can be read: of its words one by one, and of what they mean together.

mod basis;
mod country;
mod header;
mod idle;
mod rules;
mod sale;

mod flow;
mod meaning;

use std::collections::HashSet;

use toml::Spanned;

use crate::finding::{Code, Finding, Severity};
use crate::language::{ActivityBlock, ClauseBlock, Enforced, PolicyFile, RuleBlock};
use crate::nearest::did_you_mean;
use crate::parse::{self, Lines, Unreadable};
use crate::vocabulary::{CATEGORIES, RECIPIENT_KINDS, Registry, expresses_sale};
pub(crate) use meaning::{KEPT_BY_SERVICES, KEPT_BY_THE_LANGUAGE};

/// How many rules a policy may have.
const RULES_MAX: usize = 500;

/// Every fault of the policy, ordered by its place in the text.
pub(crate) fn lint(text: &str, file: &PolicyFile) -> Vec<Finding> {
    let mut linter = Linter::new(text, file);
    linter.words();
    if linter
        .findings
        .iter()
        .all(|it| it.severity != Severity::Error)
    {
        linter.meaning();
    }
    linter.into_findings()
}

/// Every fault of a text that cannot be read, as far as it could be.
pub(crate) fn unreadable(text: Unreadable) -> Vec<Finding> {
    let Unreadable {
        mut findings,
        mended,
    } = text;
    if let Some(mended) = mended {
        let mut more = words(&mended.text, &mended.file);
        more.retain(|it| it.severity == Severity::Error);
        findings.extend(more.into_iter().filter_map(|it| mended.as_it_was(it)));
    }
    findings.sort_by_key(|it| (it.line, it.column));
    findings
}

/// The faults of single words and rules; all errors are among them.
pub(crate) fn words(text: &str, file: &PolicyFile) -> Vec<Finding> {
    let mut linter = Linter::new(text, file);
    linter.words();
    linter.into_findings()
}

/// The findings so far, and where the linter stands.
struct Linter<'a> {
    text: &'a str,
    lines: Lines<'a>,
    file: &'a PolicyFile,
    clause: Option<&'a ClauseBlock>,
    findings: Vec<Finding>,
}

impl<'a> Linter<'a> {
    fn new(text: &'a str, file: &'a PolicyFile) -> Self {
        Self {
            text,
            lines: Lines::of(text),
            file,
            clause: None,
            findings: Vec::new(),
        }
    }

    fn into_findings(mut self) -> Vec<Finding> {
        self.findings.sort_by_key(|it| (it.line, it.column));
        self.findings
    }

    fn words(&mut self) {
        let file = self.file;
        self.number_of_rules();
        self.header(&file.policy);
        self.idle();
        self.collection_points();
        self.recipient_kinds();
        self.keys(file.activities.iter().map(|it| &it.key));
        for activity in &file.activities {
            self.activity(activity);
        }
        self.keys(file.clauses.iter().map(|it| &it.key));
        for clause in &file.clauses {
            self.clause = Some(clause);
            self.clause(clause);
            self.clause = None;
        }
    }

    fn find<T>(&mut self, code: Code, place: &Spanned<T>, message: impl Into<String>) {
        let clause = self.clause.map(|it| it.key.get_ref().clone());
        let finding = parse::finding_at(&self.lines, &place.span(), code, clause, message.into());
        self.findings.push(finding);
    }

    /// All rules are read together, each with each, so there is a bound to them.
    fn number_of_rules(&mut self) {
        let clauses = self.file.clauses.iter();
        let mut rules = clauses.flat_map(|it| it.permits.iter().chain(&it.forbids));
        if let Some(first_over) = rules.nth(RULES_MAX) {
            let message = format!("a policy has at most {RULES_MAX} rules");
            self.find(Code::TooLong, first_over, message);
        }
    }

    fn collection_points(&mut self) {
        let file = self.file;
        self.keys(file.collection_points.iter().map(|it| &it.key));
        for point in &file.collection_points {
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
                let keys = file.clauses.iter().map(|it| it.key.get_ref().as_str());
                let message = match did_you_mean(clause, keys) {
                    Some(question) => format!("the policy has no clause `{clause}`: {question}"),
                    None => format!("the policy has no clause `{clause}`"),
                };
                self.find(Code::UnknownClause, &kind.falls_under, message);
            }
            let mut rules = file.clauses.iter().flat_map(|it| &it.permits);
            let key = kind.key.get_ref();
            let names = |it: &RuleBlock| it.recipient_kinds.iter().any(|to| to.get_ref() == key);
            if !rules.any(|it| names(it.get_ref())) {
                let message = format!("no rule permits to disclose anything to `{key}`");
                self.find(Code::UnusedRecipientKind, &kind.key, message);
            }
        }
    }

    fn activity(&mut self, activity: &ActivityBlock) {
        self.known(&CATEGORIES, Code::UnknownCategory, &activity.needs);
    }

    fn clause(&mut self, clause: &'a ClauseBlock) {
        let has_rules = !clause.permits.is_empty() || !clause.forbids.is_empty();
        if clause.enforced == Enforced::ByRules && !has_rules {
            let message = "a clause enforced by rules has a rule; say `not yet` until it has one";
            self.find(Code::ClauseWithoutRules, &clause.key, message);
        }
        if let Some(announces) = &clause.announces {
            self.announcement(announces);
        }
        self.sale_by_key(clause);
        for rule in clause.permits.iter().chain(&clause.forbids) {
            if !matches!(clause.enforced, Enforced::ByRules | Enforced::NotYet) {
                let message =
                    "a clause with rules is enforced `by rules`, or is a draft: `not yet`";
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
        if let Some(question) = did_you_mean(word.get_ref(), registry.keys()) {
            let message = format!("`{}` is not in the vocabulary: {question}", word.get_ref());
            return self.find(code, word, message);
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
