//! The decision: one pure function from rulebooks, a person's state and a request to an answer.

mod reason;

use crate::language::{ActionWord, AgeBand, ConsentWord};
use crate::request::{Action, Recipient, Request, Standing, Subject};
use crate::rulebook::{Condition, Rule, Rulebook};
use crate::vocabulary::{
    ACTS, CATEGORIES, PURPOSES, RECIPIENT_KINDS, Term, TermSet, expresses_sale,
};

pub use reason::Reason;

/// The clause that no rulebook needs to state for its refusal to hold.
const NEVER_SOLD: &str = "disclose.never-sold";

/// Whether a request may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It may.
    Permit,
    /// It may not.
    Deny,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<'r> {
    /// Permit or deny.
    pub effect: Effect,
    /// Permit: the clauses that permitted it and those whose conditions it met.
    /// Deny: the clauses that refused it; none when no clause speaks of it.
    pub clauses: Vec<&'r str>,
    /// Why it was refused; none on a permit.
    pub reason: Option<Reason>,
    /// Which of the rulebooks refused it; none on a permit, and when no rulebook had to be asked.
    pub refused_by: Option<usize>,
    /// With [`Reason::CategoryRefused`]: what the person cannot do for want of what was refused.
    pub unavailable_activities: Vec<&'r str>,
}

/// Decides a request.
///
/// `rulebooks` are the current policy and, when the person has not accepted it, the last one the
/// person did accept: all of them must permit, and no rulebook at all permits nothing.
/// `subject` is none for somebody unknown; only an aggregate request may do without.
/// `now` is in Unix seconds.
#[must_use]
pub fn decide<'r>(
    rulebooks: &[&'r Rulebook],
    subject: Option<&Subject<'_>>,
    request: &Request<'_>,
    now: u64,
) -> Decision<'r> {
    let question = match Question::new(subject, request, now) {
        Ok(question) => question,
        Err(refusal) => return Decision::deny(refusal, None),
    };
    if let Some(reason) = question.state_refusal() {
        let mut decision = Decision::deny(Refusal::of(reason), None);
        if reason == Reason::CategoryRefused {
            decision.unavailable_activities = question.unavailable_activities(rulebooks);
        }
        return decision;
    }
    if rulebooks.is_empty() {
        return Decision::deny(Refusal::of(Reason::NoRule), None);
    }
    let mut clauses = Vec::new();
    for (index, rulebook) in rulebooks.iter().enumerate() {
        if let Err(refusal) = question.ask(rulebook, &mut clauses) {
            return Decision::deny(refusal, Some(index));
        }
    }
    Decision {
        effect: Effect::Permit,
        clauses,
        reason: None,
        refused_by: None,
        unavailable_activities: Vec::new(),
    }
}

impl<'r> Decision<'r> {
    fn deny(refusal: Refusal<'r>, refused_by: Option<usize>) -> Self {
        Self {
            effect: Effect::Deny,
            clauses: refusal.clause.into_iter().collect(),
            reason: Some(refusal.reason),
            refused_by,
            unavailable_activities: Vec::new(),
        }
    }
}

/// A request in the terms of the vocabulary, with all that rules may ask about.
struct Question<'a> {
    action: ActionWord,
    place: Place<'a>,
    purpose: Term,
    categories: TermSet,
    order: bool,
    aggregate: bool,
    subject: Option<&'a Subject<'a>>,
    now: u64,
}

/// Where the data comes in or goes out.
enum Place<'a> {
    Inside,
    Point {
        key: &'a str,
        act: Option<Term>,
    },
    Recipient {
        recipient: Recipient<'a>,
        kind: Term,
    },
}

/// Why not, and the clause that says so.
struct Refusal<'r> {
    reason: Reason,
    clause: Option<&'r str>,
}

/// How far a permission came before it failed: the furthest one explains the refusal best.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Place,
    Purpose,
    Categories,
    Condition,
}

impl<'r> Refusal<'r> {
    fn of(reason: Reason) -> Self {
        Self {
            reason,
            clause: None,
        }
    }

    fn by(rulebook: &'r Rulebook, rule: &Rule, reason: Reason) -> Self {
        Self {
            reason,
            clause: Some(&rulebook.clauses()[rule.clause].key),
        }
    }
}

