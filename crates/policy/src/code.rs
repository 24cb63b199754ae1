//! The closed list of findings: the stable name of each, how badly it weighs, and what it means.

use crate::finding::Severity;

/// One row per code, so that none can lack its name, its severity or its explanation.
macro_rules! codes {
    ($($variant:ident $name:literal $severity:ident $explanation:literal)*) => {
        /// What sort of fault a finding is. The names from [`Code::as_str`] are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $explanation] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the reference.
            pub const ALL: &[Code] = &[$(Code::$variant),*];

            /// The stable name, in SCREAMING_CASE.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Code::$variant => $name,)*
                }
            }

            /// How badly it weighs.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self {
                    $(Code::$variant => Severity::$severity,)*
                }
            }

            /// What it means, whatever the policy.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self {
                    $(Code::$variant => $explanation,)*
                }
            }
        }
    };
}

codes! {
    TooLong "TOO_LONG" Error
        "The text is longer than a policy may be, or has more rules."
    NotReadable "NOT_READABLE" Error
        "The text is not in the policy language: broken TOML, a wrong type, an unknown field or word."
    MalformedKey "MALFORMED_KEY" Error
        "A key is empty or has characters other than lower-case letters, digits, `.`, `-` and `_`."
    DuplicateKey "DUPLICATE_KEY" Error
        "Two blocks of one sort have the same key."
    UnknownPurpose "UNKNOWN_PURPOSE" Error
        "A purpose that the vocabulary does not have."
    UnknownCategory "UNKNOWN_CATEGORY" Error
        "A data category that the vocabulary does not have."
    UnknownRecipientKind "UNKNOWN_RECIPIENT_KIND" Error
        "A kind of recipient that the vocabulary does not have or the policy does not declare."
    UnknownPoint "UNKNOWN_POINT" Error
        "A collection point that the policy does not declare."
    UnknownAct "UNKNOWN_ACT" Error
        "An act of collection that the vocabulary does not have."
    UnknownClause "UNKNOWN_CLAUSE" Error
        "A clause that the policy does not have."
    MalformedDate "MALFORMED_DATE" Error
        "A date that is not a plain day, or of a year before 1970 or after 2100."
    MalformedRegion "MALFORMED_REGION" Error
        "A region that is not a country code of ISO 3166-1, such as a group of countries."
    MalformedSite "MALFORMED_SITE" Error
        "The site of the policy is not an https address."
    SaleForbidden "SALE_FORBIDDEN" Error
        "A word for selling, trading or renting personal data, which no policy can permit, or a \
         clause that permits something under such a word."
    SaleInDisguise "SALE_IN_DISGUISE" Error
        "The data of single persons would serve others: it goes to advertisers, affiliates or \
         partners, is used or disclosed for the advertising of third parties, is disclosed for \
         marketing, personalisation or analytics or is shared without the person's word, goes to \
         an acquirer or an authority for what no case is about, or is called a figure and names \
         people. Whatever it is called, that is a trade. Others may get figures."
    UnseenLetter "UNSEEN_LETTER" Error
        "A text has a letter that nobody sees: one that steers a terminal, turns the direction of \
         reading, or begins a new line where none belongs."
    RuleNotEnforced "RULE_NOT_ENFORCED" Error
        "A rule stands in a clause that is said to be kept by something other than rules."
    ClauseWithoutRules "CLAUSE_WITHOUT_RULES" Error
        "A clause is said to be enforced by rules and has none."
    PermitTooWide "PERMIT_TOO_WIDE" Error
        "A permission does not say for which purposes, categories, recipients or points it is."
    WordOutOfPlace "WORD_OUT_OF_PLACE" Error
        "A word that means nothing for this action or this sort of rule."
    EmptyCondition "EMPTY_CONDITION" Error
        "A condition that asks nothing, and so would always be met."
    RecipientKindElsewhere "RECIPIENT_KIND_ELSEWHERE" Error
        "A disclosure is permitted by a clause that its kind of recipient does not fall under. Only \
         figures may be."
    PermitWithoutBasis "PERMIT_WITHOUT_BASIS" Error
        "A permission names no legal basis, so its purposes rest on nothing."
    ConsentNotAsked "CONSENT_NOT_ASKED" Error
        "A permission rests on consent and does not ask for it."
    ApprovalNotAsked "APPROVAL_NOT_ASKED" Error
        "A permission lets an acquirer or an authority have what no approved case covers."
    PointWithoutActs "POINT_WITHOUT_ACTS" Error
        "No rule says by which acts values may arrive at a collection point, so any act would do."
    WeakBasis "WEAK_BASIS" Warning
        "A permission rests on implied consent, which is no basis under the GDPR and many other laws."
    MalformedContact "MALFORMED_CONTACT" Warning
        "A contact is neither an e-mail address nor an https address."
    ContactMisspelt "CONTACT_MISSPELT" Warning
        "The domain of a contact is a letter or two away from the policy's own site or name."
    DatesDisagree "DATES_DISAGREE" Warning
        "Two places of the policy give dates that cannot both be right."
    NoticeDisagrees "NOTICE_DISAGREES" Warning
        "A clause promises the date of revision at another place than where it is shown, or than \
         another clause does."
    BasisUnfit "BASIS_UNFIT" Warning
        "A legal basis that cannot bear this purpose, or that special categories (biometric and \
         medical data) cannot rest on."
    EmptyWord "EMPTY_WORD" Warning
        "A word that says nothing: an empty text or list, a `false`, or a list of all there is."
    RetentionTooLong "RETENTION_TOO_LONG" Warning
        "Data is kept for longer than anybody lives."
    RetentionMissing "RETENTION_MISSING" Warning
        "A permission to collect does not say until when the data is kept."
    RetentionDisagrees "RETENTION_DISAGREES" Warning
        "Data is kept until something happens that the permission does not ask for, or is used for \
         longer than it is kept for such a purpose."
    UnreachableRule "UNREACHABLE_RULE" Warning
        "A permission that can never permit: prohibitions refuse all of it, or no point takes it."
    ShadowedRule "SHADOWED_RULE" Warning
        "A rule that another one of its sort, with the same basis and retention, covers whole, so \
         that taking it out would change nothing."
    ClausesContradict "CLAUSES_CONTRADICT" Warning
        "Prohibitions refuse, under every condition, a part of what another clause permits."
    CollectedNeverUsable "COLLECTED_NEVER_USABLE" Warning
        "A point takes a category, or one below it, that no rule lets anybody use or receive."
    UsableNeverCollected "USABLE_NEVER_COLLECTED" Warning
        "A rule permits to use or disclose a category that no point takes."
    UnusedPoint "UNUSED_POINT" Warning
        "No rule permits to collect at a collection point."
    UnusedRecipientKind "UNUSED_RECIPIENT_KIND" Warning
        "No rule permits to disclose anything to a kind of recipient."
    ActivityImpossible "ACTIVITY_IMPOSSIBLE" Warning
        "Nobody can perform an activity: a category that it needs cannot be collected, or no one \
         person can give all that it needs."
    ClauseUnenforced "CLAUSE_UNENFORCED" Warning
        "A clause is said to be kept by the language or by the services, and neither does."
    ProhibitionWithoutEffect "PROHIBITION_WITHOUT_EFFECT" Note
        "A prohibition that touches nothing any rule permits: it only guards against later ones."
    ConditionNotFed "CONDITION_NOT_FED" Note
        "A rule in force asks for something that no running suite records yet."
    DraftsMatter "DRAFTS_MATTER" Note
        "A finding about what is in force that holds only as long as the drafts decide nothing, or \
         only once they decide; its message names it."
    ClauseNotYet "CLAUSE_NOT_YET" Note
        "A clause is not enforced yet: its rules are a draft and decide nothing."
}
