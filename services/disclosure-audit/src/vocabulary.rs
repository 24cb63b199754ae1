//! The spellings this service accepts, so that no field of a record has room for a value.

use policy::{CATEGORIES, PURPOSES, Registry};

/// 1 to `length_max` characters, each a lowercase letter, a digit or one of `others`.
pub(crate) fn is_key(text: &str, length_max: usize, others: &[u8]) -> bool {
    let allowed = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || others.contains(&it);
    (1..=length_max).contains(&text.len()) && text.bytes().all(allowed)
}

/// A registered party's id, the registrar's own: 1 to 64 of `[a-z0-9.-]`.
pub(crate) fn is_recipient_id(text: &str) -> bool {
    is_key(text, 64, b".-")
}

/// A purpose of the policy vocabulary.
pub(crate) fn is_purpose(text: &str) -> bool {
    PURPOSES.term(text).is_some()
}

/// At least one category of the policy vocabulary, none twice, and nothing else.
pub(crate) fn are_categories(texts: &[String]) -> bool {
    are_distinct_terms(&CATEGORIES, texts)
}

/// At least one purpose of the policy vocabulary, none twice, and nothing else.
pub(crate) fn are_purposes(texts: &[String]) -> bool {
    are_distinct_terms(&PURPOSES, texts)
}

fn are_distinct_terms(registry: &Registry, texts: &[String]) -> bool {
    let known = texts.iter().all(|text| registry.term(text).is_some());
    let repeated = |(index, text)| texts[..index].contains(text);
    !texts.is_empty() && known && !texts.iter().enumerate().any(repeated)
}

/// The only spelling of a SPIFFE id a record holds: printable ASCII, at most 255 characters.
pub(crate) fn is_spiffe_id(text: &str) -> bool {
    let path = text.strip_prefix("spiffe://").unwrap_or_default();
    text.len() <= 255 && is_key(&path.to_ascii_lowercase(), 255, b"./_-")
}

/// A policy version's name: 1 to 128 of letters, digits and `.:_-`.
pub(crate) fn is_policy_version(text: &str) -> bool {
    is_key(&text.to_ascii_lowercase(), 128, b".:_-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_id_is_1_to_64_of_its_alphabet() {
        let longest = "a".repeat(64);
        let too_long = "a".repeat(65);
        for (text, expected) in [
            ("", false),
            ("a", true),
            ("mail-house.example", true),
            (&longest, true),
            (&too_long, false),
            ("Mail", false),
            ("ada@example.org", false),
            ("a b", false),
            ("a_b", false),
        ] {
            assert_eq!(is_recipient_id(text), expected, "{text}");
        }
    }

    #[test]
    fn a_spiffe_id_has_its_scheme_and_no_room_for_an_address() {
        for (text, expected) in [
            ("spiffe://vow.local/workload/shop", true),
            ("spiffe://vow.local/person/Ada_L", true),
            ("spiffe://", false),
            ("https://vow.local/workload/shop", false),
            ("spiffe://vow.local/ada@example.org", false),
            ("", false),
        ] {
            assert_eq!(is_spiffe_id(text), expected, "{text}");
        }
    }

    #[test]
    fn categories_are_known_and_named_once() {
        for (texts, expected) in [
            (vec!["user.name", "user.contact.email"], true),
            (vec![], false),
            (vec!["user.name", "user.name"], false),
            (vec!["user.shoe_size"], false),
            (vec!["user.name", "ada@example.org"], false),
        ] {
            let texts: Vec<_> = texts.into_iter().map(str::to_owned).collect();
            assert_eq!(are_categories(&texts), expected, "{texts:?}");
        }
    }
}
