//! A policy compiled to a table: words become bit sets, and each rule knows its clause.

use std::cmp::Reverse;

use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::value::Date;

use crate::day::days_since_1970;
use crate::finding::{Finding, Findings, Severity};
use crate::language::{
    Acceptance, ActionWord, AgeBand, Basis, ClauseBlock, ConditionBlock, ConsentWord, Enforced,
    PolicyFile, RuleBlock, Side,
};
use crate::vocabulary::{ACTS, CATEGORIES, PURPOSES, RECIPIENT_KINDS, Registry, Term, TermSet};
use crate::{lint, parse, wording};

/// A compiled policy. It never changes; its digest names it.
#[derive(Debug)]
pub struct Rulebook {
    digest: [u8; 32],
    name: String,
    title: String,
    revised: String,
    effective: Option<Date>,
    contact: String,
    storage_region: String,
    points: Vec<Point>,
    recipient_kinds: Vec<RecipientKind>,
    activities: Vec<Activity>,
    clauses: Vec<Clause>,
    pub(crate) permits: Vec<Rule>,
    pub(crate) forbids: Vec<Rule>,
    /// What the policy says outside its clauses, a sentence each.
    pub(crate) header_lines: Vec<String>,
}

/// A place at which values may enter.
#[derive(Debug)]
pub struct Point {
    /// Its key, as requests name it.
    pub key: String,
    /// Who runs it.
    pub side: Side,
    /// The categories it takes, with all below them.
    pub categories: TermSet,
}

/// A kind of recipient that the policy knows.
#[derive(Debug)]
pub struct RecipientKind {
    /// A key of [`crate::RECIPIENT_KINDS`].
    pub key: String,
    /// The key of the one clause that governs disclosure to it.
    pub falls_under: String,
}

/// Something a person can do.
#[derive(Debug)]
pub struct Activity {
    /// Its key.
    pub key: String,
    /// The categories without which it cannot be done.
    pub needs: TermSet,
}

/// One promise of the policy.
#[derive(Debug)]
pub struct Clause {
    /// Its stable key, such as `collect.declared-only`.
    pub key: String,
    /// A heading.
    pub title: String,
    /// What it requires, in plain words.
    pub says: String,
    /// What keeps it.
    pub enforced: Enforced,
    /// Its rules in words, permissions first.
    pub rules: Vec<ClauseRule>,
    /// What it says about itself, a sentence each; its rules apart.
    pub(crate) lines: Vec<String>,
}

/// A rule in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClauseRule {
    /// The line of the text at which it begins.
    pub line: usize,
    /// Where it begins in the text, in bytes: no two rules begin at one place.
    pub start: usize,
    /// Whether it decides; that of a draft does not.
    pub decides: bool,
    /// Whether it permits; or else it forbids.
    pub permits: bool,
    /// The end of a sentence that begins with "it is permitted to" or "it is forbidden to".
    pub words: String,
}

/// A rule ready to be asked.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Index into the rulebook's clauses.
    pub(crate) clause: usize,
    /// The line of the text at which it begins.
    pub(crate) line: usize,
    /// Where it begins in the text, in bytes.
    pub(crate) start: usize,
    pub(crate) action: ActionWord,
    /// Indices into the rulebook's points.
    pub(crate) points: Vec<usize>,
    pub(crate) purposes: TermSet,
    pub(crate) categories: TermSet,
    pub(crate) recipient_kinds: TermSet,
    /// `when` of a permission, `unless` of a prohibition.
    pub(crate) condition: Option<Condition>,
    /// Its condition as the end of a sentence that goes on with "when" or "unless"; or empty.
    pub(crate) condition_words: String,
    /// What a permission rests on and until when data is kept under it.
    pub(crate) footing: Vec<String>,
    /// The legal basis of a permission, in the word of the policy file.
    pub(crate) basis: Option<&'static str>,
}

/// What must be so; an empty list asks nothing. Lists are in order, so that conditions that ask the
/// same are equal.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Condition {
    pub(crate) order: bool,
    pub(crate) aggregate_only: bool,
    pub(crate) approval: bool,
    pub(crate) consent: Option<ConsentWord>,
    /// The country whose residents need not have agreed to the transfer, when it is asked for.
    pub(crate) transfer_to: Option<String>,
    pub(crate) acceptance: Vec<Acceptance>,
    pub(crate) acts: TermSet,
    pub(crate) ages: Vec<AgeBand>,
    pub(crate) regions: Vec<String>,
}

/// What becomes of the rules of a clause that is not enforced yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drafts {
    /// They are left out, and so decide nothing.
    Left,
    /// They are taken in, as if they decided.
    Taken,
}

/// Everything wrong with a policy text, errors and warnings, ordered by line.
#[must_use]
pub fn check(text: &str) -> Vec<Finding> {
    match parse::parse(text) {
        Ok(file) => lint::lint(text, &file),
        Err(unreadable) => lint::unreadable(unreadable),
    }
}

