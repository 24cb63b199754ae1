//! Wrapping one key with another for storage: data keys by a tenant key, those by the key source.

use std::fmt;

use crate::{Key, KeyEncryptionKey, Owner, VaultError, aead, fields};

/// The first byte of every wrapped key.
const FORMAT: u8 = 1;

/// A wrapped key as it is stored: format byte, length and id of the key-encryption key, nonce,
/// ciphertext, tag. It says itself which key unwraps it, so keys can rotate.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey(Vec<u8>);

impl WrappedKey {
    /// Takes stored bytes back. Only their frame is checked here; [`unwrap`] checks the rest.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, VaultError> {
        parse(&bytes)?;
        Ok(Self(bytes))
    }

    /// The id of the key-encryption key that unwraps it.
    pub fn key_encryption_key_id(&self) -> &str {
        parse(&self.0)
            .expect("the frame was checked or written by us")
            .0
    }

    /// The stored bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The stored bytes, given away.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Prints no key bytes, wrapped or not: a copy in a log would outlive the key's destruction.
impl fmt::Debug for WrappedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "WrappedKey(by {:?})",
            self.key_encryption_key_id()
        )
    }
}

/// Wraps `key` for its owner: put in another owner's or tenant's row it does not unwrap.
pub fn wrap(by: &KeyEncryptionKey, key: &Key, tenant: &str, owner: &Owner) -> WrappedKey {
    let mut bytes = vec![FORMAT];
    bytes.extend(fields::encode(&[by.id().as_bytes()]));
    bytes.extend(aead::encrypt(
        by.key(),
        &associated(by, tenant, owner),
        key.as_bytes(),
    ));
    WrappedKey(bytes)
}

/// Unwraps what [`wrap`] made, given the same key-encryption key, tenant and owner.
pub fn unwrap(
    by: &KeyEncryptionKey,
    wrapped: &WrappedKey,
    tenant: &str,
    owner: &Owner,
) -> Result<Key, VaultError> {
    let (id, ciphertext) = parse(&wrapped.0)?;
    if id != by.id() {
        return Err(VaultError::OtherKeyEncryptionKey);
    }
    let bytes = aead::decrypt(by.key(), &associated(by, tenant, owner), ciphertext)?;
    Key::from_slice(&bytes).ok_or(VaultError::Malformed)
}

/// The id of the key-encryption key, and `nonce || ciphertext || tag`.
fn parse(bytes: &[u8]) -> Result<(&str, &[u8]), VaultError> {
    let Some((&FORMAT, framed)) = bytes.split_first() else {
        return Err(VaultError::Malformed);
    };
    let (id, ciphertext) = fields::split_first(framed).ok_or(VaultError::Malformed)?;
    let id = str::from_utf8(id).map_err(|_| VaultError::Malformed)?;
    Ok((id, ciphertext))
}

fn associated(by: &KeyEncryptionKey, tenant: &str, owner: &Owner) -> Vec<u8> {
    let owner = owner.encode();
    fields::encode(&[b"vault key", by.id().as_bytes(), tenant.as_bytes(), &owner])
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const SUBJECT: Owner = Owner::Subject(Uuid::from_u128(1));

    fn tenant_key() -> KeyEncryptionKey {
        KeyEncryptionKey::new("tenant-1", Key::generate())
    }

    #[test]
    fn a_key_comes_back_through_both_levels() {
        let source = KeyEncryptionKey::new("2026-11", Key::generate());
        let tenant = tenant_key();
        let data = Key::generate();
        let stored_tenant = wrap(&source, tenant.key(), "acme", &Owner::Tenant).into_bytes();
        let stored_data = wrap(&tenant, &data, "acme", &SUBJECT).into_bytes();

        let stored_tenant = WrappedKey::from_bytes(stored_tenant).expect("written by wrap");
        assert_eq!(stored_tenant.key_encryption_key_id(), "2026-11");
        let tenant = unwrap(&source, &stored_tenant, "acme", &Owner::Tenant)
            .map(|key| KeyEncryptionKey::new("tenant-1", key))
            .expect("same source, tenant and owner");
        let stored_data = WrappedKey::from_bytes(stored_data).expect("written by wrap");
        let opened = unwrap(&tenant, &stored_data, "acme", &SUBJECT).expect("same tenant key");
        assert_eq!(opened.as_bytes(), data.as_bytes());
    }

    #[test]
    fn a_wrapped_key_moved_elsewhere_does_not_unwrap() {
        let by = tenant_key();
        let wrapped = wrap(&by, &Key::generate(), "acme", &SUBJECT);
        for (moved_to, tenant, owner) in [
            ("another tenant", "acm", SUBJECT),
            (
                "another subject",
                "acme",
                Owner::Subject(Uuid::from_u128(2)),
            ),
            (
                "an order of that id",
                "acme",
                Owner::Order(Uuid::from_u128(1)),
            ),
            ("the tenant itself", "acme", Owner::Tenant),
        ] {
            let unwrapped = unwrap(&by, &wrapped, tenant, &owner);
            assert_eq!(
                unwrapped.err(),
                Some(VaultError::NotAuthentic),
                "{moved_to}"
            );
        }
    }

    #[test]
    fn another_wrapping_key_is_refused_by_id_and_by_content() {
        let wrapped = wrap(&tenant_key(), &Key::generate(), "acme", &SUBJECT);
        let other_id = KeyEncryptionKey::new("tenant-2", Key::generate());
        let other_key = tenant_key();
        for (by, error) in [
            (&other_id, VaultError::OtherKeyEncryptionKey),
            (&other_key, VaultError::NotAuthentic),
        ] {
            assert_eq!(unwrap(by, &wrapped, "acme", &SUBJECT).err(), Some(error));
        }
    }

    #[test]
    fn no_byte_can_be_changed_or_cut_off() {
        let by = tenant_key();
        let wrapped = wrap(&by, &Key::generate(), "acme", &SUBJECT).into_bytes();
        let opens = |bytes: Vec<u8>| {
            WrappedKey::from_bytes(bytes)
                .and_then(|wrapped| unwrap(&by, &wrapped, "acme", &SUBJECT))
                .is_ok()
        };
        assert!(opens(wrapped.clone()));
        for index in 0..wrapped.len() {
            let mut altered = wrapped.clone();
            altered[index] ^= 1;
            assert!(!opens(altered), "byte {index} altered");
            assert!(!opens(wrapped[..index].to_vec()), "cut to {index} bytes");
        }
    }

    #[test]
    fn a_wrapped_key_prints_only_what_wraps_it() {
        let wrapped = wrap(&tenant_key(), &Key::generate(), "acme", &SUBJECT);
        assert_eq!(format!("{wrapped:?}"), "WrappedKey(by \"tenant-1\")");
    }
}
