//! What a caller wants changed, and what came of it.

use uuid::Uuid;

use crate::{
    acceptance::Accepted,
    consent::{Choice, Scope},
    subject::{Facts, PolicyName},
};

/// What a caller wants changed.
#[derive(Clone, PartialEq, Eq)]
pub enum Wish {
    /// A new policy version.
    Publish {
        /// The text, known to compile.
        text: String,
        /// SHA-256 of its bytes.
        digest: [u8; 32],
    },
    /// A person made known.
    Enrol {
        /// The person.
        subject: Uuid,
        /// What is told of the person.
        facts: Facts,
    },
    /// A version accepted, as somebody says.
    Accept {
        /// The person.
        subject: Uuid,
        /// A version that exists, and who says so.
        accepted: Accepted,
        /// The number of the version in force: a later one waits for its day.
        in_force: u64,
    },
    /// A person told of a version.
    Notify {
        /// The person.
        subject: Uuid,
        /// A version that exists.
        policy: PolicyName,
    },
    /// A person who goes on using the service.
    GoOn {
        /// The person.
        subject: Uuid,
        /// The number of the version in force: a later one is not accepted before it holds.
        in_force: u64,
    },
    /// A consent given, refused or withdrawn.
    Choose {
        /// What it is about.
        scope: Scope,
        /// What the person says.
        choice: Choice,
        /// The version in force when the person was asked.
        policy: PolicyName,
    },
    /// A person stopped for every purpose.
    Quarantine {
        /// The person.
        subject: Uuid,
    },
    /// An erased person forgotten.
    Forget {
        /// The person.
        subject: Uuid,
        /// The newest revision whose evidence has to have reached the log first.
        evidence_up_to: u64,
    },
}

/// The kinds of wishes, as they are counted.
pub(crate) const KINDS: [&str; 10] = [
    "publish",
    "enrol",
    "accept",
    "notify",
    "use",
    "give",
    "refuse",
    "withdraw",
    "quarantine",
    "forget",
];

impl Wish {
    /// Which of [`KINDS`] it is.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Publish { .. } => "publish",
            Self::Enrol { .. } => "enrol",
            Self::Accept { .. } => "accept",
            Self::Notify { .. } => "notify",
            Self::GoOn { .. } => "use",
            Self::Choose { choice, .. } => match choice {
                Choice::Give { .. } => "give",
                Choice::Refuse => "refuse",
                Choice::Withdraw => "withdraw",
            },
            Self::Quarantine { .. } => "quarantine",
            Self::Forget { .. } => "forget",
        }
    }

    /// The person it is about.
    pub(crate) fn subject(&self) -> Option<Uuid> {
        match self {
            Self::Publish { .. } => None,
            Self::Choose { scope, .. } => Some(scope.subject),
            Self::Enrol { subject, .. }
            | Self::Accept { subject, .. }
            | Self::Notify { subject, .. }
            | Self::GoOn { subject, .. }
            | Self::Quarantine { subject }
            | Self::Forget { subject, .. } => Some(*subject),
        }
    }
}

/// What came of a wish. It holds nothing personal, so that it can be kept to answer a repetition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The revision that fulfilled it.
    pub revision: u64,
    /// When, in Unix milliseconds.
    pub at: i64,
    /// The id of the record that is evidence of it.
    pub record: Uuid,
    /// The policy version published, accepted by use, or in force.
    pub policy: Option<PolicyName>,
}
