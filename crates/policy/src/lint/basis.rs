//! What a permission rests on in law, and whether that can bear it.

use toml::Spanned;

use super::Linter;
use super::flow::all_below;
use crate::finding::Code;
use crate::language::{ActionWord, Basis, RuleBlock};
use crate::vocabulary::{CATEGORIES, PURPOSES, TermSet};

/// What a law can oblige to.
const BY_LAW: [&str; 10] = [
    "essential.emergency",
    "essential.fraud_detection",
    "essential.legal_claims",
    "essential.legal_obligation",
    "essential.service.health_care",
    "essential.service.operations.support",
    "essential.service.security",
    "functional.research",
    "functional.storage",
    "third_party_sharing.legal_obligation",
];

/// What a life can depend on.
const FOR_LIFE: [&str; 2] = ["essential.emergency", "essential.service.health_care"];

/// What needs explicit consent, but for the purposes below (GDPR, article 9).
const SPECIAL: [&str; 2] = ["user.biometric", "user.health_and_medical"];

/// Numbers of a contract or of a file, which say nothing of a body.
const NUMBERS: [&str; 2] = [
    "user.health_and_medical.insurance_beneficiary_id",
    "user.health_and_medical.record_id",
];

/// For what special categories need no explicit consent.
const WITHOUT_CONSENT: [&str; 2] = ["essential.legal_claims", "essential.service.health_care"];

impl Linter<'_> {
    pub(super) fn basis(&mut self, block: &Spanned<RuleBlock>) {
        let rule = block.get_ref();
        let when = rule.when.as_ref().map(Spanned::get_ref);
        match rule.basis {
            None => self.find(
                Code::PermitWithoutBasis,
                block,
                "a permission names its `basis`",
            ),
            Some(Basis::Consent | Basis::ExplicitConsent)
                if when.is_none_or(|it| it.consent.is_none()) =>
            {
                let message = "a permission that rests on consent asks for it: add `consent` to \
                               its `when`";
                self.find(Code::ConsentNotAsked, block, message);
            }
            Some(Basis::ImpliedConsentNotice) => {
                let message = "to go on is not to agree: name another `basis`, or ask for consent";
                self.find(Code::WeakBasis, block, message);
            }
            Some(basis @ Basis::LegalObligation) => self.bears(rule, basis, &BY_LAW),
            Some(basis @ Basis::VitalInterests) => self.bears(rule, basis, &FOR_LIFE),
            Some(Basis::Contract | Basis::LegitimateInterests)
                if when.is_none_or(|it| !it.aggregate_only) =>
            {
                self.special(block);
            }
            Some(_) => {}
        }
    }

    /// A basis that stands for a need bears only the purposes that can be that need.
    fn bears(&mut self, rule: &RuleBlock, basis: Basis, borne: &[&str]) {
        for purpose in &rule.purposes {
            if !is_within(purpose, borne) {
                let message = format!(
                    "{} cannot bear `{}`, only {}",
                    basis.word(),
                    purpose.get_ref(),
                    borne.join(", ")
                );
                self.find(Code::BasisUnfit, purpose, message);
            }
        }
    }

    fn special(&mut self, block: &Spanned<RuleBlock>) {
        let rule = block.get_ref();
        if rule
            .purposes
            .iter()
            .all(|it| is_within(it, &WITHOUT_CONSENT))
        {
            return;
        }
        let points = self.file.collection_points.iter();
        let covered = match rule.action {
            ActionWord::Collect => self.taken_by(rule),
            _ => {
                let declared = all_below(points.flat_map(|it| &it.categories));
                let named = rule.categories.iter().map(|it| it.get_ref().as_str());
                // Who names a wider category means what the points take of it.
                let named = CATEGORIES.exactly(named).unwrap_or_default();
                named.with(all_below(&rule.categories).common(declared))
            }
        };
        let special = special().common(covered);
        let Some(first) = CATEGORIES.terms_of(special).next() else {
            return;
        };
        let message = format!(
            "`{}` needs EXPLICIT_CONSENT, but for {}",
            CATEGORIES.key(first),
            WITHOUT_CONSENT.join(" and ")
        );
        self.find(Code::BasisUnfit, block, message);
    }
}

fn special() -> TermSet {
    let [special, numbers] = [SPECIAL, NUMBERS].map(|it| CATEGORIES.below(it));
    special
        .unwrap_or_default()
        .without(numbers.unwrap_or_default())
}

/// Whether a purpose is one of these or lies below one. Of an unknown word another finding tells.
fn is_within(purpose: &Spanned<String>, listed: &[&str]) -> bool {
    let purpose = purpose.get_ref().as_str();
    PURPOSES.term(purpose).is_none() || PURPOSES.covers(listed.iter().copied(), [purpose])
}
