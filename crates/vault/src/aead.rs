//! The one use of the cipher: AES-256-GCM (NIST SP 800-38D), a random 96-bit nonce put in front.
//!
//! Random nonces are safe for 2^32 messages under one key. The busiest key, a tenant key, wraps one
//! message for each subject or order.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

use crate::{Key, VaultError};

/// `nonce || ciphertext || tag`, authenticated together with `associated`.
pub(crate) fn encrypt(key: &Key, associated: &[u8], plaintext: &[u8]) -> Vec<u8> {
    // Room for the tag, so that the buffer does not grow and leave a copy of the plaintext behind.
    let mut bytes = Vec::with_capacity(plaintext.len() + AES_256_GCM.tag_len());
    bytes.extend_from_slice(plaintext);
    let nonce = cipher(key)
        .seal_in_place_append_tag(Aad::from(associated), &mut bytes)
        .expect("AES-256-GCM seals any message under 64 GiB");
    [nonce.as_ref().as_slice(), &bytes].concat()
}

/// What `encrypt` was given, if key and associated data are the same and no byte has changed.
pub(crate) fn decrypt(
    key: &Key,
    associated: &[u8],
    bytes: &[u8],
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let (nonce, ciphertext) = bytes
        .split_first_chunk::<NONCE_LEN>()
        .ok_or(VaultError::Malformed)?;
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    let length = cipher(key)
        .open_in_place(Nonce::from(nonce), Aad::from(associated), &mut buffer)
        .map_err(|_| VaultError::NotAuthentic)?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}

fn cipher(key: &Key) -> RandomizedNonceKey {
    RandomizedNonceKey::new(&AES_256_GCM, key.as_bytes()).expect("a key has the cipher's 32 bytes")
}
