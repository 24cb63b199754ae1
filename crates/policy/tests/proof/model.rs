//! The reference model: what the policy language means, told as plainly as can be.
//!
//! It reads the policy's text by itself and works on words, where the product works on bit sets.
//! From the product it takes only the words of the question and the lists of the vocabulary.

use std::collections::HashSet;

use policy::{Action, ConsentState, Registry, Request, Standing};
use policy::{CATEGORIES, PURPOSES, RECIPIENT_KINDS};

use crate::case::{Consent, Person};
use crate::file::{Block, Condition, Policy, Rule};

/// What came out: permitted when there is no reason against it.
#[derive(Debug, Default, PartialEq)]
pub struct Answer {
    pub reason: Option<&'static str>,
    pub clauses: Vec<String>,
    pub refused_by: Option<usize>,
    pub unavailable_activities: Vec<String>,
}

/// Why not, and the clause that says so.
type Refusal = (&'static str, Option<String>);

/// All policies must permit; the first that does not gives the answer.
pub fn decide(judges: &[&Policy], person: Option<&Person>, asked: &Request, now: u64) -> Answer {
    let mut answer = Answer::default();
    if let Err((reason, clause)) = before_all(judges, person, asked) {
        if let ("CATEGORY_REFUSED", Some(person), [current, ..]) = (reason, person, judges) {
            let is_lost = |it: &&Block| it.needs.iter().any(|it| person.keeps_back(it));
            let lost = current.activity.iter().filter(is_lost);
            answer.unavailable_activities = lost.map(|it| it.key.clone()).collect();
        }
        answer.reason = Some(reason);
        answer.clauses.extend(clause);
        return answer;
    }
    for (index, policy) in judges.iter().enumerate() {
        let view = View(policy, person, asked, now);
        match view.answer() {
            Ok(clauses) => answer.clauses.extend(clauses),
            Err((reason, clause)) => {
                answer.reason = Some(reason);
                answer.refused_by = Some(index);
                answer.clauses = clause.into_iter().collect();
                return answer;
            }
        }
    }
    let mut seen = HashSet::new();
    answer.clauses.retain(|it| seen.insert(it.clone()));
    answer
}

/// What no policy can permit: what cannot be said, and what the person's state refuses.
fn before_all(judges: &[&Policy], person: Option<&Person>, asked: &Request) -> Result<(), Refusal> {
    known(&PURPOSES, asked.purpose, "PURPOSE_UNKNOWN")?;
    if let Action::Disclose { recipient } = asked.action {
        known(&RECIPIENT_KINDS, recipient.kind, "RECIPIENT_KIND_UNKNOWN")?;
    }
    let categories = asked.categories;
    let is_known = |it: &&str| CATEGORIES.keys().any(|key| key == *it);
    let keeps_back = |it: &Person| categories.iter().any(|category| it.keeps_back(category));
    let reason = match person {
        _ if categories.is_empty() || !categories.iter().all(is_known) => "CATEGORY_NOT_DECLARED",
        None if !asked.aggregate => "SUBJECT_UNKNOWN",
        Some(it) if it.standing == Standing::Erased => "ERASED",
        Some(it) if it.standing == Standing::Quarantined => "QUARANTINED",
        Some(it) if it.standing == Standing::Restricted => "RESTRICTED",
        Some(it) if keeps_back(it) => "CATEGORY_REFUSED",
        _ if judges.is_empty() => "NO_RULE",
        _ => return Ok(()),
    };
    Err((reason, None))
}

fn known(registry: &Registry, word: &str, reason: &'static str) -> Result<(), Refusal> {
    if registry.keys().any(|it| it == word) {
        Ok(())
    } else if word.split('.').any(|it| ["sale", "broker"].contains(&it)) {
        Err(("SALE_FORBIDDEN", Some("disclose.never-sold".to_owned())))
    } else {
        Err((reason, None))
    }
}

impl Person {
    fn keeps_back(&self, category: &str) -> bool {
        self.refused.iter().any(|it| touch(it, category))
    }
}

/// One policy looking at what one person is asked for, at a time.
struct View<'a>(&'a Policy, Option<&'a Person>, &'a Request<'a>, u64);

impl View<'_> {
    /// A prohibition outweighs every permission; without a permission nothing goes.
    fn answer(&self) -> Result<Vec<String>, Refusal> {
        self.point_takes_it()?;
        let permitting = self.permission();
        let mut clauses: Vec<_> = permitting.iter().cloned().collect();
        for clause in self.clauses() {
            for forbid in clause.forbid.iter().filter(|it| self.is_spoken_of_by(it)) {
                let unless = forbid.unless.as_ref();
                if let Some(reason) = unless.map_or(Some("FORBIDDEN"), |it| self.unmet(it)) {
                    return Err((reason, Some(clause.key.clone())));
                }
                clauses.push(clause.key.clone());
            }
        }
        permitting.map(|_| clauses)
    }

    /// The clauses whose rules decide: those of a draft do not.
    fn clauses(&self) -> impl Iterator<Item = &Block> {
        let clauses = self.0.clause.iter();
        clauses.filter(|it| it.enforced == "by rules")
    }

    /// Where values come in, only what the point declares is taken.
    fn point_takes_it(&self) -> Result<(), Refusal> {
        let Action::Collect { point, .. } = self.2.action else {
            return Ok(());
        };
        let declared = self.0.collection_point.iter().find(|it| it.key == point);
        if declared.is_some_and(|it| self.are_all_in(&it.categories)) {
            return Ok(());
        }
        let speaks = |rule: &Rule| match declared {
            Some(_) => has(&rule.points, point),
            None => rule.action == "collect",
        };
        let clause = self.clauses().find(|it| it.permit.iter().any(speaks));
        Err(("CATEGORY_NOT_DECLARED", clause.map(|it| it.key.clone())))
    }

    /// The clause of the first permission that covers it all; else the first of those that came
    /// closest says what was missing.
    fn permission(&self) -> Result<String, Refusal> {
        let mut closest = (0, self.nothing_speaks_of_it());
        for clause in self.clauses() {
            for rule in &clause.permit {
                match self.missing(rule) {
                    None => return Ok(clause.key.clone()),
                    Some((steps, reason)) if steps > closest.0 => {
                        closest = (steps, (reason, Some(clause.key.clone())));
                    }
                    Some(_) => {}
                }
            }
        }
        Err(closest.1)
    }

    fn nothing_speaks_of_it(&self) -> Refusal {
        let Action::Disclose { recipient } = self.2.action else {
            return ("NO_RULE", None);
        };
        let kinds = &self.0.recipient_kind;
        let clause = kinds.iter().find(|it| it.key == recipient.kind);
        let clause = clause.map(|it| it.falls_under.clone());
        (
            clause
                .as_ref()
                .map_or("RECIPIENT_KIND_UNKNOWN", |_| "NO_RULE"),
            clause,
        )
    }

    /// What a permission lacks, and how many steps it went along before. Uses have no place, so
    /// of them only the purpose tells which one a rule speaks of.
    fn missing(&self, rule: &Rule) -> Option<(u8, &'static str)> {
        let action = rule.action.as_str();
        let (is_here, other_purpose, other_category) = match self.2.action {
            Action::Use => (
                action == "use",
                (0, "NO_RULE"),
                "PURPOSE_EXCEEDS_CATEGORIES",
            ),
            Action::Collect { point, .. } => {
                let is_here = action == "collect" && has(&rule.points, point);
                (is_here, (1, "NO_RULE"), "CATEGORY_NOT_DECLARED")
            }
            Action::Disclose { recipient } => {
                let is_here = action == "disclose" && has(&rule.recipient_kinds, recipient.kind);
                (is_here, (1, "RECIPIENT_PURPOSE"), "FIELD_NOT_NECESSARY")
            }
        };
        let mut purposes = rule.purposes.iter();
        if !is_here {
            Some((0, "NO_RULE"))
        } else if !purposes.any(|it| is_at_or_below(self.2.purpose, it)) {
            Some(other_purpose)
        } else if self.2.aggregate && !rule.when.aggregate_only {
            Some((1, "NO_RULE"))
        } else if !rule.categories.is_empty() && !self.are_all_in(&rule.categories) {
            Some((2, other_category))
        } else {
            self.unmet(&rule.when).map(|reason| (3, reason))
        }
    }

    fn are_all_in(&self, listed: &[String]) -> bool {
        let is_in = |asked: &&str| listed.iter().any(|it| is_at_or_below(asked, it));
        self.2.categories.iter().all(is_in)
    }

    /// A prohibition speaks of whatever touches it; where it lists nothing it speaks of all.
    fn is_spoken_of_by(&self, rule: &Rule) -> bool {
        let all = |listed: &[String]| listed.is_empty();
        let reaches =
            |listed: &[String], word| all(listed) || listed.iter().any(|it| touch(it, word));
        let (action, is_here) = match self.2.action {
            Action::Use => ("use", true),
            Action::Collect { point, .. } => {
                ("collect", all(&rule.points) || has(&rule.points, point))
            }
            Action::Disclose { recipient: to } => {
                ("disclose", reaches(&rule.recipient_kinds, to.kind))
            }
        };
        let mut categories = self.2.categories.iter();
        rule.action == action
            && is_here
            && reaches(&rule.purposes, self.2.purpose)
            && categories.any(|it| reaches(&rule.categories, it))
    }

    /// The first thing of a condition that is not so.
    fn unmet(&self, wanted: &Condition) -> Option<&'static str> {
        let View(policy, person, asked, _) = self;
        let act = match asked.action {
            Action::Collect { act, .. } => Some(act),
            _ => None,
        };
        let region = person.and_then(|it| it.region);
        let is_at_home = region.is_some_and(|it| it == policy.policy.storage_region);
        let agreed = person.is_some_and(|it| it.transfer_agreed);
        if wanted.aggregate_only && !asked.aggregate {
            Some("AGGREGATE_ONLY")
        } else if lacks(&wanted.acts, act) {
            Some("NOT_VOLUNTARY")
        } else if wanted.order && !asked.order {
            Some("ORDER_REQUIRED")
        } else if wanted.approval && !asked.approved {
            Some("NOT_APPROVED")
        } else if lacks(&wanted.ages, person.and_then(|it| it.age)) {
            Some("UNDER_AGE")
        } else if lacks(&wanted.regions, region) {
            Some("REGION_NOT_COVERED")
        } else if wanted.transfer_agreed && !is_at_home && !agreed {
            Some("TRANSFER_NOT_AGREED")
        } else if lacks(&wanted.acceptance, person.and_then(|it| it.acceptance)) {
            Some("NOT_ACCEPTED")
        } else {
            let consent = wanted.consent.as_ref();
            consent.and_then(|it| self.no_consent(it))
        }
    }

    /// A yes is for one purpose and one recipient (or the company); a no reaches every purpose it
    /// touches and, unless it names a recipient, every recipient. A no wins.
    fn no_consent(&self, wanted: &str) -> Option<&'static str> {
        use ConsentState::{Expired, Given, Invalidated, Refused, Renewed, Revoked, Withdrawn};
        let View(_, person, asked, now) = self;
        let to = match (wanted, asked.action) {
            ("for this purpose and recipient", Action::Disclose { recipient }) => recipient.id,
            _ => None,
        };
        let is_no = |it: &Consent| {
            [Refused, Withdrawn, Revoked, Invalidated].contains(&it.state)
                && (it.recipient.is_none() || it.recipient == to)
                && touch(it.purpose, asked.purpose)
        };
        let is_here = |it: &&Consent| it.recipient == to && it.purpose == asked.purpose;
        let is_yes = |it: &Consent| [Given, Renewed].contains(&it.state);
        let is_on = |it: &Consent| is_yes(it) && it.expires_at.is_none_or(|end| *now < end);
        let counts = |it: &Consent| it.confirmed || wanted != "confirmed for this purpose";
        let all = person.map_or(&[][..], |it| &it.consents);
        let here: Vec<_> = all.iter().filter(is_here).collect();
        if all.iter().any(is_no) || (wanted.ends_with("recipient") && to.is_none()) {
            Some("NO_CONSENT")
        } else if here.iter().any(|it| is_on(it) && counts(it)) {
            None
        } else if here.iter().any(|it| is_on(it)) {
            Some("NOT_CONFIRMED")
        } else if here.iter().any(|it| is_yes(it) || it.state == Expired) {
            Some("CONSENT_EXPIRED")
        } else {
            Some("NO_CONSENT")
        }
    }
}

fn has(listed: &[String], word: &str) -> bool {
    listed.iter().any(|it| it == word)
}

/// Whether one of a list is asked for, and what there is is none of them.
fn lacks<Listed: PartialEq<Held>, Held>(listed: &[Listed], held: Option<Held>) -> bool {
    let has = |held| listed.iter().any(|it| *it == held);
    !listed.is_empty() && !held.is_some_and(has)
}

/// `a.b` stands for itself and all of `a.b.*`.
fn is_at_or_below(word: &str, key: &str) -> bool {
    let rest = word.strip_prefix(key);
    rest.is_some_and(|it| it.is_empty() || it.starts_with('.'))
}

fn touch(one: &str, other: &str) -> bool {
    is_at_or_below(one, other) || is_at_or_below(other, one)
}
