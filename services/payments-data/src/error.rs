//! Every way this service says no, and the status and reason of each.

use chassis::{KeyError, RequestError, refuse};
use client::GuardError;
use tonic::{Code, Status};

/// Why something is refused. None of it repeats what a caller sent or what is stored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field of the request is malformed: this one.
    #[error("a field of the request is malformed")]
    OrderInvalid(&'static str),
    /// A value is malformed or does not fit its category: the one at this place in the request.
    #[error("a value is malformed")]
    ValueInvalid {
        /// The violated field, such as `values[0].card.number`.
        field: String,
    },
    /// A value is outside the grant's categories: the one at this place in the request.
    #[error("the grant does not cover a category")]
    CategoryNotDeclared {
        /// Counted from 0.
        index: usize,
    },
    /// The tenant has no such order.
    #[error("there is no such order")]
    OrderUnknown,
    /// The order has ended; nothing given with it can be opened.
    #[error("the order is closed")]
    OrderClosed,
    /// All releases the order allows are used up.
    #[error("the order allows no more releases")]
    ReleasesExhausted,
    /// The person is erased and places no orders.
    #[error("the subject is erased")]
    SubjectErased,
    /// The grant is for another order, for another person's order, or for no order.
    #[error("the grant is for another order")]
    OtherOrder,
    /// The grant is to do something else.
    #[error("the grant is for another action")]
    GrantWrongAction,
    /// The grant is for something other than serving the order.
    #[error("the grant is for another purpose")]
    GrantWrongPurpose,
    /// More is asked for than is granted.
    #[error("a field is asked for that the grant does not cover")]
    FieldNotNecessary,
    /// A wanted category is not stored with the order.
    #[error("a category is not stored with the order")]
    ValueMissing,
    /// The request id was used for something else.
    #[error("the request id was used with other content")]
    IdempotencyConflict,
    /// The request id is empty or too long.
    #[error("the request id is malformed")]
    RequestIdInvalid,
    /// The grant does not hold, or the use is not on record.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The log did not take what it was told.
    #[error("a peer does not answer")]
    PeerUnavailable,
    /// The database does not answer.
    #[error("the database does not answer")]
    StoreUnavailable,
    /// What is stored makes no sense: our fault, whoever asks.
    #[error("stored data cannot be read")]
    Corrupt,
}

impl Error {
    /// The status code it is refused with.
    pub fn code(&self) -> Code {
        self.code_and_reason().0
    }

    /// The `ErrorInfo.reason` it is refused with.
    pub fn reason(&self) -> &'static str {
        self.code_and_reason().1
    }

    fn code_and_reason(&self) -> (Code, &'static str) {
        match self {
            Self::OrderInvalid(_) => (Code::InvalidArgument, "ORDER_INVALID"),
            Self::ValueInvalid { .. } => (Code::InvalidArgument, "VALUE_INVALID"),
            Self::CategoryNotDeclared { .. } => (Code::InvalidArgument, "CATEGORY_NOT_DECLARED"),
            Self::RequestIdInvalid => (Code::InvalidArgument, "REQUEST_ID_INVALID"),
            Self::OrderUnknown => (Code::NotFound, "ORDER_UNKNOWN"),
            Self::OrderClosed => (Code::FailedPrecondition, "ORDER_CLOSED"),
            Self::ReleasesExhausted => (Code::FailedPrecondition, "RELEASES_EXHAUSTED"),
            Self::SubjectErased => (Code::FailedPrecondition, "SUBJECT_ERASED"),
            Self::ValueMissing => (Code::FailedPrecondition, "VALUE_MISSING"),
            Self::OtherOrder => (Code::PermissionDenied, "OTHER_ORDER"),
            Self::GrantWrongAction => (Code::PermissionDenied, "GRANT_WRONG_ACTION"),
            Self::GrantWrongPurpose => (Code::PermissionDenied, "GRANT_WRONG_PURPOSE"),
            Self::FieldNotNecessary => (Code::PermissionDenied, "FIELD_NOT_NECESSARY"),
            Self::IdempotencyConflict => (Code::AlreadyExists, "IDEMPOTENCY_CONFLICT"),
            Self::Guard(error) => (error.code(), error.reason()),
            Self::PeerUnavailable => (Code::Unavailable, "PEER_UNAVAILABLE"),
            Self::StoreUnavailable => (Code::Unavailable, "STORE_UNAVAILABLE"),
            Self::Corrupt => (Code::Internal, "INTERNAL"),
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::OrderInvalid(field) => Some((*field).to_owned()),
            Self::ValueInvalid { field } => Some(field.clone()),
            Self::CategoryNotDeclared { index } => Some(format!("values[{index}].category")),
            Self::RequestIdInvalid => Some("request_id".to_owned()),
            _ => None,
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let (code, reason) = error.code_and_reason();
        let refusal = refuse(code, crate::NAME, reason, &error.to_string());
        match error.field() {
            Some(field) => refusal.field(field).into(),
            None => refusal.into(),
        }
    }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        match error {
            // The key goes only when the order has ended, even if the row says otherwise: a
            // restored backup brings rows back, and the log keeps their keys from coming with them.
            KeyError::Destroyed { .. } => Self::OrderClosed,
            KeyError::Unavailable => Self::StoreUnavailable,
            KeyError::Missing => Self::Corrupt,
        }
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Invalid => Self::RequestIdInvalid,
            RequestError::Conflict => Self::IdempotencyConflict,
            RequestError::Db(error) => crate::store::broken(error),
        }
    }
}
