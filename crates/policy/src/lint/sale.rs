//! What would be a sale by another name: data of single persons that serves the gain of others.

use toml::Spanned;

use super::Linter;
use crate::finding::Code;
use crate::language::{ActionWord, ConditionBlock, ConsentWord, RuleBlock};
use crate::vocabulary::PURPOSES;

/// Those who would get data for their own gain.
const COMMERCIAL_KINDS: [&str; 3] = ["advertiser", "affiliate", "partner"];

/// Those who get what an approved case or manifest lists, and nothing else.
const KINDS_WITH_A_CASE: [&str; 2] = ["acquirer", "authority"];

/// The purpose that is another company's gain.
const FOR_THIRD_PARTIES: &str = "marketing.advertising.third_party";

/// The purpose that says no more than that somebody else gets it.
const FOR_SHARING: &str = "third_party_sharing";

impl Linter<'_> {
    /// Whoever pays for the data of single persons with money, reach or custom gets none.
    pub(super) fn sale_in_disguise(&mut self, rule: &RuleBlock) {
        let when = rule.when.as_ref().map(Spanned::get_ref);
        if when.is_some_and(|it| it.aggregate_only) {
            return;
        }
        if rule.action != ActionWord::Disclose {
            return self.served_to_others(rule, when);
        }
        self.commercial(rule);
        self.cases(rule, when);
        let has_word = when
            .is_some_and(|it| it.approval || it.consent == Some(ConsentWord::PurposeAndRecipient));
        if has_word || !is_personal(rule) {
            return;
        }
        let sharing = rule.purposes.iter();
        for purpose in sharing.filter(|it| reaches(it.get_ref(), FOR_SHARING)) {
            let message = format!(
                "`{}` is whatever the recipient makes of it: ask for the person's consent \"for this \
                 purpose and recipient\", or for `approval`",
                purpose.get_ref()
            );
            self.find(Code::SaleInDisguise, purpose, message);
        }
    }

    /// To show a person what others pay for is to lend them the person's name and address.
    fn served_to_others(&mut self, rule: &RuleBlock, when: Option<&ConditionBlock>) {
        if when.is_some_and(|it| it.consent.is_some()) || !is_personal(rule) {
            return;
        }
        let lent = rule.purposes.iter();
        for purpose in lent.filter(|it| reaches(it.get_ref(), FOR_THIRD_PARTIES)) {
            let message = format!(
                "`{}` serves the advertising of others: add `consent` to its `when`",
                purpose.get_ref()
            );
            self.find(Code::SaleInDisguise, purpose, message);
        }
    }

    fn commercial(&mut self, rule: &RuleBlock) {
        let kinds = rule.recipient_kinds.iter();
        for kind in kinds.filter(|it| COMMERCIAL_KINDS.contains(&it.get_ref().as_str())) {
            let message = format!(
                "a permission for `{}` is one for figures: add `aggregate_only = true` to its `when`",
                kind.get_ref()
            );
            self.find(Code::SaleInDisguise, kind, message);
        }
        let purposes = rule.purposes.iter();
        for purpose in purposes.filter(|it| reaches(it.get_ref(), FOR_THIRD_PARTIES)) {
            let message = format!(
                "`{}` is the business of others: nobody's data is disclosed for it, only figures",
                purpose.get_ref()
            );
            self.find(Code::SaleInDisguise, purpose, message);
        }
    }

    fn cases(&mut self, rule: &RuleBlock, when: Option<&ConditionBlock>) {
        if when.is_some_and(|it| it.approval) {
            return;
        }
        let kinds = rule.recipient_kinds.iter();
        for kind in kinds.filter(|it| KINDS_WITH_A_CASE.contains(&it.get_ref().as_str())) {
            let message = format!(
                "`{}` gets what an approved case covers: add `approval = true` to its `when`",
                kind.get_ref()
            );
            self.find(Code::ApprovalNotAsked, kind, message);
        }
    }
}

/// Whether a purpose is another one, or lies above or below it.
fn reaches(purpose: &str, other: &str) -> bool {
    let terms = [purpose, other].map(|it| PURPOSES.term(it));
    matches!(terms, [Some(one), Some(other)] if PURPOSES.touch(one, other))
}

/// Whether a rule is about persons; one without a list takes whatever its points take.
fn is_personal(rule: &RuleBlock) -> bool {
    let mut categories = rule.categories.iter();
    rule.categories.is_empty()
        || categories.any(|it| it.get_ref().split('.').next() == Some("user"))
}
