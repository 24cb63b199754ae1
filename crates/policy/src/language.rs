//! The policy language: the shape of the file, each word with its place in the text.

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyFile {
    pub(crate) policy: Header,
    #[serde(default, rename = "collection_point")]
    pub(crate) collection_points: Vec<PointBlock>,
    #[serde(default, rename = "recipient_kind")]
    pub(crate) recipient_kinds: Vec<RecipientKindBlock>,
    #[serde(default, rename = "activity")]
    pub(crate) activities: Vec<ActivityBlock>,
    #[serde(default, rename = "clause")]
    pub(crate) clauses: Vec<ClauseBlock>,
}

/// Whose policy it is, as of when, and where the data lies.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) name: Spanned<String>,
    pub(crate) title: String,
    pub(crate) revised: Spanned<Datetime>,
    pub(crate) contact: Spanned<String>,
    pub(crate) storage_region: Spanned<String>,
}

/// A place at which values may enter, and the categories it takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PointBlock {
    pub(crate) key: Spanned<String>,
    pub(crate) side: Side,
    pub(crate) categories: Vec<Spanned<String>>,
}

/// Who runs a collection point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The application, which takes and sends only what it declares.
    App,
    /// The web site, where people give data about themselves.
    Site,
}

/// A kind of recipient and the one clause that governs disclosure to it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecipientKindBlock {
    pub(crate) key: Spanned<String>,
    pub(crate) falls_under: Spanned<String>,
}

/// Something a person can do, and the categories without which it cannot be done.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActivityBlock {
    pub(crate) key: Spanned<String>,
    pub(crate) needs: Vec<Spanned<String>>,
}

/// One promise of the policy with the rules that keep it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClauseBlock {
    pub(crate) key: Spanned<String>,
    pub(crate) title: String,
    pub(crate) says: String,
    pub(crate) enforced: Enforced,
    #[serde(default, rename = "permit")]
    pub(crate) permits: Vec<Spanned<RuleBlock>>,
    #[serde(default, rename = "forbid")]
    pub(crate) forbids: Vec<Spanned<RuleBlock>>,
}

/// What keeps the promise of a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Enforced {
    /// The rules in its block.
    #[serde(rename = "by rules")]
    ByRules,
    /// The policy language, which has no word for what the clause rules out.
    #[serde(rename = "by the language")]
    ByTheLanguage,
    /// The way the services are built; there is nothing to permit.
    #[serde(rename = "by services")]
    ByServices,
    /// Nothing yet; nothing is permitted under it either.
    #[serde(rename = "not yet")]
    NotYet,
}

impl Enforced {
    /// The words of the policy file.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Enforced::ByRules => "by rules",
            Enforced::ByTheLanguage => "by the language",
            Enforced::ByServices => "by services",
            Enforced::NotYet => "not yet",
        }
    }
}

/// A rule: who may (or may not) do what with which data, and under which condition.
///
/// A `permit` holds `when` its condition is met; a `forbid` holds `unless` its condition is met.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleBlock {
    pub(crate) action: ActionWord,
    #[serde(default)]
    pub(crate) points: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) purposes: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) categories: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) recipient_kinds: Vec<Spanned<String>>,
    pub(crate) basis: Option<Basis>,
    pub(crate) when: Option<Spanned<ConditionBlock>>,
    pub(crate) unless: Option<Spanned<ConditionBlock>>,
    pub(crate) retention: Option<Retention>,
}

/// What is done with data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ActionWord {
    Collect,
    Use,
    Disclose,
}

/// The ground in law on which a permission rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Basis {
    Consent,
    ExplicitConsent,
    Contract,
    LegalObligation,
    VitalInterests,
    PublicTask,
    LegitimateInterests,
    ImpliedConsentNotice,
}

/// Until when data taken or used under a permission is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Retention {
    #[serde(rename = "until the order is closed")]
    OrderClosed,
    #[serde(rename = "until consent is withdrawn")]
    ConsentWithdrawn,
    #[serde(rename = "until erased")]
    Erased,
}

impl Retention {
    /// The words of the policy file.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Retention::OrderClosed => "until the order is closed",
            Retention::ConsentWithdrawn => "until consent is withdrawn",
            Retention::Erased => "until erased",
        }
    }
}

/// What must be so for a permission to hold or a prohibition to be lifted: all of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConditionBlock {
    /// The request names an order it serves.
    #[serde(default)]
    pub(crate) order: bool,
    /// The answer is about a group and about nobody in it.
    #[serde(default)]
    pub(crate) aggregate_only: bool,
    pub(crate) consent: Option<ConsentWord>,
    #[serde(default)]
    pub(crate) acts: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) ages: Vec<AgeBand>,
    #[serde(default)]
    pub(crate) regions: Vec<Spanned<String>>,
}

impl ConditionBlock {
    /// Whether it asks nothing, and so would always be met.
    pub(crate) fn is_empty(&self) -> bool {
        !self.order
            && !self.aggregate_only
            && self.consent.is_none()
            && self.acts.is_empty()
            && self.ages.is_empty()
            && self.regions.is_empty()
    }
}

/// For what exactly the person must have said yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum ConsentWord {
    #[serde(rename = "for this purpose")]
    Purpose,
    #[serde(rename = "for this purpose and recipient")]
    PurposeAndRecipient,
}

/// The age a person stated, kept as a band and never as a birth date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum AgeBand {
    /// Younger than 13 years.
    #[serde(rename = "under 13")]
    Under13,
    /// From 13 to 17 years.
    #[serde(rename = "13 to 17")]
    From13To17,
    /// 18 years or older.
    #[serde(rename = "adult")]
    Adult,
}
