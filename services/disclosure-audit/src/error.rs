//! Every way this service says no, and the code and reason of each.

use chassis::{KeyError, RequestError, refuse};
use tonic::{Code, Status};

use crate::recipient::RegistrationError;

/// A refusal. It carries no words of a caller, of a driver or of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("a recipient's kind or purpose may not be a sale, trade or rental")]
    SaleForbidden { field: &'static str },
    #[error("the registration is incomplete or outside the vocabulary")]
    RecipientInvalid { field: &'static str },
    #[error("the recipient is already registered")]
    RecipientExists,
    #[error("no such recipient is registered")]
    RecipientNotFound,
    #[error("the release names a recipient that is not registered")]
    RecipientNotRegistered,
    #[error("the recipient's registration has ended")]
    RecipientExpired,
    #[error("the recipient is not registered for this purpose or category")]
    RecipientPurpose,
    #[error("the recipient is registered as another kind")]
    RecipientKind,
    #[error("the event is malformed")]
    EventInvalid { field: &'static str },
    #[error("a batch has 1 to 1,000 events")]
    BatchSize,
    #[error("too many events or receipts are waiting")]
    Overloaded,
    #[error("a request id has 1 to 128 characters")]
    RequestIdInvalid,
    #[error("the request id was used before with other content")]
    IdempotencyConflict,
    #[error("the subject's audit key was destroyed")]
    SubjectShredded,
    #[error("no such entry")]
    EntryUnknown,
    #[error("no such hold")]
    HoldUnknown,
    #[error("no checkpoint covers the entry yet")]
    CheckpointPending,
    #[error("the log is empty")]
    LogEmpty,
    #[error("an argument cannot be read")]
    ArgumentInvalid { field: &'static str },
    #[error("the log cannot be reached")]
    LogUnavailable,
    /// The database refused a statement, which says nothing about what is stored.
    #[error("the log's database refused a statement")]
    LogFault,
    #[error(
        "the last checkpoint is not signed by this log: restore the log key and the log origin it \
         was signed under, or begin a new log on an empty database"
    )]
    LogKeyChanged,
    #[error(
        "the log does not continue the known checkpoint: entries that it had are missing, as after \
         restoring a backup that is older; restore one that is not"
    )]
    LogRewound,
    #[error("the known checkpoint is not one of this log")]
    KnownCheckpointForeign,
    #[error("too few witnesses of the trust policy have cosigned the checkpoint")]
    QuorumMissing,
    #[error("the tile store cannot be read or written")]
    TileStoreUnavailable,
    #[error(
        "the tile store holds the checkpoint of another log: name an empty one, or the right one"
    )]
    PublishedForeign,
    #[error(
        "the log does not continue the checkpoint that it published: entries that it had are \
         missing, as after restoring a backup that is older; restore one that is not, or begin a new \
         log under another origin with an empty tile store"
    )]
    PublishedContradicted,
    /// What is stored contradicts itself: tampering, or a fault of ours.
    #[error("the log is inconsistent")]
    LogCorrupt,
}

impl Error {
    /// The gRPC code and the reason, which are part of the contract.
    pub(crate) fn code_and_reason(self) -> (Code, &'static str) {
        match self {
            Self::SaleForbidden { .. } => (Code::PermissionDenied, "SALE_FORBIDDEN"),
            Self::RecipientInvalid { .. } => (Code::InvalidArgument, "RECIPIENT_INVALID"),
            Self::RecipientExists => (Code::AlreadyExists, "RECIPIENT_EXISTS"),
            Self::RecipientNotFound => (Code::NotFound, "RECIPIENT_UNKNOWN"),
            Self::RecipientNotRegistered => (Code::FailedPrecondition, "RECIPIENT_UNKNOWN"),
            Self::RecipientExpired => (Code::FailedPrecondition, "RECIPIENT_EXPIRED"),
            Self::RecipientPurpose => (Code::PermissionDenied, "RECIPIENT_PURPOSE"),
            Self::RecipientKind => (Code::PermissionDenied, "RECIPIENT_KIND"),
            Self::EventInvalid { .. } => (Code::InvalidArgument, "EVENT_INVALID"),
            Self::BatchSize => (Code::InvalidArgument, "BATCH_SIZE"),
            Self::Overloaded => (Code::ResourceExhausted, "OVERLOADED"),
            Self::RequestIdInvalid => (Code::InvalidArgument, "REQUEST_ID_INVALID"),
            Self::IdempotencyConflict => (Code::AlreadyExists, "IDEMPOTENCY_CONFLICT"),
            Self::SubjectShredded => (Code::FailedPrecondition, "SUBJECT_SHREDDED"),
            Self::EntryUnknown => (Code::NotFound, "ENTRY_UNKNOWN"),
            Self::HoldUnknown => (Code::NotFound, "HOLD_UNKNOWN"),
            Self::CheckpointPending => (Code::Unavailable, "CHECKPOINT_PENDING"),
            Self::LogEmpty => (Code::NotFound, "LOG_EMPTY"),
            Self::ArgumentInvalid { .. } => (Code::InvalidArgument, "ARGUMENT_INVALID"),
            Self::LogUnavailable => (Code::Unavailable, "LOG_UNAVAILABLE"),
            Self::LogFault => (Code::Unavailable, "LOG_FAULT"),
            // These stop the process and answer no call.
            Self::LogKeyChanged => (Code::Internal, "LOG_KEY_CHANGED"),
            Self::LogRewound => (Code::Internal, "LOG_REWOUND"),
            Self::KnownCheckpointForeign => (Code::Internal, "KNOWN_CHECKPOINT_FOREIGN"),
            Self::QuorumMissing => (Code::Unavailable, "QUORUM_MISSING"),
            Self::TileStoreUnavailable => (Code::Unavailable, "TILE_STORE_UNAVAILABLE"),
            Self::PublishedForeign => (Code::Internal, "PUBLISHED_FOREIGN"),
            Self::PublishedContradicted => (Code::Internal, "PUBLISHED_CONTRADICTED"),
            Self::LogCorrupt => (Code::Internal, "LOG_CORRUPT"),
        }
    }

    /// Whether it may be well the next time, and nothing that is stored is wrong.
    pub(crate) fn may_pass(self) -> bool {
        self.code_and_reason().0 == Code::Unavailable
    }

    /// The field to mend.
    fn field(self) -> Option<&'static str> {
        match self {
            Self::SaleForbidden { field }
            | Self::RecipientInvalid { field }
            | Self::EventInvalid { field }
            | Self::ArgumentInvalid { field } => Some(field),
            Self::RequestIdInvalid => Some("request_id"),
            Self::BatchSize => Some("events"),
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
            KeyError::Destroyed { .. } => Self::SubjectShredded,
            KeyError::Unavailable => Self::LogUnavailable,
            // An entry stands that was sealed under it.
            KeyError::Missing => Self::LogCorrupt,
        }
    }
}

impl From<RegistrationError> for Error {
    fn from(error: RegistrationError) -> Self {
        match error {
            RegistrationError::Sale { field } => Self::SaleForbidden { field },
            RegistrationError::Invalid { field } => Self::RecipientInvalid { field },
        }
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Invalid => Self::RequestIdInvalid,
            RequestError::Conflict => Self::IdempotencyConflict,
            RequestError::Db(error) => crate::store::failed(error),
        }
    }
}
