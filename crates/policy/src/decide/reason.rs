//! Why a request is refused: a closed list whose names are part of the API.

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A category the collection point does not declare, an undeclared point, or no category.
    CategoryNotDeclared,
    /// The value did not arrive by an act that the collection point accepts.
    NotVoluntary,
    /// The vocabulary has no such purpose.
    PurposeUnknown,
    /// The purpose does not extend to one of the categories.
    PurposeExceedsCategories,
    /// The recipient's kind does not serve this purpose.
    RecipientPurpose,
    /// The recipient does not need one of the categories.
    FieldNotNecessary,
    /// Neither the vocabulary nor the policy has such a kind of recipient.
    RecipientKindUnknown,
    /// The request names a sale, trade or rental of personal data.
    SaleForbidden,
    /// Only an answer about a group may be given.
    AggregateOnly,
    /// The request names no order, and only an order can justify it.
    OrderRequired,
    /// The person's age is not stated or not one the rule covers.
    UnderAge,
    /// The person's region is not known or not one the rule covers.
    RegionNotCovered,
    /// A rule forbids it under every condition.
    Forbidden,
    /// No rule permits it.
    NoRule,
    /// The person did not say yes to this, or took it back.
    NoConsent,
    /// The person's yes has run out.
    ConsentExpired,
    /// The person refused to give this category.
    CategoryRefused,
    /// Nobody is known under this subject.
    SubjectUnknown,
    /// The person restricted processing.
    Restricted,
    /// The person's data is frozen until a report of a child is settled.
    Quarantined,
    /// The person's data is erased or being erased.
    Erased,
}

impl Reason {
    /// The stable name, as it stands in `google.rpc.ErrorInfo.reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::CategoryNotDeclared => "CATEGORY_NOT_DECLARED",
            Reason::NotVoluntary => "NOT_VOLUNTARY",
            Reason::PurposeUnknown => "PURPOSE_UNKNOWN",
            Reason::PurposeExceedsCategories => "PURPOSE_EXCEEDS_CATEGORIES",
            Reason::RecipientPurpose => "RECIPIENT_PURPOSE",
            Reason::FieldNotNecessary => "FIELD_NOT_NECESSARY",
            Reason::RecipientKindUnknown => "RECIPIENT_KIND_UNKNOWN",
            Reason::SaleForbidden => "SALE_FORBIDDEN",
            Reason::AggregateOnly => "AGGREGATE_ONLY",
            Reason::OrderRequired => "ORDER_REQUIRED",
            Reason::UnderAge => "UNDER_AGE",
            Reason::RegionNotCovered => "REGION_NOT_COVERED",
            Reason::Forbidden => "FORBIDDEN",
            Reason::NoRule => "NO_RULE",
            Reason::NoConsent => "NO_CONSENT",
            Reason::ConsentExpired => "CONSENT_EXPIRED",
            Reason::CategoryRefused => "CATEGORY_REFUSED",
            Reason::SubjectUnknown => "SUBJECT_UNKNOWN",
            Reason::Restricted => "RESTRICTED",
            Reason::Quarantined => "QUARANTINED",
            Reason::Erased => "ERASED",
        }
    }

    /// Whether the request itself is at fault (`INVALID_ARGUMENT`).
    #[must_use]
    pub fn is_request(self) -> bool {
        self == Reason::CategoryNotDeclared
    }

    /// Whether the person's state refuses (`FAILED_PRECONDITION`). What is neither the request's
    /// fault nor the state's is refused by the policy (`PERMISSION_DENIED`).
    #[must_use]
    pub fn is_state(self) -> bool {
        matches!(
            self,
            Reason::NoConsent
                | Reason::ConsentExpired
                | Reason::CategoryRefused
                | Reason::SubjectUnknown
                | Reason::Restricted
                | Reason::Quarantined
                | Reason::Erased
        )
    }
}
