//! The rule of one personal value: what may be stored, and in which form it is looked up.

use std::fmt;

use vault::normalise_email;

/// The longest text, in bytes of UTF-8.
const TEXT_BYTES_MAX: usize = 4096;

const EMAIL: &str = "user.contact.email";
const PHONE: &str = "user.contact.phone_number";

/// One value of a person, well formed for its category. It prints its category only.
#[derive(Clone, PartialEq, Eq)]
pub struct Value {
    category: String,
    text: String,
}

/// The text is not what its category asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl Value {
    /// Takes a text of 1 to 4,096 bytes without control characters other than line breaks and
    /// tabs; an e-mail address must be one, and a phone number has 5 to 15 digits (E.164).
    pub fn parse(category: &str, text: &str) -> Result<Value, Malformed> {
        let printable = |it: char| !it.is_control() || matches!(it, '\n' | '\r' | '\t');
        if text.trim().is_empty() || text.len() > TEXT_BYTES_MAX || !text.chars().all(printable) {
            return Err(Malformed);
        }
        let text = match category {
            EMAIL => email(text)?,
            PHONE => phone(text)?,
            _ => text,
        };
        Ok(Value {
            category: category.to_owned(),
            text: text.to_owned(),
        })
    }

    /// Its data category.
    pub fn category(&self) -> &str {
        &self.category
    }

    /// The text itself: personal data.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The form in which equal values are equal, for a category that can be looked up.
    pub fn look_up_form(&self) -> Option<String> {
        match self.category.as_str() {
            EMAIL => Some(normalise_email(&self.text)),
            PHONE => Some(self.text.chars().filter(|it| !is_separator(*it)).collect()),
            _ => None,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Value")
            .field("category", &self.category)
            .finish_non_exhaustive()
    }
}

/// Whether persons can be found by their values of this category.
pub fn is_indexed(category: &str) -> bool {
    matches!(category, EMAIL | PHONE)
}

/// Only what makes two addresses confusable or undeliverable is refused: RFC 5321's lengths, one
/// `@` that separates two parts, no space. Whether a mailbox answers is for a mail to find out.
fn email(text: &str) -> Result<&str, Malformed> {
    let address = text.trim();
    let (local, domain) = address.rsplit_once('@').ok_or(Malformed)?;
    let plain = |part: &str| !part.contains(|it: char| it.is_whitespace() || it == '@');
    let fits = (1..=64).contains(&local.len()) && (1..=255).contains(&domain.len());
    let well_formed = fits && plain(local) && plain(domain) && !domain.starts_with('.');
    well_formed.then_some(address).ok_or(Malformed)
}

fn phone(text: &str) -> Result<&str, Malformed> {
    let number = text.trim();
    let digits = number.strip_prefix('+').unwrap_or(number);
    let allowed = |it: char| it.is_ascii_digit() || is_separator(it);
    let count = digits.chars().filter(char::is_ascii_digit).count();
    let well_formed = (5..=15).contains(&count) && digits.chars().all(allowed);
    well_formed.then_some(number).ok_or(Malformed)
}

fn is_separator(character: char) -> bool {
    matches!(character, ' ' | '-' | '.' | '/' | '(' | ')' | '\u{a0}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "user.name";

    #[test]
    fn a_text_is_held_to_its_category() {
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        let local = format!("{}@example.org", "x".repeat(65));
        for (category, text, taken) in [
            (NAME, "Ada", true),
            (NAME, "Ada\nLovelace", true),
            (NAME, "", false),
            (NAME, "  ", false),
            (NAME, "Ada\0", false),
            (NAME, "Ada\u{1b}[2J", false),
            (NAME, &long[1..], true),
            (NAME, &long, false),
            (EMAIL, "ada@example.org", true),
            (EMAIL, " ada@localhost ", true),
            (EMAIL, &local[1..], true),
            (EMAIL, &local, false),
            (EMAIL, "ada", false),
            (EMAIL, "@example.org", false),
            (EMAIL, "ada@", false),
            (EMAIL, "ada@.org", false),
            (EMAIL, "ada@b@example.org", false),
            (EMAIL, "ada lovelace@example.org", false),
            (PHONE, "+49 (30) 123-456", true),
            (PHONE, "12345", true),
            (PHONE, "1234", false),
            (PHONE, "+123456789012345", true),
            (PHONE, "+1234567890123456", false),
            (PHONE, "12+345", false),
            (PHONE, "0800 CALL ME", false),
        ] {
            let label: String = text.chars().take(20).collect();
            assert_eq!(
                Value::parse(category, text).is_ok(),
                taken,
                "{category} {label}"
            );
        }
    }

    #[test]
    fn spellings_of_one_value_are_looked_up_as_one() {
        for (category, text, form) in [
            (EMAIL, " Ada@Example.ORG ", Some("ada@example.org")),
            (PHONE, "+49 (30) 123-456", Some("+4930123456")),
            (PHONE, "030/123.456", Some("030123456")),
            (NAME, "Ada", None),
        ] {
            let value = Value::parse(category, text).expect("well formed");
            assert_eq!(value.look_up_form().as_deref(), form, "{category}");
            assert_eq!(is_indexed(category), form.is_some(), "{category}");
        }
    }

    #[test]
    fn a_value_is_stored_as_it_was_written_but_for_outer_spaces_of_an_address() {
        for (category, text, stored) in [
            (EMAIL, " Ada@Example.org ", "Ada@Example.org"),
            (NAME, " Ada ", " Ada "),
        ] {
            assert_eq!(
                Value::parse(category, text).expect("well formed").text(),
                stored
            );
        }
    }

    #[test]
    fn a_value_prints_without_its_text() {
        let value = Value::parse(NAME, "canary").expect("well formed");
        assert_eq!(
            format!("{value:?}"),
            "Value { category: \"user.name\", .. }"
        );
    }
}
