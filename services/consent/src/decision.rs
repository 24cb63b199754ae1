//! A decision and why it refuses: the policy's reasons, and those that no policy text can have.

/// The answer to a question, with what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Why it refuses; none permits.
    pub refusal: Option<Reason>,
    /// The clauses that permit or refuse.
    pub clauses: Vec<String>,
    /// The policy version judged by; of a refusal, the one that refused. Empty when there is none.
    pub policy_version: String,
    /// The consent revision judged by.
    pub revision: u64,
    /// The legal basis of the permission, in the word of the policy file; none of a refusal.
    pub basis: Option<&'static str>,
    /// When a consent that may have carried it ends by itself, in Unix seconds.
    pub ends_at: Option<u64>,
}

/// Why a decision refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The policy says no.
    Policy(policy::Reason),
    /// There is no policy.
    PolicyNotPublished,
    /// The version named is not the current one.
    PolicyVersionSuperseded,
    /// No such party is registered.
    RecipientUnknown,
    /// The party's registration is over.
    RecipientExpired,
    /// The party is not registered for this purpose or category.
    RecipientPurpose,
}

/// What has to change before the answer can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The question.
    Question,
    /// The policy.
    Policy,
    /// The state of the person, the recipient or the service.
    State,
}

impl Decision {
    /// A refusal at a revision, by no clause yet.
    pub(crate) fn deny(reason: Reason, revision: u64) -> Self {
        Self {
            refusal: Some(reason),
            clauses: Vec::new(),
            policy_version: String::new(),
            basis: None,
            revision,
            ends_at: None,
        }
    }
}

impl Reason {
    /// The stable name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            // The contract names these two more exactly than the policy, which knows no ids.
            Self::Policy(policy::Reason::Erased) => "SUBJECT_ERASED",
            Self::Policy(policy::Reason::RecipientKindUnknown) => "RECIPIENT_KIND",
            Self::Policy(reason) => reason.as_str(),
            Self::PolicyNotPublished => "POLICY_NOT_PUBLISHED",
            Self::PolicyVersionSuperseded => "POLICY_VERSION_SUPERSEDED",
            Self::RecipientUnknown => "RECIPIENT_UNKNOWN",
            Self::RecipientExpired => "RECIPIENT_EXPIRED",
            Self::RecipientPurpose => "RECIPIENT_PURPOSE",
        }
    }

    /// What has to change before the answer can.
    pub(crate) fn blame(self) -> Blame {
        match self {
            Self::Policy(reason) if reason.is_request() => Blame::Question,
            Self::Policy(reason) if reason.is_state() => Blame::State,
            Self::Policy(_) | Self::RecipientPurpose => Blame::Policy,
            Self::PolicyNotPublished
            | Self::PolicyVersionSuperseded
            | Self::RecipientUnknown
            | Self::RecipientExpired => Blame::State,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_blame_are_those_of_the_contract() {
        for (reason, name, blame) in [
            (
                Reason::Policy(policy::Reason::CategoryNotDeclared),
                "CATEGORY_NOT_DECLARED",
                Blame::Question,
            ),
            (
                Reason::Policy(policy::Reason::FieldNotNecessary),
                "FIELD_NOT_NECESSARY",
                Blame::Policy,
            ),
            (
                Reason::Policy(policy::Reason::NoConsent),
                "NO_CONSENT",
                Blame::State,
            ),
            (
                Reason::Policy(policy::Reason::Erased),
                "SUBJECT_ERASED",
                Blame::State,
            ),
            (
                Reason::Policy(policy::Reason::RecipientKindUnknown),
                "RECIPIENT_KIND",
                Blame::Policy,
            ),
            (Reason::RecipientPurpose, "RECIPIENT_PURPOSE", Blame::Policy),
            (Reason::RecipientExpired, "RECIPIENT_EXPIRED", Blame::State),
        ] {
            assert_eq!((reason.as_str(), reason.blame()), (name, blame));
        }
    }
}
