//! The faults that show only when all rules are read together. Drafts are read as if they decided.

use toml::Spanned;

use super::Linter;
use crate::finding::Code;
use crate::language::{ActionWord, Enforced};
use crate::reach::{self, Obstacle, Place};
use crate::rulebook::{Drafts, Rule, Rulebook};
use crate::vocabulary::{CATEGORIES, TermSet};

/// The promises that the services keep whatever the rules say.
const KEPT_BY_SERVICES: [&str; 3] = [
    "policy.changes",
    "protect.channel-and-signatures",
    "protect.storage",
];

/// The promise that the language keeps by having no word for what it rules out.
const KEPT_BY_THE_LANGUAGE: &str = "disclose.never-sold";

/// What can happen at all, once the prohibitions have spoken.
#[derive(Default)]
struct Flow {
    collected: TermSet,
    used: TermSet,
}

impl Linter<'_> {
    /// Judges the whole of a policy that has no errors.
    pub(super) fn meaning(&mut self) {
        let rulebook = Rulebook::from_checked(self.text, self.file, Drafts::Taken);
        let mut flow = Flow::default();
        for (index, permit) in rulebook.permits.iter().enumerate() {
            self.reached(&rulebook, permit, &mut flow);
            self.shadowed(&rulebook, index);
        }
        self.collected_and_used(&flow);
        self.activities(&flow);
        self.promises();
    }

    /// What a permission can ever permit, and which prohibitions stand in its way.
    fn reached(&mut self, rulebook: &Rulebook, permit: &Rule, flow: &mut Flow) {
        let mut forbids: Vec<&Rule> = Vec::new();
        let (mut is_reached, mut is_possible) = (false, true);
        for cell in reach::cells(rulebook, permit) {
            match reach::obstacle(rulebook, permit, cell) {
                Some(Obstacle::Itself) => is_possible = false,
                Some(Obstacle::Forbid(it)) if forbids.iter().any(|had| had.start == it.start) => {}
                Some(Obstacle::Forbid(forbid)) => forbids.push(forbid),
                None => {
                    is_reached = true;
                    match cell.place {
                        Place::Point(_) => flow.collected.insert(cell.category),
                        Place::Inside | Place::Kind(_) => flow.used.insert(cell.category),
                    }
                }
            }
        }
        if !is_reached {
            let message = match forbids.first() {
                _ if !is_possible => "nobody can ever meet its condition".to_owned(),
                Some(forbid) => format!(
                    "the prohibition of `{}` at line {} refuses all that this permits",
                    rulebook.clause_of(forbid),
                    forbid.line
                ),
                None => "its points take none of its categories".to_owned(),
            };
            return self.find_rule(Code::UnreachableRule, rulebook, permit, message);
        }
        for forbid in forbids.iter().filter(|it| it.clause != permit.clause) {
            let message = format!(
                "the prohibition of `{}` at line {} always refuses a part of what this permits: \
                 narrow the one or the other",
                rulebook.clause_of(forbid),
                forbid.line
            );
            self.find_rule(Code::ClausesContradict, rulebook, permit, message);
        }
    }

    /// Of two permissions that cover the same, the later one is told.
    fn shadowed(&mut self, rulebook: &Rulebook, index: usize) {
        let permit = &rulebook.permits[index];
        let others = rulebook.permits.iter().enumerate();
        let mut covering = others.filter(|(other, wide)| {
            let is_same = reach::covers(permit, wide);
            *other != index && reach::covers(wide, permit) && (!is_same || *other < index)
        });
        if let Some((_, wide)) = covering.next() {
            let message = format!(
                "the permission of `{}` at line {} covers all of this",
                rulebook.clause_of(wide),
                wide.line
            );
            self.find_rule(Code::ShadowedRule, rulebook, permit, message);
        }
    }

    fn collected_and_used(&mut self, flow: &Flow) {
        let file = self.file;
        for point in &file.collection_points {
            for category in &point.categories {
                let taken = below(category).common(flow.collected);
                if !taken.is_empty() && !taken.intersects(flow.used) {
                    let message = format!(
                        "no rule lets anybody use or receive `{}`: do not take it, or say what for",
                        category.get_ref()
                    );
                    self.find(Code::CollectedNeverUsable, category, message);
                }
            }
        }
        for clause in &file.clauses {
            self.clause = Some(clause);
            let permits = clause.permits.iter().map(Spanned::get_ref);
            let outgoing = permits.filter(|it| it.action != ActionWord::Collect);
            for category in outgoing.flat_map(|it| &it.categories) {
                if !below(category).intersects(flow.collected) {
                    let message = format!("no point takes `{}`", category.get_ref());
                    self.find(Code::UsableNeverCollected, category, message);
                }
            }
            self.clause = None;
        }
    }

    fn activities(&mut self, flow: &Flow) {
        let file = self.file;
        for activity in &file.activities {
            for needed in &activity.needs {
                if !below(needed).intersects(flow.collected) {
                    let message = format!(
                        "nobody can {}: `{}` cannot be collected anywhere",
                        activity.key.get_ref().replace('_', " "),
                        needed.get_ref()
                    );
                    self.find(Code::ActivityImpossible, needed, message);
                }
            }
        }
    }

    /// Clauses that say they are kept and are not.
    fn promises(&mut self) {
        let file = self.file;
        for clause in &file.clauses {
            let key = clause.key.get_ref().as_str();
            self.clause = Some(clause);
            match clause.enforced {
                Enforced::ByTheLanguage if key != KEPT_BY_THE_LANGUAGE => {
                    let message = format!("the language keeps `{KEPT_BY_THE_LANGUAGE}` only");
                    self.find(Code::ClauseUnenforced, &clause.key, message);
                }
                Enforced::ByServices if !KEPT_BY_SERVICES.contains(&key) => {
                    let kept = KEPT_BY_SERVICES.map(|it| format!("`{it}`")).join(", ");
                    let message = format!("whatever the rules say, the services keep only {kept}");
                    self.find(Code::ClauseUnenforced, &clause.key, message);
                }
                Enforced::NotYet => {
                    let message = match clause.permits.len() + clause.forbids.len() {
                        0 => "nothing keeps it yet".to_owned(),
                        rules => format!("nothing keeps it yet: its {rules} rules decide nothing"),
                    };
                    self.find(Code::ClauseNotYet, &clause.key, message);
                }
                _ => {}
            }
            self.clause = None;
        }
    }

    fn find_rule(&mut self, code: Code, rulebook: &Rulebook, rule: &Rule, message: String) {
        let key = rulebook.clause_of(rule);
        let mut clauses = self.file.clauses.iter();
        self.clause = clauses.find(|it| it.key.get_ref() == key);
        let place = Spanned::new(rule.start..rule.start, ());
        self.find(code, &place, message);
        self.clause = None;
    }
}

/// A category and all below it. The text has no errors, so each is in the vocabulary.
fn below(category: &Spanned<String>) -> TermSet {
    CATEGORIES
        .below([category.get_ref().as_str()])
        .unwrap_or_default()
}
