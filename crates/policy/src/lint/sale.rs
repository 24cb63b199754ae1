//! What would be a sale by another name: data of single persons that serves the gain of others.

use toml::Spanned;

use super::Linter;
use crate::finding::Code;
use crate::language::{ActionWord, ClauseBlock, ConditionBlock, ConsentWord, RuleBlock};
use crate::vocabulary::{CATEGORIES, PURPOSES, Registry, expresses_sale};

/// Those who would get data for their own gain.
const COMMERCIAL_KINDS: [&str; 3] = ["advertiser", "affiliate", "partner"];

/// Those who get what an approved case or manifest lists, and nothing else.
const KINDS_WITH_A_CASE: [&str; 2] = ["acquirer", "authority"];

/// Those who act for the company and do with the data what it tells them.
const KINDS_IN_ITS_NAME: [&str; 1] = ["service_provider"];

/// What an approved case can be about.
const PURPOSES_OF_A_CASE: [&str; 7] = [
    "essential.emergency",
    "essential.fraud_detection",
    "essential.legal_claims",
    "essential.legal_obligation",
    "essential.service.security",
    "functional.research",
    FOR_SHARING,
];

/// What neither an order nor a law asks for, so that the person must.
const PURPOSES_AT_WILL: [&str; 3] = ["analytics", "marketing", "personalize"];

/// The purpose that is another company's gain.
const FOR_THIRD_PARTIES: &str = "marketing.advertising.third_party";

/// The purpose that says no more than that somebody else gets it.
const FOR_SHARING: &str = "third_party_sharing";

/// What names or finds a single person, and so is no figure about a group.
const IDENTIFYING: [&str; 12] = [
    "user.account",
    "user.authorization",
    "user.biometric",
    "user.contact.address.street",
    "user.contact.email",
    "user.contact.phone_number",
    "user.device.cookie_id",
    "user.device.ip_address",
    "user.financial",
    "user.government_id",
    "user.name",
    "user.payment",
];

/// Words by which a key promises the opposite.
const NEGATIONS: [&str; 6] = ["never", "no", "none", "not", "nothing", "without"];

