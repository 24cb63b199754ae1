//! The count of the keys by age, made by the clock and never while a call waits for it.

use std::time::Duration;

use sea_orm::DbErr;
use tokio::time::sleep;
use vault::WrappedKey;

use super::{KeyStore, data_keys, tenant_keys};
use crate::{
    Stop,
    database::Pools,
    failure,
    metrics::{KeyCount, Metrics, ages},
    now_ms,
};

/// It reads the whole table, which no index could spare it, so not often.
const INTERVAL: Duration = Duration::from_secs(10 * 60);

impl KeyStore {
    /// Counts the connections to it from now on.
    pub(crate) fn watched_by(self, pools: &Pools) -> KeyStore {
        KeyStore {
            database: self.database.watched_by(pools),
            ..self
        }
    }

    /// Shows how many keys there are until the process stops. A failure is only told: the figures
    /// stay as they are, and the next round counts again.
    pub(crate) async fn count(self, metrics: Metrics, stop: Stop) -> anyhow::Result<()> {
        while !stop.is_requested() {
            match self.counts(now_ms()).await {
                Ok(counts) => metrics.keys_are(&counts),
                Err(error) => {
                    failure(&error);
                    tracing::warn!("the keys are not counted");
                }
            }
            tokio::select! {
                () = stop.requested() => {}
                () = sleep(INTERVAL) => {}
            }
        }
        Ok(())
    }

    /// The keys of all owners, and with them the tenants' own, by what they need to open.
    pub(super) async fn counts(&self, now: i64) -> Result<Vec<KeyCount>, DbErr> {
        let ages = ages(now);
        let since = ages.map(|(_, since)| since);
        let of_owners = data_keys::counts(self.database.read(), since).await?;
        // Of the current key-encryption key also when there is nothing yet.
        let mut counts: Vec<KeyCount> = ages
            .iter()
            .map(|(age, _)| KeyCount {
                age,
                key_encryption_key: self.source.current().id().to_owned(),
                count: 0,
            })
            .collect();
        for tenant in tenant_keys::all(self.database.read()).await? {
            let mut by_age = of_owners.get(&tenant.tenant).copied().unwrap_or_default();
            let own_age = since.iter().position(|it| tenant.created_at > *it);
            by_age[own_age.unwrap_or(since.len() - 1)] += 1;
            let Ok(wrapped) = WrappedKey::from_bytes(tenant.wrapped) else {
                continue;
            };
            counts.extend(ages.iter().zip(by_age).map(|((age, _), count)| KeyCount {
                age,
                key_encryption_key: wrapped.key_encryption_key_id().to_owned(),
                count,
            }));
        }
        Ok(counts)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tempfile::TempDir;
    use uuid::Uuid;
    use vault::{FileKeySource, Key, KeyEncryptionKey, Owner};

    use super::*;
    use crate::{DatabaseUrl, Tenant};

    const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

    #[tokio::test]
    async fn keys_are_counted_by_age_and_a_destroyed_one_is_none() {
        let folder = TempDir::new().expect("a folder");
        let url = DatabaseUrl::from(format!("sqlite://{}/it.db", folder.path().display()));
        let wrapping = KeyEncryptionKey::new("2026-a", Key::generate());
        let line = FileKeySource::line(&wrapping);
        let text = str::from_utf8(line.expose()).expect("it is text");
        let source = Arc::new(FileKeySource::parse(text).expect("one line"));
        let store = KeyStore::open(&url, source).await.expect("it opens");
        let tenant = Tenant::default();
        let owners = [1, 2, 3].map(|it| Owner::Subject(Uuid::from_u128(it)));
        store
            .create_many(&tenant, &owners)
            .await
            .expect("they are made");
        store
            .destroy(&tenant, &owners[0])
            .await
            .expect("it is destroyed");

        // Two keys of owners and the tenant's own.
        for (days, counted) in [
            (0, [3, 0, 0, 0]),
            (2, [0, 3, 0, 0]),
            (40, [0, 0, 3, 0]),
            (400, [0, 0, 0, 3]),
        ] {
            let counts = store
                .counts(now_ms() + days * DAY_MS)
                .await
                .expect("it answers");
            let sum = |age| {
                let of_age = counts.iter().filter(|it| it.age == age);
                of_age.map(|it| it.count).sum()
            };
            let found: [u64; 4] = ["day", "month", "year", "older"].map(sum);
            assert_eq!(found, counted, "after {days} days");
            assert!(counts.iter().all(|it| it.key_encryption_key == "2026-a"));
        }
    }
}
