//! The memory: one method, one question, one transaction; here a database error becomes ours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use chassis::requests::sweep;
use chassis::{
    Database, DatabaseFailure, Migration, RequestKey, Sql, Tenant, failure, remember, replay,
};
use ledger::Frontier;
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use crate::batch::{Candidate, Change, Known, Recorded, SubjectHead};
use crate::error::Error;
use crate::event::{Event, KeyDestruction};
use crate::log::sequence;
use crate::recipient::Recipient;
use crate::seal::SealingKeys;

mod checkpoints;
mod destroyed_keys;
mod entries;
mod evidence_retention;
mod holds;
mod log_head;
mod recipients;
mod requests;
mod shreddings;
mod signing;
mod stored_log;
mod subjects;
#[cfg(test)]
mod tests;
mod tiles;

pub(crate) use checkpoints::SignedCheckpoint;
pub(crate) use entries::StoredEntry;
pub(crate) use evidence_retention::Stated;
pub(crate) use holds::StoredHold;
pub(crate) use log_head::Head;
pub(crate) use signing::Covered;
pub use stored_log::StoredLog;

/// The migrations of this service, in order.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "log",
        sql: Sql::Same(include_str!("store/migrations/0001_log.sql")),
    },
    Migration {
        version: 2,
        name: "cosigned checkpoints",
        sql: Sql::Same(include_str!("store/migrations/0002_cosigned.sql")),
    },
    Migration {
        version: 3,
        name: "holds",
        sql: Sql::Same(include_str!("store/migrations/0003_holds.sql")),
    },
    chassis::requests::MIGRATION,
];

/// Whether the requests of a batch were carried out before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeats {
    /// Nobody has looked, and the table of requests will tell.
    Unlikely,
    /// Each was looked for.
    LookedFor,
}

/// The log and the register.
pub(crate) struct Store {
    database: Database,
    /// Whether a checkpoint needs cosignatures before it is shown.
    witnessed: bool,
    /// The right edge as this process last committed it. Another replica may have moved the log
    /// since, so it is used only when it fits the locked head.
    frontier: Mutex<Frontier>,
}

impl Store {
    /// Takes over a migrated database. `witnessed` says whether a checkpoint needs cosignatures
    /// before it is shown.
    pub(crate) async fn open(database: Database, witnessed: bool) -> Result<Self, Error> {
        let transaction = database.begin().await.map_err(failed)?;
        log_head::ensure(&transaction).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(Self {
            database,
            witnessed,
            frontier: Mutex::default(),
        })
    }

    /// Sequences a batch in one durable write: outcomes in the order of the candidates.
    ///
    /// The lock on the head makes this the only writer, in this process and in every other, from
    /// the first read to the commit. That is also why no record can follow a shredding: whoever
    /// shreds a subject first bars it under the same lock ([`Store::ask_shredding`]) and destroys the
    /// key after.
    ///
    /// ```text
    /// keys read ──▶ lock, barred? ──▶ commit
    ///
    /// bar committed before our lock: refused here
    /// bar committed after our commit: our entry is sealed under the key that is destroyed next
    /// ```
    pub(crate) async fn append(
        &self,
        batch: &[Candidate],
        keys: &SealingKeys,
        now: i64,
    ) -> Result<Vec<Result<Recorded, Error>>, Error> {
        // Few requests come again, and to look for each costs as much as to write it down.
        match self.try_append(batch, keys, now, Repeats::Unlikely).await? {
            Some(outcomes) => Ok(outcomes),
            None => {
                let outcomes = self.try_append(batch, keys, now, Repeats::LookedFor);
                outcomes.await?.ok_or(Error::LogFault)
            }
        }
    }

