//! A registered party, and whether its registration covers what a question wants to give it.

use policy::{CATEGORIES, PURPOSES};

use crate::decision::Reason;

/// A registration that exists, as disclosure-audit has it at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The kind, by which the policy finds the clause.
    pub kind: String,
    /// The only purposes it may receive data for, all below each included.
    pub purposes: Vec<String>,
    /// The only categories it may receive, all below each included.
    pub categories: Vec<String>,
    /// When the registration ends or ended, in Unix milliseconds.
    pub ends_at: i64,
}

impl Recipient {
    /// Refuses a purpose the registration is not for, at a time in Unix milliseconds.
    pub(crate) fn admits(&self, purpose: &str, now: i64) -> Result<(), Reason> {
        if self.ends_at <= now {
            return Err(Reason::RecipientExpired);
        }
        match PURPOSES.covers(words(&self.purposes), [purpose]) {
            true => Ok(()),
            false => Err(Reason::RecipientPurpose),
        }
    }

    /// Refuses categories the registration does not cover. It is asked last: a category that the
    /// policy thinks unnecessary is refused for that.
    pub(crate) fn covers(&self, categories: &[String]) -> Result<(), Reason> {
        match CATEGORIES.covers(words(&self.categories), words(categories)) {
            true => Ok(()),
            false => Err(Reason::RecipientPurpose),
        }
    }
}

fn words(words: &[String]) -> impl Iterator<Item = &str> {
    words.iter().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newsletter() -> Recipient {
        Recipient {
            kind: "service_provider".to_owned(),
            purposes: vec!["marketing.communications".to_owned()],
            categories: vec!["user.name".to_owned(), "user.contact".to_owned()],
            ends_at: 1_000,
        }
    }

    #[test]
    fn a_registration_admits_its_purposes_until_it_ends() {
        let communications = "marketing.communications";
        let email = "marketing.communications.email";
        let advertising = "marketing.advertising";
        for (purpose, now, expected) in [
            (communications, 999, Ok(())),
            (email, 999, Ok(())),
            (email, 1_000, Err(Reason::RecipientExpired)),
            ("marketing", 999, Err(Reason::RecipientPurpose)),
            ("telepathy", 999, Err(Reason::RecipientPurpose)),
            (advertising, 999, Err(Reason::RecipientPurpose)),
            (advertising, 1_000, Err(Reason::RecipientExpired)),
        ] {
            assert_eq!(newsletter().admits(purpose, now), expected);
        }
    }

    #[test]
    fn a_registration_covers_its_categories_only() {
        for (categories, expected) in [
            (vec!["user.name"], Ok(())),
            (vec!["user.name", "user.contact.email"], Ok(())),
            (vec!["user.contact"], Ok(())),
            (
                vec!["user.name", "user.device"],
                Err(Reason::RecipientPurpose),
            ),
            (vec!["user"], Err(Reason::RecipientPurpose)),
            (vec!["user.fingerprint"], Err(Reason::RecipientPurpose)),
        ] {
            let categories: Vec<String> = categories.into_iter().map(str::to_owned).collect();
            assert_eq!(newsletter().covers(&categories), expected);
        }
    }
}
