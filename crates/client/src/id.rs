//! The one spelling of an id.

use uuid::Uuid;

/// Reads a UUID as this project writes one: lower case, with hyphens. Any other spelling is refused,
/// because what compares ids as text would take two spellings for two ids.
pub fn parse_id(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    (id.to_string() == text).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_is_read_and_no_other() {
        let id = Uuid::from_u128(0xca7a);
        for (text, read) in [
            (id.hyphenated().to_string(), Some(id)),
            (id.hyphenated().to_string().to_uppercase(), None),
            (id.simple().to_string(), None),
            (id.braced().to_string(), None),
            (id.urn().to_string(), None),
            (String::new(), None),
        ] {
            assert_eq!(parse_id(&text), read, "{text}");
        }
    }
}
