//! The faults that show only when all rules are read together: those in force, and then all of them
//! as if the drafts decided too.

use std::mem;

use toml::Spanned;

use super::Linter;
use super::flow::Flow;
use crate::finding::{Code, Finding};
use crate::language::{ClauseBlock, Enforced};
use crate::reach;
use crate::rulebook::{Drafts, Rule, Rulebook};
use crate::wording::all;

/// The promises that the services keep whatever the rules say.
pub(crate) const KEPT_BY_SERVICES: [&str; 4] = [
    "policy.acceptance",
    "policy.changes",
    "protect.channel-and-signatures",
    "protect.storage",
];

/// The promise that the language keeps by having no word for what it rules out.
pub(crate) const KEPT_BY_THE_LANGUAGE: &str = "disclose.never-sold";

impl Linter<'_> {
    /// Judges the whole of a policy that has no errors.
    pub(super) fn meaning(&mut self) {
        let words = mem::take(&mut self.findings);
        self.together(Drafts::Left);
        let now = mem::take(&mut self.findings);
        let has_drafts = self.file.clauses.iter().any(has_draft_rules);
        if has_drafts {
            self.together(Drafts::Taken);
        }
        let then = mem::take(&mut self.findings);
        self.findings = words;
        if has_drafts {
            self.now_and_then(now, then);
        } else {
            self.findings.extend(now);
        }
        self.promises();
    }

    /// What is told of what is in force holds whatever becomes of the drafts, or is told as a note.
    fn now_and_then(&mut self, now: Vec<Finding>, then: Vec<Finding>) {
        for finding in &now {
            let is_same = |it: &&Finding| {
                (it.code, it.line, it.column) == (finding.code, finding.line, finding.column)
            };
            let told = match then.iter().find(is_same) {
                Some(_) => finding.clone(),
                None => drafts_matter("as long as the drafts decide nothing", finding),
            };
            self.findings.push(told);
        }
        for finding in then.into_iter().filter(|it| !now.contains(it)) {
            let told = match self.is_of_a_draft(&finding) {
                true => finding,
                false => drafts_matter("once the drafts decide", &finding),
            };
            self.findings.push(told);
        }
    }

    fn is_of_a_draft(&self, finding: &Finding) -> bool {
        let mut drafts = self.file.clauses.iter().filter(|it| has_draft_rules(it));
        drafts.any(|it| finding.clause.as_ref() == Some(it.key.get_ref()))
    }

    fn together(&mut self, drafts: Drafts) {
        let rulebook = Rulebook::from_checked(self.text, self.file, drafts);
        let mut flow = Flow::of(drafts);
        for permit in &rulebook.permits {
            self.reached(&rulebook, permit, &mut flow);
            let wide = covering(&rulebook, permit, &rulebook.permits, needs_no_other);
            self.shadowed(&rulebook, permit, wide, "permission");
        }
        for forbid in &rulebook.forbids {
            let wide = covering(&rulebook, forbid, &rulebook.forbids, reach::outweighs);
            self.shadowed(&rulebook, forbid, wide, "prohibition");
            self.effect(&rulebook, forbid);
        }
        self.flow(&flow);
    }

    /// What a permission can ever permit, and which prohibitions stand in its way.
    fn reached<'r>(&mut self, rulebook: &'r Rulebook, permit: &'r Rule, flow: &mut Flow<'r>) {
        let mut obstacles: Vec<Vec<&Rule>> = Vec::new();
        let mut is_reached = false;
        for reach in reach::reaches(rulebook, permit) {
            if !reach.room.is_empty() {
                is_reached = true;
                flow.add(reach);
                continue;
            }
            let forbids = reach.room.emptied_by(permit);
            let starts = |them: &[&Rule]| them.iter().map(|it| it.start).collect::<Vec<_>>();
            if !obstacles.iter().any(|had| starts(had) == starts(&forbids)) {
                obstacles.push(forbids);
            }
        }
        if !is_reached {
            let message = match obstacles.first().map(Vec::as_slice) {
                None => "its points take none of its categories".to_owned(),
                Some([]) => "nobody can ever meet its condition".to_owned(),
                Some(forbids) => format!("{} all that this permits", refusing(rulebook, forbids)),
            };
            return self.find_rule(Code::UnreachableRule, rulebook, permit, message);
        }
        let is_elsewhere =
            |forbids: &&Vec<&Rule>| forbids.iter().any(|it| it.clause != permit.clause);
        for forbids in obstacles.iter().filter(is_elsewhere) {
            let message = format!(
                "{} a part of what this permits: narrow the one or the other",
                refusing(rulebook, forbids)
            );
            self.find_rule(Code::ClausesContradict, rulebook, permit, message);
        }
    }

    fn shadowed(&mut self, rulebook: &Rulebook, rule: &Rule, wide: Option<&Rule>, sort: &str) {
        if let Some(wide) = wide {
            let message = format!(
                "the {sort} of `{}` at line {} covers all of this",
                rulebook.clause_of(wide),
                wide.line
            );
            self.find_rule(Code::ShadowedRule, rulebook, rule, message);
        }
    }

    /// A prohibition that speaks of nothing permitted says something only to later permissions.
    fn effect(&mut self, rulebook: &Rulebook, forbid: &Rule) {
        let areas = rulebook.permits.iter();
        let mut areas = areas.flat_map(|it| reach::areas(rulebook, it));
        if !areas.any(|it| it.touched_by(forbid).is_some()) {
            let message = "no rule permits any of this: it only guards against later permissions";
            self.find_rule(
                Code::ProhibitionWithoutEffect,
                rulebook,
                forbid,
                message.to_owned(),
            );
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
                        1 => "nothing keeps it yet: its rule decides nothing".to_owned(),
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

fn has_draft_rules(clause: &ClauseBlock) -> bool {
    let has_rules = !clause.permits.is_empty() || !clause.forbids.is_empty();
    clause.enforced == Enforced::NotYet && has_rules
}

fn drafts_matter(when: &str, finding: &Finding) -> Finding {
    Finding {
        code: Code::DraftsMatter,
        severity: Code::DraftsMatter.severity(),
        message: format!("{when}, {}: {}", finding.code.as_str(), finding.message),
        ..finding.clone()
    }
}

/// Whether a permission says nothing that the wide one does not, its basis and retention included.
fn needs_no_other(wide: &Rule, narrow: &Rule) -> bool {
    wide.footing == narrow.footing && reach::covers(wide, narrow)
}

/// The first rule that covers all of another one: of two that cover the same, the later one is told.
/// A draft covers nothing of what decides, because without that rule it would not be decided.
fn covering<'r>(
    rulebook: &Rulebook,
    rule: &Rule,
    rules: &'r [Rule],
    covers: fn(&Rule, &Rule) -> bool,
) -> Option<&'r Rule> {
    let is_in_force = |it: &Rule| !rulebook.is_draft(it);
    rules.iter().find(|wide| {
        let has_same_force = is_in_force(wide) == is_in_force(rule);
        let is_first = wide.start < rule.start || !has_same_force || !covers(rule, wide);
        wide.start != rule.start
            && (is_in_force(wide) || !is_in_force(rule))
            && covers(wide, rule)
            && is_first
    })
}

/// Prohibitions as the beginning of a sentence that goes on with what they refuse.
fn refusing(rulebook: &Rulebook, forbids: &[&Rule]) -> String {
    let places = forbids
        .iter()
        .map(|it| format!("`{}` at line {}", rulebook.clause_of(it), it.line));
    let places = all(places);
    match forbids.len() {
        1 => format!("the prohibition of {places} refuses"),
        _ => format!("the prohibitions of {places} together refuse"),
    }
}
