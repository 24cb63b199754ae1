//! The two kinds of key: one that seals values, and a named one that wraps other keys.

use std::fmt;

use aws_lc_rs::rand;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A random 256-bit key, wiped from memory when dropped. It does not print.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; Key::BYTES]);

impl Key {
    pub(crate) const BYTES: usize = 32;

    /// A fresh random key.
    pub fn generate() -> Self {
        let mut key = Self([0; Self::BYTES]);
        rand::fill(&mut key.0).expect("the operating system gives random bytes");
        key
    }

    /// `None` unless there are exactly 32 bytes.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(..)")
    }
}

/// A key that wraps other keys, and the id a wrapped key remembers it by.
///
/// Keys of the key source are such keys, and so is an unwrapped tenant key.
#[derive(Debug)]
pub struct KeyEncryptionKey {
    id: String,
    key: Key,
}

impl KeyEncryptionKey {
    /// Names `key`. The id is stored in the clear with everything the key wraps.
    pub fn new(id: impl Into<String>, key: Key) -> Self {
        Self { id: id.into(), key }
    }

    /// The id that wrapped keys carry.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_print() {
        let key = KeyEncryptionKey::new("2026-11", Key([0xab; Key::BYTES]));
        assert_eq!(
            format!("{key:?}"),
            "KeyEncryptionKey { id: \"2026-11\", key: Key(..) }"
        );
    }

    #[test]
    fn generated_keys_differ() {
        assert_ne!(Key::generate().as_bytes(), Key::generate().as_bytes());
    }

    #[test]
    fn only_32_bytes_are_a_key() {
        for (length, is_key) in [(0, false), (31, false), (32, true), (33, false)] {
            assert_eq!(
                Key::from_slice(&vec![7; length]).is_some(),
                is_key,
                "{length} bytes"
            );
        }
    }
}
