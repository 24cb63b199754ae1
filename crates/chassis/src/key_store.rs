//! The wrapped keys of a service, in a database of their own: made, found, and destroyed for good.

mod count;
mod data_keys;
mod tenant_key_ring;
mod tenant_keys;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use sea_orm::DbErr;
use uuid::Uuid;
use vault::{BlindIndex, Key, KeySource, Owner, VaultError};

use crate::{
    Database, DatabaseError, DatabaseUrl, Migration, Sql, Tenant, clock::now_ms, database::Opening,
    failure,
};
use tenant_key_ring::TenantKeyRing;

/// Records the migrations of the keys, which may share a database with the service's own.
pub(crate) const MIGRATIONS_TABLE: &str = "key_migrations";

/// What a destroyed key is driven out of.
pub(crate) const EXPUNGED_TABLE: &str = data_keys::TABLE;

pub(crate) const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "keys",
    sql: Sql::Same(include_str!("key_store/keys.sql")),
}];

/// The keys of one service. Cheap to clone.
///
/// Every owner has one random key, wrapped by the tenant's own, which is wrapped by the key source.
/// The tenants' wrapping keys and blind indexes are remembered; an owner's key never is, because
/// what one replica destroys must be gone in the next call of every other.
#[derive(Clone)]
pub struct KeyStore {
    database: Database,
    source: Arc<dyn KeySource>,
    rings: Arc<RwLock<HashMap<Tenant, Arc<TenantKeyRing>>>>,
}

/// A key that was looked up, with the id it is recorded under.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// The key's own id, random.
    pub id: Uuid,
    /// The key. Drop it when the call is done.
    pub key: Arc<Key>,
}

/// A key that is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestroyedKey {
    /// The key's own id.
    pub key_id: Uuid,
    /// When it was destroyed, in Unix milliseconds.
    pub destroyed_at: i64,
}

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The owner never had one.
    #[error("there is no such key")]
    Missing,
    /// It was destroyed, and the owner will never have another.
    #[error("the key was destroyed")]
    Destroyed {
        /// Its id. `None` when the owner was destroyed before it had a key.
        key_id: Option<Uuid>,
        /// When, in Unix milliseconds.
        destroyed_at: i64,
    },
    /// The database does not answer, or the key does not open with the key-encryption keys given.
    #[error("the keys are not available")]
    Unavailable,
}

impl KeyStore {
    /// Opens the store. `source` wraps the tenants' keys; those that an earlier key-encryption key
    /// wraps are wrapped again by the current one, so that the earlier may go.
    pub async fn open(
        url: &DatabaseUrl,
        source: Arc<dyn KeySource>,
    ) -> Result<KeyStore, DatabaseError> {
        KeyStore::open_with(url, source, Opening::default()).await
    }

    /// The same, in another way.
    pub(crate) async fn open_with(
        url: &DatabaseUrl,
        source: Arc<dyn KeySource>,
        opening: Opening,
    ) -> Result<KeyStore, DatabaseError> {
        let database = Database::open_with(url, MIGRATIONS, MIGRATIONS_TABLE, opening).await?;
        let store = KeyStore {
            database,
            source,
            rings: Arc::default(),
        };
        store.rewrap().await;
        Ok(store)
    }

    /// What fails here still opens with the earlier key, and is tried again at the next start.
    async fn rewrap(&self) {
        let rows = tenant_keys::all(self.database.read()).await;
        for row in rows.map_err(unavailable).unwrap_or_default() {
            let wrapped = tenant_key_ring::rewrap(self.source.as_ref(), &row);
            if let Ok(Some(wrapped)) = wrapped.map_err(unreadable) {
                let database = self.database.write();
                let replaced = tenant_keys::replace_wrapped(database, &row, wrapped).await;
                let _ = replaced.map_err(unavailable);
            }
        }
    }

    /// Whether a key that is destroyed leaves the files of the database.
    pub(crate) async fn may_expunge(&self) -> Result<bool, DbErr> {
        self.database.may_expunge(data_keys::TABLE).await
    }

