//! `vow policy explain`: why a request is permitted or refused, and what a clause says, in words.

mod asked;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use policy::{
    CATEGORIES, Clause, Coverage, Decision, Effect, Enforced, Explanation, Reason, Rulebook, Step,
    Verdict, did_you_mean,
};

use super::{compiled, read};
use crate::say::say;
use asked::{PersonArgs, RequestArgs};

/// Explains a decision, or reads a clause aloud.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The policy file (TOML).
    file: PathBuf,
    /// Read this clause aloud, with the line of each rule.
    #[arg(long, value_name = "KEY", conflicts_with_all = ["collect", "use_within", "disclose"])]
    clause: Option<String>,
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    person: PersonArgs,
}

/// Any moment: what a person agreed to here does not end.
const NOW: u64 = 0;

/// Runs `vow policy explain`.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let rulebook = compiled(&args.file)?;
    if let Some(key) = &args.clause {
        let clause = rulebook.clauses().iter().find(|it| it.key == *key);
        let clause = clause.with_context(|| format!("the policy has no clause `{key}`"))?;
        read_aloud(&args.file, clause);
        return Ok(ExitCode::SUCCESS);
    }
    let categories: Vec<&str> = args.request.categories.iter().map(String::as_str).collect();
    let request = args.request.request(&rulebook, &categories)?;
    let consents = args.person.consents();
    let subject = args.person.subject(&consents)?;
    let explanation = policy::explain(&rulebook, subject.as_ref(), &request, NOW);
    let text = read(&args.file)?;
    let telling = Telling {
        args,
        rulebook: &rulebook,
        text: &text,
        explanation: &explanation,
        is_about_groups: request.aggregate,
    };
    telling.answer();
    if args.request.purpose.is_none() {
        say!(
            "asked for {}, as the point takes values for that",
            request.purpose
        );
    }
    telling.closest();
    telling.rules();
    telling.near();
    let drafts = policy::compile_with_drafts(&text)?;
    let drafted = policy::explain(&drafts, subject.as_ref(), &request, NOW).decision;
    tell_drafts(explanation.decision.effect, &drafted);
    Ok(ExitCode::SUCCESS)
}

/// What would be answered otherwise if the drafts decided too.
fn tell_drafts(effect: Effect, drafted: &Decision<'_>) {
    let clauses = drafted.clauses.join(", ");
    match (effect, drafted.reason) {
        (Effect::Deny, None) => {
            say!("it would be permitted by {clauses}, once what is a draft there is enforced");
        }
        (Effect::Permit, Some(reason)) => say!(
            "a draft would refuse this: {} by {clauses}: {}",
            reason.as_str(),
            reason.explanation()
        ),
        _ => {}
    }
}

/// An explanation, and what it is told with.
struct Telling<'a> {
    args: &'a Args,
    rulebook: &'a Rulebook,
    text: &'a str,
    explanation: &'a Explanation<'a>,
    is_about_groups: bool,
}

