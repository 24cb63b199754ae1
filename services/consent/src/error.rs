//! Every way this service says no, with the gRPC code and reason of each.

use chassis::refuse;
use policy::{Code as FindingCode, Finding};
use tonic::{Code, Status};

use crate::{
    NAME,
    decision::{Blame, Decision},
};

/// What keeps a call from its answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A field of the request does not say what it has to.
    #[error("a field is missing or malformed")]
    Invalid(&'static str),
    /// The request id is missing or too long.
    #[error("the request id is missing or too long")]
    RequestIdInvalid,
    /// The request id was used for something else.
    #[error("the request id was used with other content")]
    IdempotencyConflict,
    /// The caller may not ask for this purpose.
    #[error("the caller may not use this purpose")]
    CallerNotAllowed,
    /// The policy text does not compile.
    #[error("the policy does not compile")]
    PolicyInvalid {
        /// The field it came in.
        field: &'static str,
        /// What is wrong with it.
        findings: Vec<Finding>,
    },
    /// The tenant has no policy, and there is no default.
    #[error("no policy is published")]
    PolicyNotPublished,
    /// The version named does not exist, and it was asked for.
    #[error("there is no such policy version")]
    PolicyVersionNotFound,
    /// The version named does not exist, and something rests on it.
    #[error("the policy version named does not exist")]
    PolicyVersionUnknown,
    /// The vocabulary has no such purpose.
    #[error("the vocabulary does not name this purpose")]
    PurposeUnknown,
    /// The person is known with other facts.
    #[error("the subject is enrolled with other facts")]
    SubjectExists,
    /// The person's consents were asked for, and nobody is known by that id.
    #[error("there is no such subject")]
    SubjectNotFound,
    /// Nobody is known by that id.
    #[error("the subject is not enrolled")]
    SubjectUnknown,
    /// The person is erased.
    #[error("the subject is erased")]
    SubjectErased,
    /// The person is stopped for every purpose.
    #[error("the subject is quarantined")]
    Quarantined,
    /// Only a quarantined person is forgotten.
    #[error("the subject is not quarantined")]
    NotQuarantined,
    /// Evidence of the person has not reached the log yet.
    #[error("evidence of the subject has not reached the log")]
    EvidencePending,
    /// The tenant has not reached the revision named.
    #[error("the tenant has not reached this revision")]
    RevisionUnknown,
    /// The newest state could not be learned in time.
    #[error("the newest state could not be learned in time")]
    NotFresh,
    /// The stream was not taken in time.
    #[error("the follower did not take its messages")]
    SlowFollower,
    /// The decision is no.
    #[error("the decision is to refuse")]
    Denied(Box<Decision>),
    /// Too many writes wait already.
    #[error("too many writes are waiting")]
    Overloaded,
    /// disclosure-audit does not answer, or makes no sense.
    #[error("disclosure-audit does not answer")]
    PeerUnavailable,
    /// The database does not answer.
    #[error("the database does not answer")]
    StoreUnavailable,
    /// A fault of this service.
    #[error("internal fault")]
    Internal,
}

impl Error {
    fn code_and_reason(&self) -> (Code, &'static str) {
        match self {
            Self::Invalid(_) => (Code::InvalidArgument, "QUESTION_INVALID"),
            Self::RequestIdInvalid => (Code::InvalidArgument, "REQUEST_ID_INVALID"),
            Self::IdempotencyConflict => (Code::AlreadyExists, "IDEMPOTENCY_CONFLICT"),
            Self::CallerNotAllowed => (Code::PermissionDenied, "CALLER_NOT_ALLOWED"),
            Self::PolicyInvalid { findings, .. } => {
                (Code::InvalidArgument, policy_reason(findings))
            }
            Self::PolicyNotPublished => (Code::FailedPrecondition, "POLICY_NOT_PUBLISHED"),
            Self::PolicyVersionNotFound => (Code::NotFound, "POLICY_VERSION_UNKNOWN"),
            Self::PolicyVersionUnknown => (Code::FailedPrecondition, "POLICY_VERSION_UNKNOWN"),
            Self::PurposeUnknown => (Code::InvalidArgument, "PURPOSE_UNKNOWN"),
            Self::SubjectExists => (Code::AlreadyExists, "SUBJECT_EXISTS"),
            Self::SubjectNotFound => (Code::NotFound, "SUBJECT_UNKNOWN"),
            Self::SubjectUnknown => (Code::FailedPrecondition, "SUBJECT_UNKNOWN"),
            Self::SubjectErased => (Code::FailedPrecondition, "SUBJECT_ERASED"),
            Self::Quarantined => (Code::FailedPrecondition, "QUARANTINED"),
            Self::NotQuarantined => (Code::FailedPrecondition, "NOT_QUARANTINED"),
            Self::EvidencePending => (Code::Unavailable, "EVIDENCE_PENDING"),
            Self::RevisionUnknown => (Code::FailedPrecondition, "REVISION_UNKNOWN"),
            Self::NotFresh => (Code::Unavailable, "NOT_FRESH"),
            Self::SlowFollower => (Code::Aborted, "SLOW_FOLLOWER"),
            Self::Denied(decision) => denial(decision),
            Self::Overloaded => (Code::ResourceExhausted, "OVERLOADED"),
            Self::PeerUnavailable => (Code::Unavailable, "PEER_UNAVAILABLE"),
            Self::StoreUnavailable => (Code::Unavailable, "STORE_UNAVAILABLE"),
            Self::Internal => (Code::Internal, "INTERNAL"),
        }
    }
}

fn denial(decision: &Decision) -> (Code, &'static str) {
    let Some(reason) = decision.refusal else {
        // A permit refuses nothing.
        return (Code::Internal, "INTERNAL");
    };
    let code = match reason.blame() {
        Blame::Question => Code::InvalidArgument,
        Blame::Policy => Code::PermissionDenied,
        Blame::State => Code::FailedPrecondition,
    };
    (code, reason.as_str())
}

/// An attempted sale is named as such, whatever else is wrong with the text.
fn policy_reason(findings: &[Finding]) -> &'static str {
    let is_sale = |it: &Finding| {
        matches!(
            it.code,
            FindingCode::SaleForbidden | FindingCode::SaleInDisguise
        )
    };
    if findings.iter().any(is_sale) {
        "SALE_FORBIDDEN"
    } else {
        "POLICY_INVALID"
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let (code, reason) = error.code_and_reason();
        let refusal = refuse(code, NAME, reason, &error.to_string());
        match &error {
            Error::Invalid(field) => refusal.field(*field),
            Error::PolicyInvalid { field, findings } => {
                findings.iter().fold(refusal, |refusal, it| {
                    refusal.violation(*field, it.to_string())
                })
            }
            Error::Denied(decision) => refusal
                .metadata("clauses", decision.clauses.join(","))
                .metadata("policy_version", &decision.policy_version)
                .metadata("revision", decision.revision.to_string()),
            _ => refusal,
        }
        .into()
    }
}