    /// The tenants that have keys.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, KeyError> {
        let names = tenant_keys::tenants(self.database.read())
            .await
            .map_err(unavailable)?;
        names
            .iter()
            .map(|it| Tenant::parse(it).map_err(|_| KeyError::Unavailable))
            .collect()
    }

    /// The tenant's blind index, made when it is first asked for. Its key serves to find what is
    /// stored by what it says, and to know a request again; categories keep these apart.
    pub async fn blind_index(&self, tenant: &Tenant) -> Result<Arc<BlindIndex>, KeyError> {
        Ok(self.ring(tenant).await?.index.clone())
    }

    /// The tenant's own key, for what has no subject or must outlive one; made when it is first
    /// asked for.
    pub async fn tenant_key(&self, tenant: &Tenant) -> Result<StoredKey, KeyError> {
        self.create(tenant, &Owner::Tenant).await
    }

    /// The owner's key as it is now.
    pub async fn key(&self, tenant: &Tenant, owner: &Owner) -> Result<StoredKey, KeyError> {
        let rows = data_keys::find(self.database.read(), tenant.as_str(), &[*owner]).await;
        let rows = rows.map_err(unavailable)?;
        match rows.iter().find(|it| it.name() == data_keys::name(owner)) {
            Some(row) => answer(self.ring(tenant).await?.as_ref(), row, owner),
            None => Err(KeyError::Missing),
        }
    }

    /// The owner's key, made if there is none. A destroyed one is not made again.
    pub async fn create(&self, tenant: &Tenant, owner: &Owner) -> Result<StoredKey, KeyError> {
        let mut keys = self.create_many(tenant, &[*owner]).await?;
        keys.pop().expect("one owner has one answer")
    }

    /// The keys of many owners of a tenant in few statements: what [`KeyStore::create`] answers for
    /// each, in their order.
    pub async fn create_many(
        &self,
        tenant: &Tenant,
        owners: &[Owner],
    ) -> Result<Vec<Result<StoredKey, KeyError>>, KeyError> {
        let ring = self.ring(tenant).await?;
        let rows = data_keys::find(self.database.read(), tenant.as_str(), owners).await;
        let mut rows = rows.map_err(unavailable)?;
        let known: HashSet<_> = rows.iter().map(data_keys::Model::name).collect();
        let is_missing = |it: &&Owner| !known.contains(&data_keys::name(it));
        let missing: Vec<Owner> = owners.iter().filter(is_missing).copied().collect();
        if !missing.is_empty() {
            let now = now_ms();
            let made: Vec<_> = missing.iter().map(|it| ring.generate(it, now)).collect();
            let written = data_keys::insert_missing(self.database.write(), &made).await;
            written.map_err(unavailable)?;
            // Another replica may have been faster; what counts is what is there now.
            let found = data_keys::find(self.database.read(), tenant.as_str(), &missing).await;
            rows.extend(found.map_err(unavailable)?);
        }
        let rows: HashMap<_, _> = rows.iter().map(|it| (it.name(), it)).collect();
        let answer = |owner: &Owner| match rows.get(&data_keys::name(owner)) {
            Some(row) => answer(&ring, row, owner),
            None => Err(KeyError::Unavailable),
        };
        Ok(owners.iter().map(answer).collect())
    }

    /// Those of the owners that have a key now, in few statements.
    pub async fn present(&self, tenant: &Tenant, owners: &[Owner]) -> Result<Vec<Owner>, KeyError> {
        let present = data_keys::present(self.database.read(), tenant.as_str(), owners).await;
        present.map_err(unavailable)
    }

    /// Destroys the owner's key for good. When it answers, the key is gone from the database and,
    /// as far as the database can, from its files. Doing it twice is doing it once: the answer is
    /// the first one. An owner without a key will never have one; then the answer is `None`.
    pub async fn destroy(
        &self,
        tenant: &Tenant,
        owner: &Owner,
    ) -> Result<Option<DestroyedKey>, KeyError> {
        Ok(self.destroy_many(tenant, &[*owner]).await?.pop())
    }

    /// [`KeyStore::destroy`] for many owners of a tenant: all of their keys, or none. The answer
    /// has the keys of those owners that had one, each once, in no particular order.
    pub async fn destroy_many(
        &self,
        tenant: &Tenant,
        owners: &[Owner],
    ) -> Result<Vec<DestroyedKey>, KeyError> {
        if owners.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.destroy_rows(tenant, owners).await;
        let rows = rows.map_err(unavailable)?;
        // Also of those destroyed before: whoever did that may have died right here.
        self.database
            .expunge(data_keys::TABLE)
            .await
            .map_err(unavailable)?;
        let mut destroyed = Vec::with_capacity(rows.len());
        for row in rows {
            let destroyed_at = row.destroyed_at.ok_or(KeyError::Unavailable)?;
            destroyed.extend(row.key_id.map(|key_id| DestroyedKey {
                key_id,
                destroyed_at,
            }));
        }
        Ok(destroyed)
    }

    async fn destroy_rows(
        &self,
        tenant: &Tenant,
        owners: &[Owner],
    ) -> Result<Vec<data_keys::Model>, DbErr> {
        let transaction = self.database.begin().await?;
        let rows = data_keys::destroy(&transaction, tenant.as_str(), owners, now_ms()).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    /// The tenant's own keys, made when they are first asked for.
    async fn ring(&self, tenant: &Tenant) -> Result<Arc<TenantKeyRing>, KeyError> {
        let known = self
            .rings
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(tenant)
            .cloned();
        if let Some(ring) = known {
            return Ok(ring);
        }
        let row = self
            .tenant_row(tenant.as_str())
            .await
            .map_err(unavailable)?;
        let ring = TenantKeyRing::open(self.source.as_ref(), row).map_err(unreadable)?;
        let ring = Arc::new(ring);
        let mut rings = self.rings.write().unwrap_or_else(PoisonError::into_inner);
        rings.insert(tenant.clone(), ring.clone());
        Ok(ring)
    }

    async fn tenant_row(&self, tenant: &str) -> Result<tenant_keys::Model, DbErr> {
        if let Some(row) = tenant_keys::find(self.database.read(), tenant).await? {
            return Ok(row);
        }
        let made = tenant_key_ring::generate(self.source.as_ref(), tenant, now_ms());
        tenant_keys::insert_missing(self.database.write(), made).await?;
        // Another replica may have been faster; what counts is what is there now.
        let row = tenant_keys::find(self.database.read(), tenant).await?;
        row.ok_or(DbErr::RecordNotInserted)
    }
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyStore(..)")
    }
}

/// What is answered for an owner who has this row.
fn answer(
    ring: &TenantKeyRing,
    row: &data_keys::Model,
    owner: &Owner,
) -> Result<StoredKey, KeyError> {
    match (&row.wrapped, row.key_id, row.destroyed_at) {
        (Some(wrapped), Some(id), None) => {
            let key = ring.unwrap(owner, wrapped).map_err(unreadable)?;
            Ok(StoredKey {
                id,
                key: Arc::new(key),
            })
        }
        (None, key_id, Some(destroyed_at)) => Err(KeyError::Destroyed {
            key_id,
            destroyed_at,
        }),
        _ => Err(KeyError::Unavailable),
    }
}

/// The driver's words stay here; whoever asked can only come back later.
fn unavailable(error: DbErr) -> KeyError {
    // Whatever it means, there is no key now; the line in the log is for the operator.
    failure(&error);
    KeyError::Unavailable
}

fn unreadable(_: VaultError) -> KeyError {
    tracing::error!("a wrapped key does not open with the key-encryption keys given");
    KeyError::Unavailable
}

#[cfg(test)]
mod tests;