impl Telling<'_> {
    /// What was decided, by which clause, and why.
    fn answer(&self) {
        let decision = &self.explanation.decision;
        let by = self.decided_by();
        let Some(reason) = decision.reason else {
            say!("PERMITTED by {by}");
            return;
        };
        let why = match reason {
            Reason::CategoryNotDeclared => self.undeclared(),
            Reason::CategoryRefused => self.withheld(),
            _ => None,
        };
        let why = why.unwrap_or_else(|| reason.explanation().to_owned());
        say!("REFUSED {} by {by}: {why}", reason.as_str());
        let lost = &decision.unavailable_activities;
        if !lost.is_empty() {
            say!(
                "for want of what is kept back the person cannot: {}",
                lost.join(", ")
            );
        }
    }

    /// The clauses that the policy has and that speak of it. The language refuses a sale whether
    /// or not a clause says so, and a point that the policy does not have is in no clause.
    fn decided_by(&self) -> String {
        let decision = &self.explanation.decision;
        let mut clauses = decision.clauses.clone();
        let stated = self.rulebook.clauses();
        clauses.retain(|it| stated.iter().any(|clause| clause.key == **it));
        let point = self.args.request.collect.as_deref();
        let is_nowhere = point.is_some_and(|it| self.rulebook.point(it).is_none());
        if clauses.is_empty() && decision.reason == Some(Reason::SaleForbidden) {
            "the language".to_owned()
        } else if clauses.is_empty() || (is_nowhere && decision.effect == Effect::Deny) {
            "no clause".to_owned()
        } else {
            clauses.join(", ")
        }
    }

    /// Which category is not declared, and where it would have to be.
    fn undeclared(&self) -> Option<String> {
        let categories = &self.args.request.categories;
        let key = self.args.request.collect.as_deref();
        if categories.is_empty() {
            return Some("The request names no category: --category.".to_owned());
        }
        let key = key?;
        let Some(point) = self.rulebook.point(key) else {
            let points = self.rulebook.points().iter().map(|it| it.key.as_str());
            let known = format!("The policy declares no collection point `{key}`");
            return Some(match did_you_mean(key, points) {
                Some(question) => format!("{known}: {question}"),
                None => format!("{known}."),
            });
        };
        let is_declared = |it: &String| {
            let term = CATEGORIES.term(it);
            term.is_some_and(|it| point.categories.contains(it))
        };
        let undeclared: Vec<_> = categories.iter().filter(|it| !is_declared(it)).collect();
        if undeclared.is_empty() {
            return None;
        }
        let line = policy::line_of_point(self.text, key).unwrap_or_default();
        let place = format!("{}:{line}", self.args.file.display());
        let words: Vec<_> = undeclared.iter().map(|it| it.as_str()).collect();
        Some(format!(
            "The collection point `{key}` ({place}) does not declare {}.",
            words.join(", ")
        ))
    }

    fn withheld(&self) -> Option<String> {
        let withheld = self.args.person.withheld.iter().map(String::as_str);
        let refused = CATEGORIES.touching(withheld)?;
        let is_refused = |it: &&String| CATEGORIES.term(it).is_some_and(|it| refused.contains(it));
        let asked = self.args.request.categories.iter().filter(is_refused);
        let asked: Vec<_> = asked.map(String::as_str).collect();
        Some(format!("The person refused to give {}.", asked.join(", ")))
    }

    /// The permission that lacks least, when the answer names another one: that is the first in
    /// the text.
    fn closest(&self) {
        let explanation = self.explanation;
        let decision = &explanation.decision;
        let steps = &explanation.steps;
        let is_refusing = |it: &Step<'_>| matches!(it.verdict, Verdict::Refuses(_));
        let closest = explanation.closest.map(|it| &steps[it]);
        let Some(step) = closest.filter(|_| !steps.iter().any(is_refusing)) else {
            return;
        };
        let Verdict::FallsShort(reason) = step.verdict else {
            return;
        };
        if decision.reason == Some(reason) && decision.clauses == [step.clause] {
            return;
        }
        say!(
            "closest is {} at line {}: {}",
            step.clause,
            step.line,
            self.shortfall(step, reason)
        );
    }

    /// Each rule that had a say.
    fn rules(&self) {
        for step in &self.explanation.steps {
            let words = words_at(self.rulebook, step.start);
            let place = format!("{}:{}", self.args.file.display(), step.line);
            let clause = step.clause;
            match step.verdict {
                Verdict::Permits => say!("{place}: {clause} permits to {words}"),
                Verdict::FallsShort(reason) => say!(
                    "{place}: {clause} permits to {words}; not this: {}",
                    self.shortfall(step, reason)
                ),
                Verdict::Refuses(reason) => say!(
                    "{place}: {clause} forbids to {words}; {}",
                    because(reason, &step.unmet)
                ),
                Verdict::Lifted => {
                    say!("{place}: {clause} forbids to {words}; its condition is met");
                }
            }
        }
    }

    /// What a permission lacks: which categories, or which parts of its condition.
    fn shortfall(&self, step: &Step<'_>, reason: Reason) -> String {
        let name = reason.as_str();
        match reason {
            Reason::NoRule | Reason::RecipientPurpose if self.is_about_groups => {
                format!("{name}: It is for another purpose, or not about groups.")
            }
            Reason::NoRule | Reason::RecipientPurpose => {
                format!("{name}: It is for another purpose.")
            }
            Reason::PurposeExceedsCategories
            | Reason::FieldNotNecessary
            | Reason::CategoryNotDeclared => {
                let uncovered = step.uncovered.join(", ");
                format!("{name}: It does not cover {uncovered}.")
            }
            _ => because(reason, &step.unmet),
        }
    }

    /// What would be covered instead.
    fn near(&self) {
        let Explanation {
            near,
            other_purposes,
            ..
        } = self.explanation;
        if let Some(near) = near {
            let place = format!("{}:{}", self.args.file.display(), near.line);
            let categories = near.categories.join(", ");
            let (clause, purpose) = (near.clause, near.purpose);
            say!("{place}: {clause} would cover less than that: {categories} for {purpose}");
        } else if !other_purposes.is_empty() {
            let purposes = other_purposes.join(", ");
            say!("what is asked for has permissions here, for another purpose: {purposes}");
        }
    }
}

/// A reason, and the others that stand beside it.
fn because(reason: Reason, unmet: &[Reason]) -> String {
    let others = unmet.iter().filter(|it| **it != reason);
    let others: Vec<_> = others.map(|it| it.as_str()).collect();
    let others = match others.as_slice() {
        [] => String::new(),
        others => format!(" And {}.", others.join(", ")),
    };
    format!("{}: {}{others}", reason.as_str(), reason.explanation())
}

/// The rule that begins at a place of the text, in words.
fn words_at(rulebook: &Rulebook, start: usize) -> &str {
    let mut rules = rulebook.clauses().iter().flat_map(|it| &it.rules);
    rules
        .find(|it| it.start == start)
        .map_or("", |it| &it.words)
}

fn read_aloud(file: &Path, clause: &Clause) {
    say!("{}: {}", clause.key, one_line(&clause.title));
    say!("{}", one_line(&clause.says));
    match (clause.enforced, clause.coverage()) {
        (Enforced::NotYet, _) => say!("It is a draft: its rules decide nothing yet."),
        (enforced, Coverage::TextOnly) => say!(
            "It is said to be enforced {}, and nothing there keeps it.",
            enforced.words()
        ),
        (enforced, _) => say!("It is enforced {}.", enforced.words()),
    }
    for rule in &clause.rules {
        let is = if rule.decides { "is" } else { "would be" };
        let what = if rule.permits {
            "permitted"
        } else {
            "forbidden"
        };
        say!(
            "{}:{}: It {is} {what} to {}.",
            file.display(),
            rule.line,
            rule.words
        );
    }
}

/// A text of the policy on one line, in which nothing can move the cursor, colour the screen or
/// turn the direction of reading.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for it in text.trim_end().chars() {
        match it {
            ' ' | '\t' | '\n' | '\r' => line.push(' '),
            _ if it.is_control() || it.is_whitespace() || turns(it) => {
                line.extend(it.escape_unicode());
            }
            _ => line.push(it),
        }
    }
    line
}

/// Whether a character changes the direction of what follows.
fn turns(it: char) -> bool {
    matches!(it, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