    /// `None`, and nothing written, when one of the requests may have been carried out before and
    /// was not looked for.
    async fn try_append(
        &self,
        batch: &[Candidate],
        keys: &SealingKeys,
        now: i64,
        repeats: Repeats,
    ) -> Result<Option<Vec<Result<Recorded, Error>>>, Error> {
        let transaction = self.database.begin().await.map_err(failed)?;
        let head = log_head::lock(&transaction).await?;
        let known = self.known(&transaction, head, batch, repeats).await?;
        let sequenced = sequence(batch, known, |sealer| keys.sealable(sealer), now);
        // What is refused now may have been recorded when it was asked first.
        if repeats == Repeats::Unlikely && sequenced.outcomes.iter().any(Result::is_err) {
            return Ok(None);
        }
        if sequenced.entries.is_empty() {
            return Ok(Some(sequenced.outcomes));
        }
        if !requests::remember(&transaction, &sequenced.requests, now).await? {
            return Ok(None);
        }
        entries::insert(&transaction, &sequenced.entries, keys).await?;
        tiles::put(&transaction, &sequenced.tiles).await?;
        subjects::put(&transaction, &sequenced.subjects).await?;
        destroyed_keys::insert(&transaction, &sequenced.destructions).await?;
        for (tenant, change, recorded) in &sequenced.changes {
            apply(&transaction, tenant, change, *recorded).await?;
        }
        log_head::advance(&transaction, Head::of(&sequenced.frontier)).await?;
        transaction.commit().await.map_err(failed)?;
        *self.frontier.lock().unwrap_or_else(PoisonError::into_inner) = sequenced.frontier;
        Ok(Some(sequenced.outcomes))
    }

    async fn known(
        &self,
        transaction: &impl ConnectionTrait,
        head: Head,
        batch: &[Candidate],
        repeats: Repeats,
    ) -> Result<Known, Error> {
        let mut named = BTreeSet::new();
        let mut persons = BTreeSet::new();
        let mut destroyed = BTreeSet::new();
        let mut asked = BTreeSet::new();
        for candidate in batch {
            let tenant = &candidate.tenant;
            persons.extend(candidate.event.about().map(|it| (tenant.clone(), it)));
            if repeats == Repeats::LookedFor {
                asked.extend(candidate.request.as_ref().map(|it| it.id()));
            }
            match &candidate.event {
                Event::Disclosure(it) => named.extend([(tenant.clone(), it.recipient.id.clone())]),
                Event::KeyDestroyed(it) => destroyed.extend([candidate.destruction_id(it)]),
                _ => {}
            }
        }
        Ok(Known {
            frontier: self.frontier_at(transaction, head).await?,
            recipients: recipients::named(transaction, named).await?,
            subjects: subjects::heads(transaction, persons).await?,
            requests: requests::known(transaction, asked).await?,
            destructions: destroyed_keys::known(transaction, destroyed).await?,
        })
    }

    async fn frontier_at(
        &self,
        transaction: &impl ConnectionTrait,
        head: Head,
    ) -> Result<Frontier, Error> {
        let remembered = self
            .frontier
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if Head::of(&remembered) == head {
            return Ok(remembered);
        }
        let tiles = tiles::read(transaction, &Frontier::right_edge(head.size)).await?;
        let frontier = Frontier::restore(head.size, |id| tiles.hashes(id));
        frontier
            .ok()
            .filter(|it| Head::of(it) == head)
            .ok_or(Error::LogCorrupt)
    }

    /// One entry of the tenant.
    pub(crate) async fn entry(
        &self,
        tenant: &Tenant,
        id: Uuid,
    ) -> Result<Option<StoredEntry>, Error> {
        entries::by_id(self.database.read(), tenant, id).await
    }

    /// The subject's entries, oldest first, from a place in the log on.
    pub(crate) async fn entries_of(
        &self,
        tenant: &Tenant,
        subject: Uuid,
        from: u64,
        limit: u64,
    ) -> Result<Vec<StoredEntry>, Error> {
        entries::of_subject(self.database.read(), tenant, subject, from, limit).await
    }

    /// The subject's newest entry, and whether it was shredded.
    pub(crate) async fn subject_head(
        &self,
        tenant: &Tenant,
        subject: Uuid,
    ) -> Result<SubjectHead, Error> {
        let id = (tenant.clone(), subject);
        let heads = subjects::heads(self.database.read(), BTreeSet::from([id.clone()])).await?;
        Ok(heads.get(&id).copied().unwrap_or_default())
    }

