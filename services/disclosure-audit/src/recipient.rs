//! A party that may receive personal data: what a registration must say, and what it admits.

use policy::{CATEGORIES, PURPOSES, RECIPIENT_KINDS, Registry, expresses_sale};

use crate::event::Disclosure;
use crate::vocabulary::{are_categories, are_purposes, is_recipient_id};

const NAME_CHARACTERS_MAX: usize = 200;

/// A party as registered. Times are unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipient {
    /// The registrar's own name for the party, unique in the tenant.
    pub(crate) id: String,
    /// The party's legal name.
    pub(crate) name: String,
    /// One of the policy vocabulary's recipient kinds.
    pub(crate) kind: String,
    /// The reference of the agreement that binds the party.
    pub(crate) contract: String,
    /// What the party may receive data for, all below each purpose included.
    pub(crate) purposes: Vec<String>,
    /// What the party may receive, all below each category included.
    pub(crate) categories: Vec<String>,
    /// ISO 3166-1 alpha-2: where the party keeps what it receives.
    pub(crate) country: String,
    /// When the registration lapses by itself.
    pub(crate) expires_at: i64,
    /// When the registration was ended.
    pub(crate) ended_at: Option<i64>,
}

/// Why a registration is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RegistrationError {
    /// The field names selling, trading or renting.
    Sale { field: &'static str },
    /// The field is missing, malformed or outside the vocabulary.
    Invalid { field: &'static str },
}

/// Why a release to this party is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAdmitted {
    /// The registration lapsed or was ended.
    Expired,
    /// The decision was made for another kind of party.
    Kind,
    /// The purpose or a category is outside the registration.
    Purpose,
}

impl Recipient {
    /// Whether this may be entered in the register at `now`.
    pub(crate) fn check(&self, now: i64) -> Result<(), RegistrationError> {
        // Said first and by its own name: no vocabulary has a word for a sale, but whoever tries
        // one should hear that it is forbidden, not that it is misspelled.
        let sale = |key: &String| expresses_sale(key);
        if sale(&self.kind) {
            return Err(RegistrationError::Sale {
                field: "recipient.kind",
            });
        }
        if self.purposes.iter().any(sale) {
            return Err(RegistrationError::Sale {
                field: "recipient.purposes",
            });
        }
        let is_country =
            self.country.len() == 2 && self.country.bytes().all(|it| it.is_ascii_uppercase());
        let rules = [
            ("recipient.recipient_id", is_recipient_id(&self.id)),
            ("recipient.name", is_text(&self.name)),
            ("recipient.kind", RECIPIENT_KINDS.term(&self.kind).is_some()),
            ("recipient.contract", is_text(&self.contract)),
            ("recipient.purposes", are_purposes(&self.purposes)),
            ("recipient.categories", are_categories(&self.categories)),
            ("recipient.country", is_country),
            ("recipient.expires_at", self.expires_at > now),
            ("recipient.ended_at", self.ended_at.is_none()),
        ];
        match rules.into_iter().find(|(_, holds)| !holds) {
            Some((field, _)) => Err(RegistrationError::Invalid { field }),
            None => Ok(()),
        }
    }

    /// Whether the disclosure may go to this party at `now`.
    pub(crate) fn admits(&self, disclosure: &Disclosure, now: i64) -> Result<(), NotAdmitted> {
        if self.ended_at.is_some() || self.expires_at <= now {
            return Err(NotAdmitted::Expired);
        }
        if self.kind != disclosure.recipient.kind {
            return Err(NotAdmitted::Kind);
        }
        let release = &disclosure.release;
        let purpose = std::slice::from_ref(&release.purpose);
        let covered = covers(&PURPOSES, &self.purposes, purpose)
            && covers(&CATEGORIES, &self.categories, &release.categories);
        if covered {
            Ok(())
        } else {
            Err(NotAdmitted::Purpose)
        }
    }

    /// The registration ended at `now`; one that was ended before keeps its first time.
    pub(crate) fn end(self, now: i64) -> Self {
        Self {
            ended_at: self.ended_at.or(Some(now)),
            ..self
        }
    }
}

/// Whether every asked term is a registered one or below one. Nothing covers an unknown word.
fn covers(registry: &Registry, registered: &[String], asked: &[String]) -> bool {
    let registered = registry.below(registered.iter().map(String::as_str));
    let asked = registry.exactly(asked.iter().map(String::as_str));
    matches!((registered, asked), (Some(registered), Some(asked)) if registered.contains_all(asked))
}

