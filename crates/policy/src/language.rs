//! The policy language: the shape of the file, each word with its place in the text.

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use crate::retention::Retention;

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
#[serde(deny_unknown_fields, expecting = "the block [policy]")]
pub(crate) struct Header {
    pub(crate) name: Spanned<String>,
    pub(crate) title: String,
    pub(crate) revised: Spanned<Datetime>,
    /// The day from which this text holds.
    pub(crate) effective: Option<Spanned<Datetime>>,
    /// Where the published page shows the day of revision.
    pub(crate) revision_shown: Option<Spanned<String>>,
    /// Where the policy is published.
    pub(crate) site: Option<Spanned<String>>,
    pub(crate) contact: Spanned<String>,
    /// How to reach the data protection officer.
    pub(crate) officer: Option<Spanned<String>>,
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
    pub(crate) announces: Option<Announcement>,
    #[serde(default, rename = "permit")]
    pub(crate) permits: Vec<Spanned<RuleBlock>>,
    #[serde(default, rename = "forbid")]
    pub(crate) forbids: Vec<Spanned<RuleBlock>>,
}

/// What a clause says about revisions of the policy.
#[derive(Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { shown = \"the top of the page\" }"
)]
pub(crate) struct Announcement {
    /// The day of revision that the clause names.
    pub(crate) revised: Option<Spanned<Datetime>>,
    /// Where the clause says the day of revision is shown.
    pub(crate) shown: Option<Spanned<String>>,
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
    /// Nothing yet: its rules are a draft, which is read and checked and decides nothing.
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
#[serde(deny_unknown_fields, expecting = "a rule such as { action = \"use\" }")]
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
    pub(crate) retention: Option<Spanned<Retention>>,
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

impl Basis {
    /// The word of the policy file.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Basis::Consent => "CONSENT",
            Basis::ExplicitConsent => "EXPLICIT_CONSENT",
            Basis::Contract => "CONTRACT",
            Basis::LegalObligation => "LEGAL_OBLIGATION",
            Basis::VitalInterests => "VITAL_INTERESTS",
            Basis::PublicTask => "PUBLIC_TASK",
            Basis::LegitimateInterests => "LEGITIMATE_INTERESTS",
            Basis::ImpliedConsentNotice => "IMPLIED_CONSENT_NOTICE",
        }
    }
}

impl ActionWord {
    /// The word of the policy file.
    pub(crate) fn word(self) -> &'static str {
        match self {
            ActionWord::Collect => "collect",
            ActionWord::Use => "use",
            ActionWord::Disclose => "disclose",
        }
    }
}

/// What must be so for a permission to hold or a prohibition to be lifted: all of it.
#[derive(Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a condition such as { order = true }"
)]
pub(crate) struct ConditionBlock {
    /// The request names an order it serves.
    #[serde(default)]
    pub(crate) order: bool,
    /// The answer is about a group and about nobody in it.
    #[serde(default)]
    pub(crate) aggregate_only: bool,
    pub(crate) consent: Option<ConsentWord>,
    /// An approved case or manifest covers the request.
    #[serde(default)]
    pub(crate) approval: bool,
    /// The person lives where the data is stored, or agreed to its transfer there.
    #[serde(default)]
    pub(crate) transfer_agreed: bool,
    /// The ways of accepting the policy of which one is on record.
    #[serde(default)]
    pub(crate) acceptance: Vec<Acceptance>,
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
            && !self.approval
            && !self.transfer_agreed
            && self.acceptance.is_empty()
            && self.acts.is_empty()
            && self.ages.is_empty()
            && self.regions.is_empty()
    }
}

/// For what exactly the person must have said yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub(crate) enum ConsentWord {
    #[serde(rename = "for this purpose")]
    Purpose,
    /// Said on a form and confirmed from the address it is about.
    #[serde(rename = "confirmed for this purpose")]
    PurposeConfirmed,
    #[serde(rename = "for this purpose and recipient")]
    PurposeAndRecipient,
}

/// How a person came to accept the policy. None of these is consent to anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub enum Acceptance {
    /// The person said so.
    #[serde(rename = "explicit")]
    Explicit,
    /// The person went on after a recorded notice.
    #[serde(rename = "continued use")]
    ContinuedUse,
    /// A guardian said so for the person.
    #[serde(rename = "guardian")]
    Guardian,
}

impl Acceptance {
    /// The words of the policy file.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Acceptance::Explicit => "explicit",
            Acceptance::ContinuedUse => "continued use",
            Acceptance::Guardian => "guardian",
        }
    }
}

/// The age a person stated, kept as a band and never as a birth date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub enum AgeBand {
    /// Younger than 13 years.
    #[serde(rename = "under 13")]
    Under13,
    /// From 13 to 15 years.
    #[serde(rename = "13 to 15")]
    From13To15,
    /// 16 or 17 years old.
    #[serde(rename = "16 to 17")]
    From16To17,
    /// 18 years or older.
    #[serde(rename = "adult")]
    Adult,
}

impl AgeBand {
    /// The words of the policy file.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            AgeBand::Under13 => "under 13",
            AgeBand::From13To15 => "13 to 15",
            AgeBand::From16To17 => "16 to 17",
            AgeBand::Adult => "adult",
        }
    }
}
