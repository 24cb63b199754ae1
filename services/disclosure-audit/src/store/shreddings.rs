//! The way of a subject from the wish to be shredded to the record that it was.
//!
//! ```text
//! asked: barred, due_at ──▶ begun_at, unless something delays it ──▶ key destroyed, recorded: both NULL
//! ```
//!
//! The first two steps are under the lock on the head, and so is the placing of a hold: either the
//! hold is there before `begun_at` and delays it, or it comes after and is refused.

use chassis::Tenant;
use ledger::{Entry, Hash};
use uuid::Uuid;

use super::{
    Store, destroyed_keys, entries, evidence_retention, failed, holds, log_head, subjects,
};
use crate::batch::{Recorded, Standing};
use crate::error::Error;
use crate::hold::{Delay, delay};

const LEAVES_PER_PAGE: u64 = 10_000;

impl Store {
    /// Bars the subject: no entry of it follows any more. `None` when its key may be destroyed now,
    /// which nothing stops any more; else why not. Twice changes nothing but that a delay may have
    /// ended.
    pub(crate) async fn ask_shredding(
        &self,
        tenant: &Tenant,
        subject: Uuid,
        now: i64,
    ) -> Result<Option<Delay>, Error> {
        let transaction = self.database.begin().await.map_err(failed)?;
        log_head::lock(&transaction).await?;
        let newest = entries::newest_of(&transaction, tenant, subject).await?;
        let stated = evidence_retention::stated(&transaction, tenant).await?;
        let due_at = match (stated, newest) {
            (Some(stated), Some(newest)) => stated.statement.ends(newest).max(now),
            _ => now,
        };
        subjects::bar(&transaction, tenant, subject, now, due_at).await?;
        let mut found = None;
        if let Some(due_at) = subjects::waiting(&transaction, tenant, subject).await? {
            let holds = holds::ends(&transaction, tenant, subject).await?;
            found = delay(due_at, &holds, now);
            if found.is_none() {
                subjects::begin(&transaction, tenant, subject, now).await?;
            }
        }
        transaction.commit().await.map_err(failed)?;
        Ok(found)
    }

    /// The destruction of the subject's key is in the log, or there was none.
    pub(crate) async fn finish_shredding(
        &self,
        tenant: &Tenant,
        subject: Uuid,
    ) -> Result<(), Error> {
        subjects::finish(self.database.write(), tenant, subject).await
    }

    /// Subjects that were asked to be shredded and are not, though nothing delays it any more.
    pub(crate) async fn due_shreddings(
        &self,
        now: i64,
        limit: u64,
    ) -> Result<Vec<(Tenant, Uuid)>, Error> {
        subjects::due(self.database.read(), now, limit).await
    }

    /// How many wait.
    pub(crate) async fn waiting_shreddings(&self) -> Result<u64, Error> {
        subjects::count_waiting(self.database.read()).await
    }

    /// The leaf hashes of all entries of a subject, in their order.
    pub(crate) async fn leaves_of(
        &self,
        tenant: &Tenant,
        subject: Uuid,
    ) -> Result<Vec<Hash>, Error> {
        let (mut leaves, mut from) = (Vec::new(), 0);
        loop {
            let reader = self.database.read();
            let page =
                entries::bytes_of_subject(reader, tenant, subject, from, LEAVES_PER_PAGE).await?;
            for (position, bytes) in &page {
                let entry = Entry::parse(bytes).map_err(|_| Error::LogCorrupt)?;
                leaves.push(entry.leaf_hash());
                from = position + 1;
            }
            if (page.len() as u64) < LEAVES_PER_PAGE {
                return Ok(leaves);
            }
        }
    }

    /// Where this service entered the destruction of one of its keys.
    pub(crate) async fn destruction_of(
        &self,
        tenant: &Tenant,
        key: Uuid,
    ) -> Result<Option<Recorded>, Error> {
        let id = (tenant.clone(), crate::NAME.to_owned(), key);
        let known = destroyed_keys::known(self.database.read(), [id.clone()].into()).await?;
        Ok(known.get(&id).map(|(_, recorded)| *recorded))
    }

    /// How the subject stands.
    pub(crate) async fn standing(&self, tenant: &Tenant, subject: Uuid) -> Result<Standing, Error> {
        Ok(self.subject_head(tenant, subject).await?.standing)
    }
}