fn is_text(text: &str) -> bool {
    (1..=NAME_CHARACTERS_MAX).contains(&text.chars().count()) && !text.contains(char::is_control)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::event::tests::disclosure;

    const NOW: i64 = 1_700_000_000_000;

    pub(crate) fn mail_house() -> Recipient {
        Recipient {
            id: "mail-house".into(),
            name: "Mail House Inc.".into(),
            kind: "service_provider".into(),
            contract: "DPA 2026-4".into(),
            purposes: vec!["marketing.communications".into()],
            categories: vec!["user.contact.email".into(), "user.name".into()],
            country: "US".into(),
            expires_at: NOW + 1,
            ended_at: None,
        }
    }

    type Change = fn(&mut Recipient);

    #[test]
    fn a_complete_registration_is_accepted() {
        assert_eq!(mail_house().check(NOW), Ok(()));
    }

    #[test]
    fn a_registration_outside_the_rules_is_refused_by_field() {
        let cases: [(&str, Change); 12] = [
            ("recipient.recipient_id", |it| it.id.clear()),
            ("recipient.name", |it| it.name.clear()),
            ("recipient.name", |it| it.name = "n".repeat(201)),
            ("recipient.kind", |it| it.kind = "friend".into()),
            ("recipient.contract", |it| it.contract.clear()),
            ("recipient.purposes", |it| it.purposes.clear()),
            ("recipient.purposes", |it| it.purposes.push("fun".into())),
            ("recipient.categories", |it| {
                it.categories.push("user.shoe_size".into())
            }),
            ("recipient.country", |it| it.country = "us".into()),
            ("recipient.country", |it| it.country = "USA".into()),
            ("recipient.expires_at", |it| it.expires_at = NOW),
            ("recipient.ended_at", |it| it.ended_at = Some(NOW)),
        ];
        for (field, change) in cases {
            let mut recipient = mail_house();
            change(&mut recipient);
            assert_eq!(
                recipient.check(NOW),
                Err(RegistrationError::Invalid { field })
            );
        }
    }

    #[test]
    fn a_kind_or_purpose_that_means_a_sale_is_refused_as_a_sale() {
        let cases: [(&str, Change); 3] = [
            ("recipient.kind", |it| it.kind = "data_broker".into()),
            ("recipient.purposes", |it| {
                it.purposes.push("third_party_sharing.sale".into())
            }),
            ("recipient.purposes", |it| it.purposes = vec!["rent".into()]),
        ];
        for (field, change) in cases {
            let mut recipient = mail_house();
            change(&mut recipient);
            assert_eq!(recipient.check(NOW), Err(RegistrationError::Sale { field }));
        }
    }

    #[test]
    fn a_release_is_admitted_only_within_the_registration() {
        type Meeting = fn(&mut Recipient, &mut Disclosure);
        let cases: [(&str, Result<(), NotAdmitted>, Meeting); 8] = [
            ("as registered", Ok(()), |_, _| {}),
            ("expires now", Err(NotAdmitted::Expired), |it, _| {
                it.expires_at = NOW
            }),
            ("ended", Err(NotAdmitted::Expired), |it, _| {
                it.ended_at = Some(NOW)
            }),
            ("other kind", Err(NotAdmitted::Kind), |_, it| {
                it.recipient.kind = "carrier".into();
            }),
            ("other purpose", Err(NotAdmitted::Purpose), |_, it| {
                it.release.purpose = "analytics".into();
            }),
            ("wider purpose", Err(NotAdmitted::Purpose), |_, it| {
                it.release.purpose = "marketing".into();
            }),
            ("other category", Err(NotAdmitted::Purpose), |_, it| {
                it.release
                    .categories
                    .push("user.contact.phone_number".into());
            }),
            ("wider category", Err(NotAdmitted::Purpose), |_, it| {
                it.release.categories = vec!["user.contact".into()];
            }),
        ];
        for (name, expected, change) in cases {
            let (mut recipient, mut disclosure) = (mail_house(), disclosure());
            change(&mut recipient, &mut disclosure);
            assert_eq!(recipient.admits(&disclosure, NOW), expected, "{name}");
        }
    }

    #[test]
    fn ending_twice_keeps_the_first_time() {
        let ended = mail_house().end(NOW);
        assert_eq!(ended.ended_at, Some(NOW));
        assert_eq!(ended.end(NOW + 5).ended_at, Some(NOW));
    }
}
