//! A request in the terms of the vocabulary, and how a rulebook's rules answer it.

use super::Reason;
use crate::language::ActionWord;
use crate::lint::KEPT_BY_THE_LANGUAGE;
use crate::request::{Action, Recipient, Request, Standing, Subject};
use crate::rulebook::{Rule, Rulebook};
use crate::vocabulary::{
    ACTS, CATEGORIES, PURPOSES, RECIPIENT_KINDS, Term, TermSet, expresses_sale,
};

/// A request in the terms of the vocabulary, with all that rules may ask about.
pub(super) struct Question<'a> {
    pub(super) action: ActionWord,
    pub(super) place: Place<'a>,
    pub(super) purpose: Term,
    pub(super) categories: TermSet,
    pub(super) order: bool,
    pub(super) approved: bool,
    pub(super) aggregate: bool,
    pub(super) subject: Option<&'a Subject<'a>>,
    pub(super) now: u64,
}

/// Where the data comes in or goes out.
pub(super) enum Place<'a> {
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
pub(super) struct Refusal<'r> {
    pub(super) reason: Reason,
    pub(super) clause: Option<&'r str>,
}

/// How far a permission came before it failed: the furthest one explains the refusal best.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    Place,
    Purpose,
    Categories,
    Condition,
}

impl<'r> Refusal<'r> {
    pub(super) fn of(reason: Reason) -> Self {
        Self {
            reason,
            clause: None,
        }
    }

    fn by(rulebook: &'r Rulebook, rule: &Rule, reason: Reason) -> Self {
        Self {
            reason,
            clause: Some(rulebook.clause_of(rule)),
        }
    }
}

impl<'a> Question<'a> {
    pub(super) fn new(
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
                approved: request.approved,
                aggregate: request.aggregate,
                subject,
                now,
            }),
            None => Err(Refusal::of(Reason::CategoryNotDeclared)),
        }
    }

    /// What the person's state refuses before any rule is asked.
    pub(super) fn state_refusal(&self) -> Option<Reason> {
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

    pub(super) fn unavailable_activities<'r>(&self, rulebooks: &[&'r Rulebook]) -> Vec<&'r str> {
        let refused = self.subject.map(|it| it.refused).unwrap_or_default();
        let current = rulebooks.first().map_or(&[][..], |it| it.activities());
        let unavailable = current.iter().filter(|it| it.needs.intersects(refused));
        unavailable.map(|it| it.key.as_str()).collect()
    }

    /// Asks one rulebook for the rule that permits, and adds the clauses that permit or whose
    /// conditions are met.
    pub(super) fn ask<'r>(
        &self,
        rulebook: &'r Rulebook,
        clauses: &mut Vec<&'r str>,
    ) -> Result<&'r Rule, Refusal<'r>> {
        let mut note = |rule: &Rule| {
            let key = rulebook.clause_of(rule);
            if !clauses.contains(&key) {
                clauses.push(key);
            }
        };
        let point = self.point_index(rulebook)?;
        let permit = self.permission(rulebook, point);
        if let Ok(permit) = &permit {
            note(permit);
        }
        let forbids = rulebook.forbids.iter();
        for forbid in forbids.filter(|it| self.is_touched_by(it, point)) {
            match &forbid.condition {
                None => return Err(Refusal::by(rulebook, forbid, Reason::Forbidden)),
                Some(unless) => match self.unmet(unless) {
                    Some(reason) => return Err(Refusal::by(rulebook, forbid, reason)),
                    None => note(forbid),
                },
            }
        }
        permit
    }

    /// The declared point at which the values arrive, if they arrive at one. A category that the
    /// point does not declare is refused whatever the rules say.
    pub(super) fn point_index<'r>(
        &self,
        rulebook: &'r Rulebook,
    ) -> Result<Option<usize>, Refusal<'r>> {
        let Place::Point { key, .. } = self.place else {
            return Ok(None);
        };
        let index = rulebook.points().iter().position(|it| it.key == key);
        let declared = index.map(|it| rulebook.points()[it].categories);
        if declared.is_some_and(|it| it.contains_all(self.categories)) {
            return Ok(index);
        }
        let speaks = |it: &&Rule| match index {
            Some(index) => it.points.contains(&index),
            None => it.action == ActionWord::Collect,
        };
        Err(Refusal {
            reason: Reason::CategoryNotDeclared,
            clause: rulebook
                .permits
                .iter()
                .find(speaks)
                .map(|it| rulebook.clause_of(it)),
        })
    }

    /// The first rule that permits all of it, or else the refusal of the one that came closest.
    fn permission<'r>(
        &self,
        rulebook: &'r Rulebook,
        point: Option<usize>,
    ) -> Result<&'r Rule, Refusal<'r>> {
        let mut closest = (Progress::Place, self.refusal_without_rule(rulebook));
        for rule in &rulebook.permits {
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
    pub(super) fn shortfall(
        &self,
        permit: &Rule,
        point: Option<usize>,
    ) -> Option<(Progress, Reason)> {
        if !self.is_in_reach(permit, point) {
            return Some((Progress::Place, Reason::NoRule));
        }
        if !permit.purposes.contains(self.purpose) {
            return Some(match self.place {
                // All rules of use share one place, so only the purpose tells which is meant.
                Place::Inside => (Progress::Place, Reason::NoRule),
                Place::Point { .. } => (Progress::Purpose, Reason::NoRule),
                Place::Recipient { .. } => (Progress::Purpose, Reason::RecipientPurpose),
            });
        }
        let condition = permit.condition.as_ref();
        if self.aggregate && !condition.is_some_and(|it| it.aggregate_only) {
            // A permission about one person is none about a group.
            return Some((Progress::Purpose, Reason::NoRule));
        }
        if !permit.categories.contains_all(self.categories) {
            let reason = match self.place {
                Place::Inside => Reason::PurposeExceedsCategories,
                Place::Point { .. } => Reason::CategoryNotDeclared,
                Place::Recipient { .. } => Reason::FieldNotNecessary,
            };
            return Some((Progress::Categories, reason));
        }
        let unmet = condition.and_then(|it| self.unmet(it));
        unmet.map(|reason| (Progress::Condition, reason))
    }

    /// Whether a prohibition speaks of this request, condition apart.
    pub(super) fn is_touched_by(&self, forbid: &Rule, point: Option<usize>) -> bool {
        self.is_in_reach(forbid, point)
            && forbid.purposes.contains(self.purpose)
            && forbid.categories.intersects(self.categories)
    }

    /// Whether a rule is about this action at this point or for this kind of recipient.
    pub(super) fn is_in_reach(&self, rule: &Rule, point: Option<usize>) -> bool {
        let is_in_place = match self.place {
            Place::Inside => true,
            Place::Point { .. } => point.is_some_and(|it| rule.points.contains(&it)),
            Place::Recipient { kind, .. } => rule.recipient_kinds.contains(kind),
        };
        is_in_place && rule.action == self.action
    }
}

/// A word outside the vocabulary is refused; one that names a sale is refused by its clause, which
/// holds whether or not a rulebook states it.
fn unknown_word(word: &str, reason: Reason) -> Refusal<'static> {
    if expresses_sale(word) {
        return Refusal {
            reason: Reason::SaleForbidden,
            clause: Some(KEPT_BY_THE_LANGUAGE),
        };
    }
    Refusal::of(reason)
}