/// Compiles a policy text.
///
/// # Errors
///
/// The errors among the findings of [`check`]; warnings do not keep a policy from compiling.
pub fn compile(text: &str) -> Result<Rulebook, Findings> {
    compiled(text, Drafts::Left)
}

/// Compiles a policy text as if all of its clauses were enforced: to see what its drafts would do.
///
/// # Errors
///
/// Those of [`compile`].
pub fn compile_with_drafts(text: &str) -> Result<Rulebook, Findings> {
    compiled(text, Drafts::Taken)
}

fn compiled(text: &str, drafts: Drafts) -> Result<Rulebook, Findings> {
    let file = parse::parse(text).map_err(|it| Findings(lint::unreadable(it)))?;
    let mut findings = lint::words(text, &file);
    findings.retain(|it| it.severity == Severity::Error);
    if findings.is_empty() {
        Ok(Rulebook::from_checked(text, &file, drafts))
    } else {
        Err(Findings(findings))
    }
}

impl Rulebook {
    /// SHA-256 of the bytes of the policy text.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The short name of the policy.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The title of the policy.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The day of its last revision, as `YYYY-MM-DD`.
    #[must_use]
    pub fn revised(&self) -> &str {
        &self.revised
    }

    /// The day from which it holds, as `YYYY-MM-DD`, if it names one.
    #[must_use]
    pub fn effective(&self) -> Option<String> {
        self.effective.map(|it| it.to_string())
    }

    /// The moment from which it holds, in Unix seconds: midnight UTC of its day, or 0.
    #[must_use]
    pub fn effective_from(&self) -> u64 {
        self.effective.map_or(0, |it| days_since_1970(it) * 86_400)
    }

    /// The address for questions.
    #[must_use]
    pub fn contact(&self) -> &str {
        &self.contact
    }

    /// The two-letter country in which the data is stored.
    #[must_use]
    pub fn storage_region(&self) -> &str {
        &self.storage_region
    }

    /// The clauses in the order of the text.
    #[must_use]
    pub fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    /// The collection points in the order of the text.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// A declared collection point.
    #[must_use]
    pub fn point(&self, key: &str) -> Option<&Point> {
        self.points.iter().find(|it| it.key == key)
    }