    /// A page of all barred subjects, in the order of their ids.
    pub(crate) async fn barred_subjects(
        &self,
        after: Option<&(Tenant, Uuid)>,
        limit: u64,
    ) -> Result<Vec<(Tenant, Uuid)>, Error> {
        subjects::barred(self.database.read(), after, limit).await
    }

    /// The keys whose destruction this caller recorded, oldest first, from a place in the log on.
    pub(crate) async fn destroyed_keys(
        &self,
        tenant: &Tenant,
        recorded_by: &str,
        from: u64,
        limit: u64,
    ) -> Result<Vec<(KeyDestruction, Recorded)>, Error> {
        destroyed_keys::page(self.database.read(), tenant, recorded_by, from, limit).await
    }

    /// Enters a registration, or answers as it did when the same request came before.
    ///
    /// Under the lock on the head, as everything that remembers a request: an id is then used by
    /// one of two calls, and the other finds it.
    pub(crate) async fn register_recipient(
        &self,
        tenant: &Tenant,
        request: &RequestKey,
        recipient: Recipient,
        now: i64,
    ) -> Result<Recipient, Error> {
        let transaction = self.database.begin().await.map_err(failed)?;
        log_head::lock(&transaction).await?;
        // The same content, so the same registration, as it was when it was entered. Before the
        // rule, which would refuse it once it has expired.
        if replay(&transaction, request).await?.is_some() {
            return Ok(recipient);
        }
        recipient.check(now)?;
        if !recipients::insert(&transaction, tenant, &recipient).await? {
            return Err(Error::RecipientExists);
        }
        remember(&transaction, request, &[], now)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(recipient)
    }

    /// Forgets the requests carried out before a time: their ids may be used anew.
    pub(crate) async fn forget_requests(&self, before: i64) -> Result<(), Error> {
        sweep(self.database.write(), before).await.map_err(failed)
    }

    /// One registration, ended ones included.
    pub(crate) async fn recipient(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Option<Recipient>, Error> {
        recipients::one(self.database.read(), tenant, id).await
    }

    /// The registrations after an id, in the order of their ids.
    pub(crate) async fn recipients(
        &self,
        tenant: &Tenant,
        after: &str,
        limit: u64,
    ) -> Result<Vec<Recipient>, Error> {
        recipients::page(self.database.read(), tenant, after, limit).await
    }

    /// Changes one registration by a pure rule.
    pub(crate) async fn update_recipient(
        &self,
        tenant: &Tenant,
        id: &str,
        rule: impl FnOnce(Recipient) -> Recipient,
    ) -> Result<Recipient, Error> {
        let transaction = self.database.begin().await.map_err(failed)?;
        let found = recipients::one_for_update(&transaction, tenant, id).await?;
        let recipient = rule(found.ok_or(Error::RecipientNotFound)?);
        recipients::update(&transaction, tenant, &recipient).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(recipient)
    }
}

impl Head {
    fn of(frontier: &Frontier) -> Self {
        Self {
            size: frontier.size(),
            root: frontier.root(),
        }
    }
}

async fn apply(
    transaction: &impl ConnectionTrait,
    tenant: &Tenant,
    change: &Change,
    recorded: Recorded,
) -> Result<(), Error> {
    match change {
        Change::HoldPlaced(order) => holds::insert(transaction, tenant, order, recorded).await,
        Change::HoldLifted(lift) => holds::lift(transaction, tenant, lift, recorded).await,
        Change::RetentionSet(statement) => {
            evidence_retention::put(transaction, tenant, *statement, recorded).await
        }
    }
}

/// The database answers no call, or refuses a statement. Neither is corruption, which only a check
/// of what is stored can find.
pub(crate) fn failed(error: DbErr) -> Error {
    match failure(&error) {
        DatabaseFailure::Unavailable | DatabaseFailure::LostRace => Error::LogUnavailable,
        DatabaseFailure::Unique | DatabaseFailure::Broken => Error::LogFault,
    }
}

/// One query per tenant, and a batch rarely has two.
pub(crate) fn by_tenant<T>(ids: impl IntoIterator<Item = (Tenant, T)>) -> BTreeMap<Tenant, Vec<T>> {
    let mut grouped: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (tenant, id) in ids {
        grouped.entry(tenant).or_default().push(id);
    }
    grouped
}
