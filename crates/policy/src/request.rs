//! What is asked of the policy, and what is known of the person it is asked about.

use crate::language::{Acceptance, AgeBand};
use crate::vocabulary::{Term, TermSet};

/// One question: may this be done, with these categories, for this purpose?
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What is to be done.
    pub action: Action<'a>,
    /// A key of [`crate::PURPOSES`].
    pub purpose: &'a str,
    /// Keys of [`crate::CATEGORIES`]; a request for none is refused.
    pub categories: &'a [&'a str],
    /// Whether the request serves an order it names. That it is *this* order, the vault checks.
    pub order: bool,
    /// Whether an approved case or manifest covers the request.
    pub approved: bool,
    /// Whether the answer is about a group and about nobody in it.
    pub aggregate: bool,
}

/// What is to be done with the data.
#[derive(Debug, Clone, Copy)]
pub enum Action<'a> {
    /// Take in values.
    Collect {
        /// The declared collection point at which they arrive.
        point: &'a str,
        /// A key of [`crate::ACTS`]: how they arrived.
        act: &'a str,
    },
    /// Open values for the company's own use.
    Use,
    /// Hand values to a third party.
    Disclose {
        /// Who gets them.
        recipient: Recipient<'a>,
    },
}

/// A third party, as registered.
#[derive(Debug, Clone, Copy)]
pub struct Recipient<'a> {
    /// The number by which the subject's consents name it; none when no consent names it.
    pub id: Option<RecipientId>,
    /// A key of [`crate::RECIPIENT_KINDS`].
    pub kind: &'a str,
}

/// A recipient as a number given by the caller: equal numbers are one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecipientId(pub u32);

/// What is known of a person at the moment of asking.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Whether anything may be done with this person's data at all.
    pub standing: Standing,
    /// The age band the person stated, if any.
    pub age_band: Option<AgeBand>,
    /// The two-letter country of residence, if known.
    pub region: Option<&'a str>,
    /// How the person accepted the policy, if that is on record.
    pub acceptance: Option<Acceptance>,
    /// Whether the person's agreement to a transfer of the data abroad is on record.
    pub transfer_agreed: bool,
    /// The categories the person refused to give: [`crate::Registry::touching`] of their keys.
    pub refused: TermSet,
    /// Every consent on record, in any order; what is not here was not given.
    pub consents: &'a [ConsentEntry],
}

/// Whether anything may be done with a person's data at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Rules and consents decide.
    Active,
    /// The person restricted processing (GDPR art. 18): it is kept and not touched.
    Restricted,
    /// Reported as a child: frozen for every purpose until settled.
    Quarantined,
    /// Erased or being erased.
    Erased,
}

/// The state of one consent: for a purpose in general, or for a purpose and one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConsentEntry {
    /// A term of [`crate::PURPOSES`].
    pub purpose: Term,
    /// The recipient it is for; none means the purpose in general.
    pub recipient: Option<RecipientId>,
    /// What was said last.
    pub state: ConsentState,
    /// Whether the yes was confirmed from the address it is about.
    pub confirmed: bool,
    /// Unix seconds; from this second on the consent counts no more.
    pub expires_at: Option<u64>,
}

/// The states a consent can be in, named as in the Data Privacy Vocabulary 2.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConsentState {
    /// Nothing is known.
    Unknown,
    /// Asked for, not answered.
    Requested,
    /// Asked for, the answer put off.
    RequestDeferred,
    /// Asked for, answered no.
    Refused,
    /// Given.
    Given,
    /// Given again.
    Renewed,
    /// Taken back by the person.
    Withdrawn,
    /// Run out.
    Expired,
    /// Taken back by the company.
    Revoked,
    /// Declared void by an authority.
    Invalidated,
}

impl ConsentEntry {
    /// Whether the consent is a yes that counts at this moment.
    pub(crate) fn is_in_force(&self, now: u64) -> bool {
        self.state.is_given() && self.expires_at.is_none_or(|it| now < it)
    }

    /// Whether the consent was a yes and has run out.
    pub(crate) fn has_run_out(&self, now: u64) -> bool {
        self.state == ConsentState::Expired || (self.state.is_given() && !self.is_in_force(now))
    }
}

impl ConsentState {
    /// Whether the state allows processing.
    #[must_use]
    pub fn is_given(self) -> bool {
        matches!(self, ConsentState::Given | ConsentState::Renewed)
    }

    /// Whether the state says no, and so outweighs a yes that stands beside it.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        use ConsentState::{Invalidated, Refused, Revoked, Withdrawn};
        matches!(self, Refused | Withdrawn | Revoked | Invalidated)
    }
}
