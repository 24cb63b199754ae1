//! What is wrong with a policy text, where, and how badly.

use std::fmt;

/// How badly a finding weighs: an error keeps the policy from compiling, a warning does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The policy does not compile.
    Error,
    /// The policy compiles; a person should look.
    Warning,
}

/// The closed list of findings. The names from [`Code::as_str`] are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The text is longer than a policy may be.
    TooLong,
    /// The text is not in the policy language: broken TOML, a wrong type, an unknown field or word.
    NotReadable,
    /// A key is empty or has characters other than lower-case letters, digits, `.`, `-` and `_`.
    MalformedKey,
    /// Two blocks of one sort have the same key.
    DuplicateKey,
    /// A word for selling, trading or renting personal data (`disclose.never-sold`).
    SaleForbidden,
    /// A purpose that the vocabulary does not have.
    UnknownPurpose,
    /// A data category that the vocabulary does not have.
    UnknownCategory,
    /// A kind of recipient that the vocabulary does not have or the policy does not declare.
    UnknownRecipientKind,
    /// A collection point that the policy does not declare.
    UnknownPoint,
    /// An act of collection that the vocabulary does not have.
    UnknownAct,
    /// A clause that the policy does not have.
    UnknownClause,
    /// A rule stands in a clause that is not enforced by rules.
    RuleNotEnforced,
    /// A clause is said to be enforced by rules and has none.
    ClauseWithoutRules,
    /// A permission does not say for which purposes, categories, recipients or points it is.
    PermitTooWide,
    /// A word that means nothing for this action or this sort of rule.
    WordOutOfPlace,
    /// A condition that asks nothing.
    EmptyCondition,
    /// A disclosure is permitted by a clause its kind of recipient does not fall under.
    RecipientKindElsewhere,
    /// A permission names no legal basis.
    PermitWithoutBasis,
    /// A permission rests on consent and does not ask for it.
    ConsentNotAsked,
    /// A collection point is permitted and no rule says by which acts values may arrive there.
    PointWithoutActs,
    /// The revision is not a plain date.
    MalformedDate,
    /// A region is not a two-letter country code.
    MalformedRegion,
    /// The contact does not look like an e-mail address.
    MalformedContact,
    /// A collection point that no rule names.
    UnusedPoint,
    /// An activity needs a category that no collection point takes.
    ActivityImpossible,
}

impl Code {
    /// The stable name, in SCREAMING_CASE.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Code::TooLong => "TOO_LONG",
            Code::NotReadable => "NOT_READABLE",
            Code::MalformedKey => "MALFORMED_KEY",
            Code::DuplicateKey => "DUPLICATE_KEY",
            Code::SaleForbidden => "SALE_FORBIDDEN",
            Code::UnknownPurpose => "UNKNOWN_PURPOSE",
            Code::UnknownCategory => "UNKNOWN_CATEGORY",
            Code::UnknownRecipientKind => "UNKNOWN_RECIPIENT_KIND",
            Code::UnknownPoint => "UNKNOWN_POINT",
            Code::UnknownAct => "UNKNOWN_ACT",
            Code::UnknownClause => "UNKNOWN_CLAUSE",
            Code::RuleNotEnforced => "RULE_NOT_ENFORCED",
            Code::ClauseWithoutRules => "CLAUSE_WITHOUT_RULES",
            Code::PermitTooWide => "PERMIT_TOO_WIDE",
            Code::WordOutOfPlace => "WORD_OUT_OF_PLACE",
            Code::EmptyCondition => "EMPTY_CONDITION",
            Code::RecipientKindElsewhere => "RECIPIENT_KIND_ELSEWHERE",
            Code::PermitWithoutBasis => "PERMIT_WITHOUT_BASIS",
            Code::ConsentNotAsked => "CONSENT_NOT_ASKED",
            Code::PointWithoutActs => "POINT_WITHOUT_ACTS",
            Code::MalformedDate => "MALFORMED_DATE",
            Code::MalformedRegion => "MALFORMED_REGION",
            Code::MalformedContact => "MALFORMED_CONTACT",
            Code::UnusedPoint => "UNUSED_POINT",
            Code::ActivityImpossible => "ACTIVITY_IMPOSSIBLE",
        }
    }

    /// Whether the finding keeps the policy from compiling.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Code::MalformedContact | Code::UnusedPoint | Code::ActivityImpossible => {
                Severity::Warning
            }
            _ => Severity::Error,
        }
    }
}

/// One thing wrong with a policy text. A policy is a published document and holds nobody's data,
/// so the message may quote its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What sort of fault it is.
    pub code: Code,
    /// Whether it keeps the policy from compiling.
    pub severity: Severity,
    /// The key of the clause it stands in, when it stands in one.
    pub clause: Option<String>,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// What is wrong and what would be right, as a lower-case sentence without a full stop.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{}: {}: ",
            self.line,
            self.column,
            self.code.as_str()
        )?;
        if let Some(clause) = &self.clause {
            write!(formatter, "{clause}: ")?;
        }
        formatter.write_str(&self.message)
    }
}

/// The errors for which a policy did not compile, ordered by line; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Findings(pub Vec<Finding>);
