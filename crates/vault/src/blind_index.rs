//! Finding a sealed value by what it says, without being able to read it back.

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use zeroize::Zeroizing;

use crate::{Key, fields};

/// A keyed one-way index: equal values of one tenant and category have equal entries, and nobody
/// without the key can tell which value an entry stands for, or test a guess.
#[derive(Debug)]
pub struct BlindIndex(Key);

impl BlindIndex {
    /// The index under `key`, which serves nothing else.
    pub fn new(key: Key) -> Self {
        Self(key)
    }

    /// The entry of a value: HMAC-SHA256 (RFC 2104) over tenant, category and the value, which must
    /// have been normalised the same way when it was stored and when it is looked up.
    pub fn entry(&self, tenant: &str, category: &str, normalised: &str) -> [u8; 32] {
        let message = Zeroizing::new(fields::encode(&[
            tenant.as_bytes(),
            category.as_bytes(),
            normalised.as_bytes(),
        ]));
        let key = hmac::Key::new(HMAC_SHA256, self.0.as_bytes());
        hmac::sign(&key, &message)
            .as_ref()
            .try_into()
            .expect("HMAC-SHA256 gives 32 bytes")
    }
}

/// The form of an e-mail address that is indexed: without surrounding space, in lower case.
///
/// RFC 5321 lets the part before the `@` depend on case; no mailbox in use does.
pub fn normalise_email(address: &str) -> String {
    address.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_tenant_category_and_value_meet() {
        let index = BlindIndex::new(Key::generate());
        let entry = index.entry("acme", "user.contact.email", "ada@example.org");
        for (tenant, category, value, meets) in [
            ("acme", "user.contact.email", "ada@example.org", true),
            ("other", "user.contact.email", "ada@example.org", false),
            ("acme", "user.contact.phone", "ada@example.org", false),
            ("acme", "user.contact.email", "ada@example.com", false),
            ("acmeu", "ser.contact.email", "ada@example.org", false),
            ("acme", "user.contact.emaila", "da@example.org", false),
        ] {
            assert_eq!(
                index.entry(tenant, category, value) == entry,
                meets,
                "{tenant} {category}"
            );
        }
    }

    #[test]
    fn another_key_gives_other_entries() {
        let [one, other] = [(); 2].map(|()| BlindIndex::new(Key::generate()));
        assert_ne!(one.entry("acme", "c", "v"), other.entry("acme", "c", "v"));
    }

    #[test]
    fn the_entry_is_hmac_sha256_of_length_prefixed_fields() {
        // From another implementation: key 07 32 times, message 00000001 t 00000001 c 00000001 v.
        let index = BlindIndex::new(Key::from_slice(&[7; 32]).expect("32 bytes"));
        let entry = index
            .entry("t", "c", "v")
            .map(|byte| format!("{byte:02x}"))
            .concat();
        assert_eq!(
            entry,
            "277218eb994eaf12cfa7a60abee509e11074fe302a51ef05c681cc3bf3280101"
        );
    }

    #[test]
    fn spellings_of_one_address_are_one() {
        for spelling in ["ada@example.org", " Ada@Example.ORG\n", "ADA@EXAMPLE.ORG"] {
            assert_eq!(normalise_email(spelling), "ada@example.org");
        }
        assert_eq!(normalise_email("ÅSA@EXAMPLE.ORG"), "åsa@example.org");
    }
}
