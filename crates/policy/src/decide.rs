//! The decision: one pure function from rulebooks, a person's state and a request to an answer.

mod condition;
mod explain;
mod near;
mod question;
mod reason;

use crate::request::{Request, Subject};
use crate::rulebook::Rulebook;
use question::{Question, Refusal};

pub use explain::{Explanation, Step, Verdict, explain, line_of_point};
pub use near::Near;
pub use reason::Reason;

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
    /// The legal basis of the current policy's permission, in the word of the policy file; none on
    /// a refusal.
    pub basis: Option<&'static str>,
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
    let mut basis = None;
    for (index, rulebook) in rulebooks.iter().enumerate() {
        match question.ask(rulebook, &mut clauses) {
            Ok(permit) => basis = basis.or(permit.basis),
            Err(refusal) => return Decision::deny(refusal, Some(index)),
        }
    }
    Decision {
        effect: Effect::Permit,
        clauses,
        reason: None,
        refused_by: None,
        basis,
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
            basis: None,
            unavailable_activities: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