impl Linter<'_> {
    /// Whoever pays for the data of single persons with money, reach or custom gets none.
    pub(super) fn sale_in_disguise(&mut self, rule: &RuleBlock) {
        let when = rule.when.as_ref().map(Spanned::get_ref);
        let is_disclosed = rule.action == ActionWord::Disclose;
        if when.is_some_and(|it| it.aggregate_only) {
            if is_disclosed {
                self.figures(rule);
            }
            return;
        }
        if !is_disclosed {
            return self.served_to_others(rule, when);
        }
        self.commercial(rule);
        self.cases(rule, when);
        if is_personal(rule) {
            self.agreed(rule, when);
            self.shared(rule, when);
        }
    }

    /// A key that says what the clause permits: to hand data over for gain.
    pub(super) fn sale_by_key(&mut self, clause: &ClauseBlock) {
        let key = clause.key.get_ref();
        let is_negated = key.split(['.', '-', '_']).any(|it| NEGATIONS.contains(&it));
        let mut permits = clause.permits.iter().map(Spanned::get_ref);
        let discloses = permits.any(|it| it.action == ActionWord::Disclose);
        let begins = key.split('.').next().is_some_and(expresses_sale);
        let is_permitted = !clause.permits.is_empty();
        // What is sold, lent or exchanged further on in a key may be a thing of the shop.
        if !is_negated && ((begins && is_permitted) || (discloses && expresses_sale(key))) {
            let message = format!("`{key}` names a sale, trade or rental, and its rules permit it");
            self.find(Code::SaleForbidden, &clause.key, message);
        }
    }

    /// Counts of names are names.
    fn figures(&mut self, rule: &RuleBlock) {
        for category in &rule.categories {
            let named = category.get_ref();
            if IDENTIFYING.iter().any(|it| touch(&CATEGORIES, named, it)) {
                let message = format!(
                    "`{named}` names or finds single persons, and is no figure: name what can be \
                     counted, such as `user.demographic`"
                );
                self.find(Code::SaleInDisguise, category, message);
            }
        }
    }

    /// What is disclosed for no need but the company's wish, the person agreed to.
    fn agreed(&mut self, rule: &RuleBlock, when: Option<&ConditionBlock>) {
        let kinds = rule.recipient_kinds.iter().map(|it| it.get_ref().as_str());
        // Of the others is told apart what they may get at all.
        let kinds = kinds.filter(|it| !COMMERCIAL_KINDS.contains(it));
        let kinds: Vec<_> = kinds.filter(|it| !KINDS_WITH_A_CASE.contains(it)).collect();
        let is_in_its_name = kinds.iter().all(|it| KINDS_IN_ITS_NAME.contains(it));
        let (is_agreed, asked) = match when.and_then(|it| it.consent) {
            Some(ConsentWord::PurposeAndRecipient) => (true, ""),
            consent if is_in_its_name => (consent.is_some(), "for this purpose"),
            _ => (false, "for this purpose and recipient"),
        };
        if kinds.is_empty() || is_agreed {
            return;
        }
        for purpose in &rule.purposes {
            let named = purpose.get_ref();
            let is_at_will = PURPOSES_AT_WILL.iter().any(|it| is_within(named, it));
            // What serves third parties is refused whatever the person says.
            if is_at_will && !touch(&PURPOSES, named, FOR_THIRD_PARTIES) {
                let message = format!(
                    "nobody needs the data of single persons for `{named}`: add `consent = \
                     \"{asked}\"` to its `when`, or permit figures"
                );
                self.find(Code::SaleInDisguise, purpose, message);
            }
        }
    }

    /// Sharing is whatever the recipient makes of it. A case is about an acquirer or an authority.
    fn shared(&mut self, rule: &RuleBlock, when: Option<&ConditionBlock>) {
        let mut kinds = rule.recipient_kinds.iter();
        let have_case = kinds.all(|it| KINDS_WITH_A_CASE.contains(&it.get_ref().as_str()));
        let has_word = when.is_some_and(|it| {
            (it.approval && have_case) || it.consent == Some(ConsentWord::PurposeAndRecipient)
        });
        if has_word {
            return;
        }
        let sharing = rule.purposes.iter();
        for purpose in sharing.filter(|it| touch(&PURPOSES, it.get_ref(), FOR_SHARING)) {
            let message = format!(
                "`{}` is whatever the recipient makes of it: ask for the person's consent \"for this \
                 purpose and recipient\"; `approval` is enough for {} only",
                purpose.get_ref(),
                KINDS_WITH_A_CASE.map(|it| format!("`{it}`")).join(" and ")
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
        for purpose in lent.filter(|it| touch(&PURPOSES, it.get_ref(), FOR_THIRD_PARTIES)) {
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
                "whatever the person says, `{}` gets nobody's data: permit figures with \
                 `aggregate_only = true`, or name `service_provider` if it acts for you alone",
                kind.get_ref()
            );
            self.find(Code::SaleInDisguise, kind, message);
        }
        let purposes = rule.purposes.iter();
        for purpose in purposes.filter(|it| touch(&PURPOSES, it.get_ref(), FOR_THIRD_PARTIES)) {
            let message = format!(
                "`{}` is the business of others: nobody's data is disclosed for it, only figures",
                purpose.get_ref()
            );
            self.find(Code::SaleInDisguise, purpose, message);
        }
    }

    fn cases(&mut self, rule: &RuleBlock, when: Option<&ConditionBlock>) {
        let is_approved = when.is_some_and(|it| it.approval);
        let kinds = rule.recipient_kinds.iter();
        for kind in kinds.filter(|it| KINDS_WITH_A_CASE.contains(&it.get_ref().as_str())) {
            if !is_approved {
                let message = format!(
                    "`{}` gets what an approved case covers: add `approval = true` to its `when`",
                    kind.get_ref()
                );
                self.find(Code::ApprovalNotAsked, kind, message);
            }
            for purpose in &rule.purposes {
                let named = purpose.get_ref();
                let of_a_case = PURPOSES_OF_A_CASE.iter().any(|it| is_within(named, it));
                if PURPOSES.term(named).is_some() && !of_a_case && is_personal(rule) {
                    let message = format!(
                        "no case is about `{named}`: `{}` gets data for {} only",
                        kind.get_ref(),
                        PURPOSES_OF_A_CASE.map(|it| format!("`{it}`")).join(", ")
                    );
                    self.find(Code::SaleInDisguise, purpose, message);
                }
            }
        }
    }
}

/// Whether a key is another one, or lies above or below it.
fn touch(registry: &Registry, key: &str, other: &str) -> bool {
    let terms = [key, other].map(|it| registry.term(it));
    matches!(terms, [Some(one), Some(other)] if registry.touch(one, other))
}

/// Whether a purpose is another one or lies below it.
fn is_within(purpose: &str, other: &str) -> bool {
    PURPOSES.covers([other], [purpose])
}

/// Whether a rule is about persons; one without a list takes whatever its points take.
fn is_personal(rule: &RuleBlock) -> bool {
    let mut categories = rule.categories.iter();
    rule.categories.is_empty()
        || categories.any(|it| it.get_ref().split('.').next() == Some("user"))
}
