//! The policy: a text in the policy language goes in, a rulebook and then decisions come out.
//!
//! ```text
//! text ──parse──▶ language ──lint──▶ findings
//!                    └────compile──▶ rulebook ──decide(subject, request, now)──▶ decision
//! ```
//!
//! Everything here is pure: no input or output, no async, no clock, no randomness.
//! The default is deny: what no rule permits is refused, and every unknown word is refused.

mod code;
mod day;
mod finding;
mod language;
mod nearest;
mod retention;
mod vocabulary;

mod lint;
mod parse;
mod reach;
mod rulebook;
mod wording;

mod cedar;
mod coverage;
mod decide;
mod diff;
mod request;
mod touch;

pub use cedar::CEDAR_SCHEMA;
pub use coverage::Coverage;
pub use decide::{
    Decision, Effect, Explanation, Near, Reason, Step, Verdict, decide, explain, line_of_point,
};
pub use diff::{Change, ClauseChange, diff, unrevised};
pub use finding::{Code, Finding, Findings, Severity};
pub use language::{Acceptance, AgeBand, Enforced, Side};
pub use nearest::did_you_mean;
pub use request::{
    Action, ConsentEntry, ConsentState, Recipient, RecipientId, Request, Standing, Subject,
};
pub use rulebook::{
    Activity, Clause, ClauseRule, Point, RecipientKind, Rulebook, check, compile,
    compile_with_drafts,
};
pub use touch::{Touch, touches};
pub use vocabulary::{
    ACTS, CATEGORIES, PURPOSES, RECIPIENT_KINDS, Registry, Term, TermSet, expresses_sale,
};
