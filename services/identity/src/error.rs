//! Every way this service says no, and the status each becomes.

use chassis::{KeyError, RequestError, refuse};
use client::GuardError;
use tonic::{Code, Status};

use crate::{
    permission::Unfit,
    subject::{Barred, Malformed},
};

/// Why a call is refused. It holds no personal data and nothing the caller sent, but for category
/// names that the policy's vocabulary has.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A fact about a new person is malformed.
    #[error("the field is malformed")]
    SubjectInvalid(&'static str),
    /// The id is not a UUID.
    #[error("the person's id is not a UUID")]
    SubjectIdInvalid,
    /// There is no such person to speak of.
    #[error("there is no such person")]
    SubjectUnknown,
    /// The grant is for a person who is not here.
    #[error("the person of the grant is not known here")]
    SubjectOfGrantUnknown,
    /// The person is erased, or about to be.
    #[error("the person is erased or being erased")]
    SubjectErased,
    /// No erasure was asked for.
    #[error("there is no erasure of this person")]
    ErasureUnknown,
    /// The version the person accepted was never published.
    #[error("the accepted policy version was never published")]
    PolicyVersionUnknown,
    /// There are none, too many, or two of one category.
    #[error("give 1 to 32 values, one for each category")]
    ValuesInvalid,
    /// A value is not what its category asks for.
    #[error("a value is not well formed for its category")]
    ValueInvalid {
        /// The category, one that the grant names.
        category: String,
    },
    /// A value's category is not in the grant.
    #[error("the value's category is not declared at this collection point")]
    CategoryNotDeclared {
        /// The value's place in the request.
        index: usize,
    },
    /// Nobody can be found by this category.
    #[error("persons cannot be looked up by this category")]
    CategoryNotIndexed,
    /// The look-up value is not what its category asks for.
    #[error("the text is not well formed for its category")]
    LookUpInvalid,
    /// The grant is for another action.
    #[error("the grant is for another action")]
    GrantWrongAction,
    /// A category is wanted that the grant does not name.
    #[error("a category is outside the grant")]
    OutsideGrant,
    /// A category is wanted that was never collected.
    #[error("a granted value was never collected")]
    ValueMissing,
    /// The guard does not let it through.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The request id was used for something else.
    #[error("the request id was used with other content")]
    IdempotencyConflict,
    /// The request id is empty or too long.
    #[error("the request id is malformed")]
    RequestIdInvalid,
    /// Another service does not answer, or refuses what only a fault could make it refuse.
    #[error("a peer does not answer")]
    PeerUnavailable,
    /// The same request was carried out elsewhere at the same moment.
    #[error("the request collided with another, ask again")]
    LostRace,
    /// The database does not answer.
    #[error("the database does not answer")]
    StoreUnavailable,
    /// What is stored, or what a database says, is not what this service wrote or asked.
    #[error("an internal error occurred")]
    Internal,
}

impl Error {
    /// The `ErrorInfo.reason` it is refused with.
    pub fn reason(&self) -> &'static str {
        self.code_and_reason().1
    }

    /// The status code, and the reason a program reads.
    fn code_and_reason(&self) -> (Code, &'static str) {
        match self {
            Error::SubjectInvalid(_) | Error::SubjectIdInvalid => {
                (Code::InvalidArgument, "SUBJECT_INVALID")
            }
            Error::SubjectUnknown => (Code::NotFound, "SUBJECT_UNKNOWN"),
            Error::SubjectOfGrantUnknown => (Code::FailedPrecondition, "SUBJECT_UNKNOWN"),
            Error::SubjectErased => (Code::FailedPrecondition, "SUBJECT_ERASED"),
            Error::ErasureUnknown => (Code::NotFound, "ERASURE_UNKNOWN"),
            Error::PolicyVersionUnknown => (Code::FailedPrecondition, "POLICY_VERSION_UNKNOWN"),
            Error::ValuesInvalid | Error::ValueInvalid { .. } | Error::LookUpInvalid => {
                (Code::InvalidArgument, "VALUE_INVALID")
            }
            Error::CategoryNotDeclared { .. } => (Code::InvalidArgument, "CATEGORY_NOT_DECLARED"),
            Error::CategoryNotIndexed => (Code::InvalidArgument, "CATEGORY_NOT_INDEXED"),
            Error::GrantWrongAction => (Code::PermissionDenied, "GRANT_WRONG_ACTION"),
            Error::OutsideGrant => (Code::PermissionDenied, "OUTSIDE_GRANT"),
            Error::ValueMissing => (Code::FailedPrecondition, "VALUE_MISSING"),
            Error::Guard(error) => (error.code(), error.reason()),
            Error::IdempotencyConflict => (Code::AlreadyExists, "IDEMPOTENCY_CONFLICT"),
            Error::RequestIdInvalid => (Code::InvalidArgument, "REQUEST_ID_INVALID"),
            Error::PeerUnavailable => (Code::Unavailable, "PEER_UNAVAILABLE"),
            Error::LostRace => (Code::Aborted, "LOST_RACE"),
            Error::StoreUnavailable => (Code::Unavailable, "STORE_UNAVAILABLE"),
            Error::Internal => (Code::Internal, "INTERNAL"),
        }
    }

    /// The field of the request that is to be mended.
    fn field(&self) -> Option<String> {
        match self {
            Error::SubjectInvalid(field) => Some((*field).to_owned()),
            Error::SubjectIdInvalid => Some("subject_id".to_owned()),
            Error::ValuesInvalid => Some("values".to_owned()),
            Error::ValueInvalid { category } => Some(category.clone()),
            Error::CategoryNotDeclared { index } => Some(format!("values[{index}].category")),
            Error::CategoryNotIndexed => Some("category".to_owned()),
            Error::LookUpInvalid => Some("text".to_owned()),
            Error::RequestIdInvalid => Some("request_id".to_owned()),
            _ => None,
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Status {
        let (code, reason) = error.code_and_reason();
        let refusal = refuse(code, crate::NAME, reason, &error.to_string());
        match error.field() {
            Some(field) => refusal.field(field).into(),
            None => refusal.into(),
        }
    }
}

impl From<Malformed> for Error {
    fn from(Malformed(field): Malformed) -> Error {
        Error::SubjectInvalid(field)
    }
}

impl From<Unfit> for Error {
    fn from(unfit: Unfit) -> Error {
        match unfit {
            Unfit::Action => Error::GrantWrongAction,
            Unfit::Outside => Error::OutsideGrant,
        }
    }
}

impl From<Barred> for Error {
    fn from(barred: Barred) -> Error {
        match barred {
            Barred::Unknown => Error::SubjectOfGrantUnknown,
            Barred::Erased => Error::SubjectErased,
        }
    }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Error {
        match error {
            // Whatever the person's row says: a restored backup brings rows back, and the log
            // keeps their keys from coming with them.
            KeyError::Destroyed { .. } => Error::SubjectErased,
            KeyError::Unavailable => Error::StoreUnavailable,
            KeyError::Missing => Error::Internal,
        }
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Error {
        match error {
            RequestError::Invalid => Error::RequestIdInvalid,
            RequestError::Conflict => Error::IdempotencyConflict,
            RequestError::Db(_) => Error::StoreUnavailable,
        }
    }
}