impl<'a> Question<'a> {
    fn new(
        subject: Option<&'a Subject<'a>>,
        request: &Request<'a>,
        now: u64,
    ) -> Result<Self, Refusal<'static>> {
        let Some(purpose) = PURPOSES.term(request.purpose) else {
            return Err(unknown_word(request.purpose, Reason::PurposeUnknown));
        };
        let (action, place) = match request.action {
            Action::Use => (ActionWord::Use, Place::Inside),
            Action::Collect { point, act } => (
                ActionWord::Collect,
                Place::Point {
                    key: point,
                    act: ACTS.term(act),
                },
            ),
            Action::Disclose { recipient } => match RECIPIENT_KINDS.term(recipient.kind) {
                Some(kind) => (ActionWord::Disclose, Place::Recipient { recipient, kind }),
                None => return Err(unknown_word(recipient.kind, Reason::RecipientKindUnknown)),
            },
        };
        let categories = CATEGORIES.exactly(request.categories.iter().copied());
        match categories.filter(|it| !it.is_empty()) {
            Some(categories) => Ok(Self {
                action,
                place,
                purpose,
                categories,
                order: request.order,
                aggregate: request.aggregate,
                subject,
                now,
            }),
            None => Err(Refusal::of(Reason::CategoryNotDeclared)),
        }
    }

    /// What the person's state refuses before any rule is asked.
    fn state_refusal(&self) -> Option<Reason> {
        let Some(subject) = self.subject else {
            return (!self.aggregate).then_some(Reason::SubjectUnknown);
        };
        match subject.standing {
            Standing::Erased => Some(Reason::Erased),
            Standing::Quarantined => Some(Reason::Quarantined),
            Standing::Restricted => Some(Reason::Restricted),
            Standing::Active => subject
                .refused
                .intersects(self.categories)
                .then_some(Reason::CategoryRefused),
        }
    }

    fn unavailable_activities<'r>(&self, rulebooks: &[&'r Rulebook]) -> Vec<&'r str> {
        let refused = self.subject.map(|it| it.refused).unwrap_or_default();
        let current = rulebooks.first().map_or(&[][..], |it| it.activities());
        let unavailable = current.iter().filter(|it| it.needs.intersects(refused));
        unavailable.map(|it| it.key.as_str()).collect()
    }

    /// Asks one rulebook, and adds the clauses that permit or whose conditions are met.
    fn ask<'r>(
        &self,
        rulebook: &'r Rulebook,
        clauses: &mut Vec<&'r str>,
    ) -> Result<(), Refusal<'r>> {
        let mut note = |rule: &Rule| {
            let key = rulebook.clauses()[rule.clause].key.as_str();
            if !clauses.contains(&key) {
                clauses.push(key);
            }
        };
        let point = self.point_index(rulebook)?;
        let permit = self.permission(rulebook, point);
        if let Ok(permit) = &permit {
            note(permit);
        }
        for forbid in rulebook
            .forbids
            .iter()
            .filter(|it| self.is_touched_by(it, point))
        {
            match &forbid.condition {
                None => return Err(Refusal::by(rulebook, forbid, Reason::Forbidden)),
                Some(unless) => match self.unmet(unless) {
                    Some(reason) => return Err(Refusal::by(rulebook, forbid, reason)),
                    None => note(forbid),
                },
            }
        }
        permit.map(|_| ())
    }

    /// The declared point at which the values arrive, if they arrive at one. A category that the
    /// point does not declare is refused whatever the rules say.
    fn point_index<'r>(&self, rulebook: &'r Rulebook) -> Result<Option<usize>, Refusal<'r>> {
        let Place::Point { key, .. } = self.place else {
            return Ok(None);
        };
        let index = rulebook.points().iter().position(|it| it.key == key);
        match index {
            Some(at)
                if rulebook.points()[at]
                    .categories
                    .contains_all(self.categories) =>
            {
                Ok(index)
            }
            _ => {
                let collects = |it: &&Rule| it.action == ActionWord::Collect;
                let speaks = |it: &&Rule| index.is_none_or(|at| it.points.contains(&at));
                let rule = rulebook.permits.iter().filter(collects).find(speaks);
                Err(match rule {
                    Some(rule) => Refusal::by(rulebook, rule, Reason::CategoryNotDeclared),
                    None => Refusal::of(Reason::CategoryNotDeclared),
                })
            }
        }
    }

    /// The first rule that permits all of it, or else the refusal of the one that came closest.
    fn permission<'r>(
        &self,
        rulebook: &'r Rulebook,
        point: Option<usize>,
    ) -> Result<&'r Rule, Refusal<'r>> {
        let mut closest = (Step::Place, self.refusal_without_rule(rulebook));
        for rule in rulebook
            .permits
            .iter()
            .filter(|it| it.action == self.action)
        {
            match self.shortfall(rule, point) {
                None => return Ok(rule),
                Some((step, reason)) if step > closest.0 => {
                    closest = (step, Refusal::by(rulebook, rule, reason));
                }
                Some(_) => {}
            }
        }
        Err(closest.1)
    }

    /// No rule speaks of it: the refusal of the clause the recipient falls under, if there is one.
    fn refusal_without_rule<'r>(&self, rulebook: &'r Rulebook) -> Refusal<'r> {
        let Place::Recipient { recipient, .. } = &self.place else {
            return Refusal::of(Reason::NoRule);
        };
        match rulebook.recipient_kind(recipient.kind) {
            Some(kind) => Refusal {
                reason: Reason::NoRule,
                clause: Some(&kind.falls_under),
            },
            None => Refusal::of(Reason::RecipientKindUnknown),
        }
    }

    /// What a permission lacks to cover the request; nothing when it covers it.
    fn shortfall(&self, permit: &Rule, point: Option<usize>) -> Option<(Step, Reason)> {
        let (is_here, wrong_purpose, wrong_categories) = match &self.place {
            Place::Inside => (true, Reason::NoRule, Reason::PurposeExceedsCategories),
            Place::Point { .. } => {
                let is_here = point.is_some_and(|it| permit.points.contains(&it));
                (is_here, Reason::NoRule, Reason::CategoryNotDeclared)
            }
            Place::Recipient { kind, .. } => {
                let is_here = permit.recipient_kinds.contains(*kind);
                (is_here, Reason::RecipientPurpose, Reason::FieldNotNecessary)
            }
        };
        let has_purpose = permit.purposes.contains(self.purpose);
        let wants_aggregate = permit
            .condition
            .as_ref()
            .is_some_and(|it| it.aggregate_only);
        if !is_here || (!has_purpose && matches!(self.place, Place::Inside)) {
            return Some((Step::Place, Reason::NoRule));
        }
        if !has_purpose {
            return Some((Step::Purpose, wrong_purpose));
        }
        if self.aggregate && !wants_aggregate {
            // A permission about one person is none about a group.
            return Some((Step::Purpose, Reason::NoRule));
        }
        if !permit.categories.contains_all(self.categories) {
            return Some((Step::Categories, wrong_categories));
        }
        let condition = permit.condition.as_ref()?;
        self.unmet(condition)
            .map(|reason| (Step::Condition, reason))
    }

    /// Whether a prohibition speaks of this request, condition apart.
    fn is_touched_by(&self, forbid: &Rule, point: Option<usize>) -> bool {
        let is_here = match &self.place {
            Place::Inside => true,
            Place::Point { .. } => {
                forbid.points.is_empty() || point.is_some_and(|it| forbid.points.contains(&it))
            }
            Place::Recipient { kind, .. } => forbid.recipient_kinds.contains(*kind),
        };
        is_here
            && forbid.action == self.action
            && forbid.purposes.contains(self.purpose)
            && forbid.categories.intersects(self.categories)
    }

    /// The first part of a condition that the request or the person does not meet.
    fn unmet(&self, condition: &Condition) -> Option<Reason> {
        let Condition {
            order,
            aggregate_only,
            consent,
            acts,
            ages,
            regions,
        } = condition;
        if *aggregate_only && !self.aggregate {
            return Some(Reason::AggregateOnly);
        }
        if !acts.is_empty() && !self.act().is_some_and(|it| acts.contains(it)) {
            return Some(Reason::NotVoluntary);
        }
        if *order && !self.order {
            return Some(Reason::OrderRequired);
        }
        let age: Option<AgeBand> = self.subject.and_then(|it| it.age_band);
        if !ages.is_empty() && !age.is_some_and(|it| ages.contains(&it)) {
            return Some(Reason::UnderAge);
        }
        let region = self.subject.and_then(|it| it.region);
        if !regions.is_empty() && !region.is_some_and(|it| regions.iter().any(|at| at == it)) {
            return Some(Reason::RegionNotCovered);
        }
        consent.and_then(|word| self.consent_refusal(word))
    }

    fn act(&self) -> Option<Term> {
        match self.place {
            Place::Point { act, .. } => act,
            _ => None,
        }
    }

    /// Why the consents on record do not carry this request.
    ///
    /// A yes to the purpose in general does not stand for a yes to a recipient, but a no to the
    /// purpose in general outweighs a yes to a recipient.
    fn consent_refusal(&self, word: ConsentWord) -> Option<Reason> {
        let recipient = match (word, &self.place) {
            (ConsentWord::Purpose, _) => None,
            (ConsentWord::PurposeAndRecipient, Place::Recipient { recipient, .. }) => {
                match recipient.id {
                    Some(id) => Some(id),
                    None => return Some(Reason::NoConsent),
                }
            }
            (ConsentWord::PurposeAndRecipient, _) => return Some(Reason::NoConsent),
        };
        let mut answer = Some(Reason::NoConsent);
        for entry in self.subject.map_or(&[][..], |it| it.consents) {
            if entry.purpose != self.purpose {
                continue;
            }
            let is_exact = entry.recipient == recipient;
            if entry.state.is_refusal() && (is_exact || entry.recipient.is_none()) {
                return Some(Reason::NoConsent);
            }
            if is_exact && entry.state.is_given() && answer.is_some() {
                let in_force = entry.expires_at.is_none_or(|it| self.now < it);
                answer = (!in_force).then_some(Reason::ConsentExpired);
            }
        }
        answer
    }
}

/// A word outside the vocabulary is refused; one that names a sale is refused by its clause.
fn unknown_word(word: &str, reason: Reason) -> Refusal<'static> {
    if expresses_sale(word) {
        return Refusal {
            reason: Reason::SaleForbidden,
            clause: Some(NEVER_SOLD),
        };
    }
    Refusal::of(reason)
}