    /// What values are taken for at a declared collection point when a request does not say: the
    /// purpose for which the point may take the most categories, and of several the first in the
    /// alphabet. Neither the order of the rules nor that of their words matters.
    #[must_use]
    pub fn purpose_of_point(&self, key: &str) -> Option<&'static str> {
        let point = self.points.iter().position(|it| it.key == key)?;
        let permits = self.permits.iter();
        let here = permits.filter(|it| it.points.contains(&point));
        let here: Vec<_> = here.collect();
        let taken_for = |purpose: Term| {
            let permits = here.iter().filter(|it| it.purposes.contains(purpose));
            let categories = permits.fold(TermSet::NONE, |all, it| all.with(it.categories));
            let taken = categories.common(self.points[point].categories);
            CATEGORIES.terms_of(taken).count()
        };
        let counted = PURPOSES.terms().map(|(term, key)| (taken_for(term), key));
        let taken = counted.filter(|(count, _)| *count > 0);
        let widest = taken.min_by_key(|(count, _)| Reverse(*count));
        widest.map(|(_, key)| key)
    }

    /// A kind of recipient that the policy knows.
    #[must_use]
    pub fn recipient_kind(&self, key: &str) -> Option<&RecipientKind> {
        self.recipient_kinds.iter().find(|it| it.key == key)
    }

    /// The activities in the order of the text.
    #[must_use]
    pub fn activities(&self) -> &[Activity] {
        &self.activities
    }

    /// The key of the clause in which a rule stands.
    pub(crate) fn clause_of(&self, rule: &Rule) -> &str {
        &self.clauses[rule.clause].key
    }

    /// Whether a rule stands in a clause that is not enforced yet.
    pub(crate) fn is_draft(&self, rule: &Rule) -> bool {
        self.clauses[rule.clause].enforced == Enforced::NotYet
    }

    /// How many rules decide: those of drafts do not.
    #[must_use]
    pub fn rule_count(&self) -> usize {
        self.permits.len() + self.forbids.len()
    }

    /// The table of a text in which the linter has found no error.
    pub(crate) fn from_checked(text: &str, file: &PolicyFile, drafts: Drafts) -> Self {
        let mut rulebook = Self {
            digest: Sha256::digest(text).into(),
            name: file.policy.name.get_ref().clone(),
            title: file.policy.title.clone(),
            revised: file.policy.revised.get_ref().to_string(),
            effective: file
                .policy
                .effective
                .as_ref()
                .and_then(|it| it.get_ref().date),
            contact: file.policy.contact.get_ref().clone(),
            storage_region: file.policy.storage_region.get_ref().clone(),
            points: Vec::new(),
            recipient_kinds: Vec::new(),
            activities: Vec::new(),
            clauses: Vec::new(),
            permits: Vec::new(),
            forbids: Vec::new(),
            header_lines: wording::header_lines(file),
        };
        for block in &file.collection_points {
            let categories = below(&CATEGORIES, &block.categories);
            let key = block.key.get_ref().clone();
            rulebook.points.push(Point {
                key,
                side: block.side,
                categories,
            });
        }
        for block in &file.recipient_kinds {
            let falls_under = block.falls_under.get_ref().clone();
            rulebook.recipient_kinds.push(RecipientKind {
                key: block.key.get_ref().clone(),
                falls_under,
            });
        }
        for block in &file.activities {
            let needs = below(&CATEGORIES, &block.needs);
            rulebook.activities.push(Activity {
                key: block.key.get_ref().clone(),
                needs,
            });
        }
        for block in &file.clauses {
            rulebook.add_clause(text, file, block, drafts);
        }
        rulebook
    }

    fn add_clause(&mut self, text: &str, file: &PolicyFile, block: &ClauseBlock, drafts: Drafts) {
        let clause = self.clauses.len();
        self.clauses.push(Clause {
            key: block.key.get_ref().clone(),
            title: block.title.clone(),
            says: block.says.clone(),
            enforced: block.enforced,
            rules: wording::rules(text, file, block),
            lines: wording::clause_lines(file, block),
        });
        if block.enforced == Enforced::NotYet && drafts == Drafts::Left {
            return; // A draft decides nothing.
        }
        for permit in &block.permits {
            let rule = self.rule(clause, text, permit, true);
            self.permits.push(rule);
        }
        for forbid in &block.forbids {
            let rule = self.rule(clause, text, forbid, false);
            self.forbids.push(rule);
        }
    }

    /// A permission reaches down from its words. A prohibition reaches up as well, and without
    /// words everything.
    fn rule(&self, clause: usize, text: &str, block: &Spanned<RuleBlock>, permits: bool) -> Rule {
        let start = block.span().start;
        let block = block.get_ref();
        let (condition, mut points) = (block.when.as_ref(), self.point_indices(block));
        let condition = condition.or(block.unless.as_ref());
        if block.points.is_empty() && !permits {
            points = (0..self.points.len()).collect();
        }
        let (purposes, categories, recipient_kinds) = match permits {
            true => (
                below(&PURPOSES, &block.purposes),
                // A collecting rule without a list takes what its points declare.
                below_or_all(&CATEGORIES, &block.categories),
                below(&RECIPIENT_KINDS, &block.recipient_kinds),
            ),
            false => (
                touching_or_all(&PURPOSES, &block.purposes),
                touching_or_all(&CATEGORIES, &block.categories),
                below_or_all(&RECIPIENT_KINDS, &block.recipient_kinds),
            ),
        };
        Rule {
            clause,
            line: parse::line_and_column(text, start).0,
            start,
            action: block.action,
            points,
            purposes,
            categories,
            recipient_kinds,
            condition: condition.map(|it| self.condition(it.get_ref())),
            condition_words: wording::condition_of(block, &self.storage_region),
            footing: wording::footing(block),
            basis: block.basis.map(Basis::word),
        }
    }

    fn point_indices(&self, block: &RuleBlock) -> Vec<usize> {
        let index = |key: &str| self.points.iter().position(|it| it.key == key);
        let indices = block.points.iter().map(|it| index(it.get_ref()));
        indices.map(|it| it.expect(CHECKED)).collect()
    }

    fn condition(&self, block: &ConditionBlock) -> Condition {
        Condition {
            order: block.order,
            aggregate_only: block.aggregate_only,
            approval: block.approval,
            consent: block.consent,
            transfer_to: block.transfer_agreed.then(|| self.storage_region.clone()),
            acceptance: sorted(block.acceptance.iter().copied()),
            acts: below(&ACTS, &block.acts),
            ages: sorted(block.ages.iter().copied()),
            regions: sorted(block.regions.iter().map(|it| it.get_ref().clone())),
        }
    }
}

const CHECKED: &str = "lint has refused every key that is not in the vocabulary or not declared";

fn sorted<T: Ord>(list: impl Iterator<Item = T>) -> Vec<T> {
    let mut list: Vec<T> = list.collect();
    list.sort();
    list.dedup();
    list
}

fn below(registry: &Registry, keys: &[Spanned<String>]) -> TermSet {
    registry
        .below(keys.iter().map(|it| it.get_ref().as_str()))
        .expect(CHECKED)
}

fn below_or_all(registry: &Registry, keys: &[Spanned<String>]) -> TermSet {
    if keys.is_empty() {
        TermSet::ALL
    } else {
        below(registry, keys)
    }
}

fn touching_or_all(registry: &Registry, keys: &[Spanned<String>]) -> TermSet {
    if keys.is_empty() {
        return TermSet::ALL;
    }
    registry
        .touching(keys.iter().map(|it| it.get_ref().as_str()))
        .expect(CHECKED)
}
