//! Keys, wrapped keys, sealed values and the blind index; pure but for reading the key file.
//!
//! Three levels of random 256-bit keys. A *data key* belongs to one subject or one order and seals
//! its values; a *tenant key* wraps the tenant's data keys; the *key source* wraps the tenant keys.
//! Destroying a wrapped data key is how a subject is erased, so no key is derived from another.
//!
//! Everything sealed is AES-256-GCM with a random nonce, and its associated data says where it
//! belongs: a ciphertext or a wrapped key moved to another place does not open there.

mod aead;
mod blind_index;
mod fields;
mod key;
mod sealed;
mod secret;
mod source;
mod wrapped;

pub use blind_index::{BlindIndex, normalise_email};
pub use key::{Key, KeyEncryptionKey};
pub use sealed::{Context, Owner, Sealed, open, open_with, seal, seal_with};
pub use secret::Secret;
pub use source::{FileKeySource, KeyFileError, KeySource};
pub use wrapped::{WrappedKey, unwrap, wrap};

/// Why something stored did not open. It never says what was inside, or whose it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The bytes are not of a format this version writes.
    #[error("the sealed bytes are not in a known format")]
    Malformed,
    /// Another key, another place, or altered bytes: authenticated encryption cannot tell which.
    #[error("the sealed bytes do not belong to this key and place, or were altered")]
    NotAuthentic,
    /// The wrapped key names another key-encryption key than the one given.
    #[error("the key is wrapped by another key-encryption key")]
    OtherKeyEncryptionKey,
}
