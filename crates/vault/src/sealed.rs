//! Sealing a value to the place where it is kept, so that it opens nowhere else.

use std::fmt;

use uuid::Uuid;

use crate::{Key, Secret, VaultError, aead, fields};

/// The first byte of everything sealed.
const FORMAT: u8 = 1;

/// Whom a value or a key belongs to, within a tenant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// One person.
    Subject(Uuid),
    /// One order: what was given with it is nobody else's, not even another order's.
    Order(Uuid),
    /// The tenant itself: what has no subject, or must outlive one.
    Tenant,
}

impl Owner {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Subject(id) => fields::encode(&[b"subject", id.as_bytes()]),
            Self::Order(id) => fields::encode(&[b"order", id.as_bytes()]),
            Self::Tenant => fields::encode(&[b"tenant"]),
        }
    }
}

/// Prints the kind of owner only: a subject's id does not belong in a log.
impl fmt::Debug for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Subject(_) => "Subject(..)",
            Self::Order(_) => "Order(..)",
            Self::Tenant => "Tenant",
        })
    }
}

/// The place a value is sealed to. Opening it needs the same place, field by field.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The tenant that holds the value.
    pub tenant: &'a str,
    /// Whom the value belongs to.
    pub owner: Owner,
    /// The data category, such as `user.contact.email`.
    pub category: &'a str,
    /// The version of the value: an earlier ciphertext put back over a later one does not open.
    pub version: u32,
    /// Whatever else must not change under the value. For an order: merchant, purpose, expiry.
    pub bound: &'a [&'a [u8]],
}

impl Context<'_> {
    fn encode(&self) -> Vec<u8> {
        fields::encode(&[
            b"vault value",
            self.tenant.as_bytes(),
            &self.owner.encode(),
            self.category.as_bytes(),
            &self.version.to_be_bytes(),
            &fields::encode(self.bound),
        ])
    }
}

/// A sealed value as it is stored: format byte, 12 bytes of nonce, ciphertext, 16 bytes of tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// The stored bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The stored bytes, given away.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Seals a value to its place. Sealing the same value twice gives different bytes.
pub fn seal(key: &Key, context: &Context<'_>, plaintext: &[u8]) -> Sealed {
    seal_with(key, &context.encode(), plaintext)
}

/// Opens what [`seal`] made, given the same key and the same place.
pub fn open(key: &Key, context: &Context<'_>, sealed: &[u8]) -> Result<Secret, VaultError> {
    open_with(key, &context.encode(), sealed)
}

/// Seals to associated data of the caller's own, which must say unambiguously where the value
/// belongs. The log uses its entry. A key used here is not used with [`seal`].
pub fn seal_with(key: &Key, associated: &[u8], plaintext: &[u8]) -> Sealed {
    let mut bytes = vec![FORMAT];
    bytes.extend(aead::encrypt(key, associated, plaintext));
    Sealed(bytes)
}

/// Opens what [`seal_with`] made, given the same key and the same associated data.
pub fn open_with(key: &Key, associated: &[u8], sealed: &[u8]) -> Result<Secret, VaultError> {
    match sealed.split_first() {
        Some((&FORMAT, bytes)) => aead::decrypt(key, associated, bytes).map(Secret::from),
        _ => Err(VaultError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAINTEXT: &[u8] = b"ada@example.org";

    fn context() -> Context<'static> {
        Context {
            tenant: "acme",
            owner: Owner::Order(Uuid::from_u128(1)),
            category: "user.contact.email",
            version: 1,
            bound: &[b"merchant", b"payment", b"1800000000"],
        }
    }

    #[test]
    fn a_value_opens_in_its_place() {
        let key = Key::generate();
        for plaintext in [PLAINTEXT, b""] {
            let sealed = seal(&key, &context(), plaintext);
            let opened = open(&key, &context(), sealed.as_bytes()).expect("same key and place");
            assert_eq!(opened.expose(), plaintext);
        }
    }

    #[test]
    fn a_value_moved_anywhere_else_does_not_open() {
        let key = Key::generate();
        let sealed = seal(&key, &context(), PLAINTEXT);
        let here = context();
        for (moved_to, there) in [
            (
                "another tenant",
                Context {
                    tenant: "acm",
                    ..here
                },
            ),
            (
                "another order",
                Context {
                    owner: Owner::Order(Uuid::from_u128(2)),
                    ..here
                },
            ),
            (
                "a subject of that id",
                Context {
                    owner: Owner::Subject(Uuid::from_u128(1)),
                    ..here
                },
            ),
            (
                "the tenant itself",
                Context {
                    owner: Owner::Tenant,
                    ..here
                },
            ),
            (
                "another category",
                Context {
                    category: "user.contact",
                    ..here
                },
            ),
            ("an earlier version", Context { version: 0, ..here }),
            ("a later version", Context { version: 2, ..here }),
            (
                "another merchant",
                Context {
                    bound: &[b"other", b"payment", b"1800000000"],
                    ..here
                },
            ),
            (
                "fields cut elsewhere",
                Context {
                    bound: &[b"merchantp", b"ayment", b"1800000000"],
                    ..here
                },
            ),
            ("nothing bound", Context { bound: &[], ..here }),
        ] {
            let opened = open(&key, &there, sealed.as_bytes());
            assert_eq!(opened.err(), Some(VaultError::NotAuthentic), "{moved_to}");
        }
    }

    #[test]
    fn another_key_does_not_open() {
        let sealed = seal(&Key::generate(), &context(), PLAINTEXT);
        let opened = open(&Key::generate(), &context(), sealed.as_bytes());
        assert_eq!(opened.err(), Some(VaultError::NotAuthentic));
    }

    #[test]
    fn no_byte_can_be_changed_or_cut_off() {
        let key = Key::generate();
        let sealed = seal(&key, &context(), PLAINTEXT).into_bytes();
        for index in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[index] ^= 1;
            assert!(
                open(&key, &context(), &altered).is_err(),
                "byte {index} altered"
            );
            assert!(
                open(&key, &context(), &sealed[..index]).is_err(),
                "cut to {index} bytes"
            );
        }
    }

    #[test]
    fn the_same_value_sealed_twice_differs() {
        let key = Key::generate();
        assert_ne!(
            seal(&key, &context(), PLAINTEXT),
            seal(&key, &context(), PLAINTEXT)
        );
    }

    #[test]
    fn associated_data_of_the_caller_is_bound() {
        let key = Key::generate();
        let sealed = seal_with(&key, b"entry", PLAINTEXT);
        let opened = open_with(&key, b"entry", sealed.as_bytes()).expect("same entry");
        assert_eq!(opened.expose(), PLAINTEXT);
        let elsewhere = open_with(&key, b"entrx", sealed.as_bytes());
        assert_eq!(elsewhere.err(), Some(VaultError::NotAuthentic));
    }

    #[test]
    fn an_owner_prints_without_its_id() {
        for owner in [
            Owner::Subject(Uuid::from_u128(77)),
            Owner::Order(Uuid::from_u128(77)),
        ] {
            assert!(!format!("{owner:?}").contains("77"), "{owner:?}");
        }
    }
}
