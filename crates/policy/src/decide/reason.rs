//! Why a request is refused: a closed list whose names are part of the API.

/// Who has to change something before the answer can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// Whoever asks: the request itself is at fault.
    Request,
    /// The person or the world: what is on record refuses.
    State,
    /// The policy: no state of anything would permit it.
    Policy,
}

/// One row per reason, so that none can lack its name, its sort or its explanation.
macro_rules! reasons {
    ($($variant:ident $name:literal $sort:ident $explanation:literal)*) => {
        /// Why a request is refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $(#[doc = $explanation] $variant,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Reason] = &[$(Reason::$variant),*];

            /// The stable name. Two stand otherwise in `google.rpc.ErrorInfo.reason`, which all
            /// services share: `ERASED` as `SUBJECT_ERASED`, and `RECIPIENT_KIND_UNKNOWN` as
            /// `RECIPIENT_KIND`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Reason::$variant => $name,)*
                }
            }

            /// What it means, as a sentence.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self {
                    $(Reason::$variant => $explanation,)*
                }
            }

            fn sort(self) -> Sort {
                match self {
                    $(Reason::$variant => Sort::$sort,)*
                }
            }
        }
    };
}

reasons! {
    CategoryNotDeclared "CATEGORY_NOT_DECLARED" Request
        "A category the collection point does not declare, an undeclared point, or no category."
    NotVoluntary "NOT_VOLUNTARY" Policy
        "The value did not arrive by an act that the collection point accepts."
    PurposeUnknown "PURPOSE_UNKNOWN" Policy
        "The vocabulary has no such purpose."
    PurposeExceedsCategories "PURPOSE_EXCEEDS_CATEGORIES" Policy
        "The purpose does not extend to one of the categories."
    RecipientPurpose "RECIPIENT_PURPOSE" Policy
        "The recipient's kind does not serve this purpose."
    FieldNotNecessary "FIELD_NOT_NECESSARY" Policy
        "The recipient does not need one of the categories."
    RecipientKindUnknown "RECIPIENT_KIND_UNKNOWN" Policy
        "Neither the vocabulary nor the policy has such a kind of recipient."
    SaleForbidden "SALE_FORBIDDEN" Policy
        "The request names a sale, trade or rental of personal data."
    AggregateOnly "AGGREGATE_ONLY" Policy
        "Only an answer about a group may be given."
    OrderRequired "ORDER_REQUIRED" Policy
        "The request names no order, and only an order can justify it."
    NotApproved "NOT_APPROVED" State
        "No approved case or manifest covers the request."
    UnderAge "UNDER_AGE" Policy
        "The person's age is not stated, or too low or too high for the rule."
    RegionNotCovered "REGION_NOT_COVERED" Policy
        "The person's region is not known or not one the rule covers."
    TransferNotAgreed "TRANSFER_NOT_AGREED" State
        "The person did not agree to the transfer and is not known to live where the data is stored."
    NotAccepted "NOT_ACCEPTED" State
        "The person accepted the policy in none of the ways that the rule takes."
    Forbidden "FORBIDDEN" Policy
        "A rule forbids it under every condition."
    NoRule "NO_RULE" Policy
        "No rule permits it."
    NoConsent "NO_CONSENT" State
        "The person did not say yes to this, or took it back."
    NotConfirmed "NOT_CONFIRMED" State
        "The person's yes was not confirmed from the address it is about."
    ConsentExpired "CONSENT_EXPIRED" State
        "The person's yes has run out."
    CategoryRefused "CATEGORY_REFUSED" State
        "The person refused to give this category."
    SubjectUnknown "SUBJECT_UNKNOWN" State
        "Nobody is known under this subject."
    Restricted "RESTRICTED" State
        "The person restricted processing."
    Quarantined "QUARANTINED" State
        "The person's data is frozen until a report of a child is settled."
    Erased "ERASED" State
        "The person's data is erased or being erased."
}

impl Reason {
    /// Whether the request itself is at fault (`INVALID_ARGUMENT`).
    #[must_use]
    pub fn is_request(self) -> bool {
        self.sort() == Sort::Request
    }

    /// Whether the person's state refuses (`FAILED_PRECONDITION`). What is neither the request's
    /// fault nor the state's is refused by the policy (`PERMISSION_DENIED`).
    #[must_use]
    pub fn is_state(self) -> bool {
        self.sort() == Sort::State
    }
}
