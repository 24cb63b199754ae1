//! The policy: a text in the policy language goes in, a rulebook and then decisions come out.
//!
//! ```text
//! text ──parse──▶ language ──lint──▶ findings
//!                    └────compile──▶ rulebook ──decide(subject, request, now)──▶ decision
//! ```
//!
//! Everything here is pure: no input or output, no async, no clock, no randomness.
//! The default is deny: what no rule permits is refused, and every unknown word is refused.

mod finding;
mod language;
mod vocabulary;

mod lint;
mod parse;
mod rulebook;
mod wording;

mod decide;
mod diff;
mod request;

pub use decide::{Decision, Effect, Reason, decide};
pub use diff::{Change, ClauseChange, diff};
pub use finding::{Code, Finding, Findings, Severity};
pub use language::{AgeBand, Enforced, Side};
pub use request::{
    Action, ConsentEntry, ConsentState, Recipient, RecipientId, Request, Standing, Subject,
};
pub use rulebook::{Activity, Clause, Point, RecipientKind, Rulebook, check, compile};
pub use vocabulary::{
    ACTS, CATEGORIES, PURPOSES, RECIPIENT_KINDS, Registry, Term, TermSet, expresses_sale,
};
