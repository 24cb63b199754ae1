//! A tenant's own keys, opened: what wraps the keys of its owners, and its blind index.

use std::sync::Arc;

use uuid::Uuid;
use vault::{
    BlindIndex, Key, KeyEncryptionKey, KeySource, Owner, VaultError, WrappedKey, unwrap, wrap,
};

use super::{data_keys, tenant_keys};

pub(super) struct TenantKeyRing {
    tenant: String,
    wrapping: KeyEncryptionKey,
    pub(super) index: Arc<BlindIndex>,
}

/// New keys for a tenant, wrapped for the table.
pub(super) fn generate(source: &dyn KeySource, tenant: &str, now: i64) -> tenant_keys::Model {
    let key_id = Uuid::new_v4();
    let wrapping = Key::generate();
    let wrapped = wrap(source.current(), &wrapping, tenant, &Owner::Tenant).into_bytes();
    let wrapping = KeyEncryptionKey::new(key_id.to_string(), wrapping);
    let blind_index = wrap(&wrapping, &Key::generate(), tenant, &Owner::Tenant).into_bytes();
    tenant_keys::Model {
        tenant: tenant.to_owned(),
        key_id,
        wrapped,
        blind_index,
        created_at: now,
    }
}

/// The tenant's key wrapped by the current key-encryption key, if another wraps it now.
pub(super) fn rewrap(
    source: &dyn KeySource,
    row: &tenant_keys::Model,
) -> Result<Option<Vec<u8>>, VaultError> {
    let wrapped = WrappedKey::from_bytes(row.wrapped.clone())?;
    if wrapped.key_encryption_key_id() == source.current().id() {
        return Ok(None);
    }
    let key = unwrap_tenant_key(source, &wrapped, &row.tenant)?;
    let wrapped = wrap(source.current(), &key, &row.tenant, &Owner::Tenant);
    Ok(Some(wrapped.into_bytes()))
}

fn unwrap_tenant_key(
    source: &dyn KeySource,
    wrapped: &WrappedKey,
    tenant: &str,
) -> Result<Key, VaultError> {
    let by = source.by_id(wrapped.key_encryption_key_id());
    let by = by.ok_or(VaultError::OtherKeyEncryptionKey)?;
    unwrap(by, wrapped, tenant, &Owner::Tenant)
}

impl TenantKeyRing {
    /// Opens the keys of a row.
    pub(super) fn open(
        source: &dyn KeySource,
        row: tenant_keys::Model,
    ) -> Result<TenantKeyRing, VaultError> {
        let wrapped = WrappedKey::from_bytes(row.wrapped)?;
        let wrapping = unwrap_tenant_key(source, &wrapped, &row.tenant)?;
        let wrapping = KeyEncryptionKey::new(row.key_id.to_string(), wrapping);
        let index = WrappedKey::from_bytes(row.blind_index)?;
        let index = unwrap(&wrapping, &index, &row.tenant, &Owner::Tenant)?;
        Ok(TenantKeyRing {
            tenant: row.tenant,
            wrapping,
            index: Arc::new(BlindIndex::new(index)),
        })
    }

    /// A new key for an owner, wrapped for the table.
    pub(super) fn generate(&self, owner: &Owner, now: i64) -> data_keys::Model {
        let wrapped = wrap(&self.wrapping, &Key::generate(), &self.tenant, owner);
        data_keys::Model {
            key_id: Some(Uuid::new_v4()),
            wrapped: Some(wrapped.into_bytes()),
            ..data_keys::Model::new(&self.tenant, owner, now)
        }
    }

    /// Opens an owner's key.
    pub(super) fn unwrap(&self, owner: &Owner, wrapped: &[u8]) -> Result<Key, VaultError> {
        let wrapped = WrappedKey::from_bytes(wrapped.to_vec())?;
        unwrap(&self.wrapping, &wrapped, &self.tenant, owner)
    }
}
