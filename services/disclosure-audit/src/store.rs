//! The memory: one method, one question, one transaction; here a database error becomes ours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use chassis::requests::sweep;
use chassis::{
    Database, DatabaseFailure, Migration, RequestKey, Tenant, failure, remember, replay,
};
use ledger::{Frontier, LedgerError, NoteKey, tiles_for_inclusion};
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use crate::batch::{Candidate, Known, Recorded, SubjectHead};
use crate::checkpoint::{self, tiles_to_verify};
use crate::error::Error;
use crate::event::{Event, KeyDestruction};
use crate::log::sequence;
use crate::recipient::Recipient;
use crate::seal::SealingKeys;

mod checkpoints;
mod destroyed_keys;
mod entries;
mod log_head;
mod recipients;
mod requests;
mod subjects;
#[cfg(test)]
mod tests;
mod tiles;

pub(crate) use checkpoints::SignedCheckpoint;
pub(crate) use entries::StoredEntry;
pub(crate) use log_head::Head;
pub(crate) use tiles::Tiles;

/// SQLite binds at most 32,766 values in a statement; no row here has more than ten.
const ROWS_PER_STATEMENT: usize = 1_000;

/// The migrations of this service, in order.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "log",
        sql: include_str!("store/migrations/0001_log.sql"),
    },
    chassis::requests::MIGRATION,
];

/// The log and the register.
pub(crate) struct Store {
    database: Database,
    /// The right edge as this process last committed it. Another replica may have moved the log
    /// since, so it is used only when it fits the locked head.
    frontier: Mutex<Frontier>,
}

impl Store {
    /// Takes over a migrated database.
    pub(crate) async fn open(database: Database) -> Result<Self, Error> {
        let transaction = database.begin().await.map_err(failed)?;
        log_head::ensure(&transaction).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(Self {
            database,
            frontier: Mutex::default(),
        })
    }

    /// Sequences a batch in one durable write: outcomes in the order of the candidates.
    ///
    /// The lock on the head makes this the only writer, in this process and in every other, from
    /// the first read to the commit. That is also why no record can follow a shredding: whoever
    /// shreds a subject first bars it under the same lock ([`Store::bar_subject`]) and destroys the
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
        let transaction = self.database.begin().await.map_err(failed)?;
        let head = log_head::lock(&transaction).await?;
        let known = self.known(&transaction, head, batch).await?;
        let sequenced = sequence(batch, known, |sealer| keys.sealable(sealer), now);
        if sequenced.entries.is_empty() {
            return Ok(sequenced.outcomes);
        }
        entries::insert(&transaction, &sequenced.entries, keys).await?;
        tiles::put(&transaction, &sequenced.tiles).await?;
        subjects::put(&transaction, &sequenced.subjects).await?;
        destroyed_keys::insert(&transaction, &sequenced.destructions).await?;
        requests::remember(&transaction, &sequenced.requests, now).await?;
        log_head::advance(&transaction, Head::of(&sequenced.frontier)).await?;
        transaction.commit().await.map_err(failed)?;
        *self.frontier.lock().unwrap_or_else(PoisonError::into_inner) = sequenced.frontier;
        Ok(sequenced.outcomes)
    }

    async fn known(
        &self,
        transaction: &impl ConnectionTrait,
        head: Head,
        batch: &[Candidate],
    ) -> Result<Known, Error> {
        let mut named = BTreeSet::new();
        let mut persons = BTreeSet::new();
        let mut destroyed = BTreeSet::new();
        let mut asked = BTreeSet::new();
        for candidate in batch {
            let tenant = &candidate.tenant;
            persons.extend(candidate.event.subject_id().map(|it| (tenant.clone(), it)));
            asked.extend(candidate.request.as_ref().map(|it| it.id()));
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

    /// Publishes a checkpoint if the log grew since the last one, and says how far it is covered.
    pub(crate) async fn publish(&self, key: &NoteKey, now: i64) -> Result<Published, Error> {
        // Without the lock first: a quiet log costs its writers nothing.
        let reader = self.database.read();
        let covered = covered(checkpoints::newest(reader).await?.as_ref());
        if log_head::read(reader).await?.size == covered {
            return Ok(Published {
                size: covered,
                oldest_recorded_at: None,
            });
        }
        let transaction = self.database.begin().await.map_err(failed)?;
        let head = log_head::lock(&transaction).await?;
        let previous = checkpoints::newest(&transaction).await?;
        let published = self.sign(&transaction, key, previous, head, now).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(published)
    }

    async fn sign(
        &self,
        transaction: &impl ConnectionTrait,
        key: &NoteKey,
        previous: Option<SignedCheckpoint>,
        Head { size, root }: Head,
        now: i64,
    ) -> Result<Published, Error> {
        let before = covered(previous.as_ref());
        if size == before {
            // Another replica was quicker.
            return Ok(Published {
                size,
                oldest_recorded_at: None,
            });
        }
        let needed = tiles_to_verify(before, size).map_err(corrupt)?;
        let tiles = tiles::read(transaction, &needed).await?;
        let previous = previous.as_ref().map(|it| it.note.as_str());
        let note = checkpoint::sign(key, previous, size, root, |id| tiles.hashes(id));
        let note = note.map_err(corrupt)?.to_string();
        checkpoints::insert(transaction, &SignedCheckpoint { size, note }, now).await?;
        let oldest_recorded_at = entries::recorded_at(transaction, before).await?;
        Ok(Published {
            size,
            oldest_recorded_at,
        })
    }

    /// Whether the log was signed by this key so far, under its name.
    pub(crate) async fn check_key(&self, key: &NoteKey) -> Result<(), Error> {
        match self.checkpoint().await? {
            Some(newest) => checkpoint::open(key, &newest.note)
                .map(drop)
                .map_err(corrupt),
            None => Ok(()),
        }
    }

    /// The newest checkpoint.
    pub(crate) async fn checkpoint(&self) -> Result<Option<SignedCheckpoint>, Error> {
        checkpoints::newest(self.database.read()).await
    }

    /// The newest checkpoint if it covers the entry at `index`, and the tiles that prove it.
    ///
    /// Two reads make one picture here: a checkpoint never changes, and a tile that grew in between
    /// begins with what it was.
    pub(crate) async fn proof_material(
        &self,
        index: u64,
    ) -> Result<Option<(SignedCheckpoint, Tiles)>, Error> {
        let reader = self.database.read();
        let newest = checkpoints::newest(reader).await?;
        let Some(checkpoint) = newest.filter(|it| it.size > index) else {
            return Ok(None);
        };
        let needed = tiles_for_inclusion(index, checkpoint.size).map_err(|_| Error::LogCorrupt)?;
        Ok(Some((checkpoint, tiles::read(reader, &needed).await?)))
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

    /// Bars the subject: no entry of it follows any more. Twice changes nothing.
    pub(crate) async fn bar_subject(
        &self,
        tenant: &Tenant,
        subject: Uuid,
        now: i64,
    ) -> Result<(), Error> {
        let transaction = self.database.begin().await.map_err(failed)?;
        log_head::lock(&transaction).await?;
        subjects::bar(&transaction, tenant, subject, now).await?;
        transaction.commit().await.map_err(failed)
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

/// How far the log is covered by a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) size: u64,
    /// When the oldest entry that waited for this checkpoint was recorded; `None` if none did.
    pub(crate) oldest_recorded_at: Option<i64>,
}

impl Head {
    fn of(frontier: &Frontier) -> Self {
        Self {
            size: frontier.size(),
            root: frontier.root(),
        }
    }
}

fn covered(newest: Option<&SignedCheckpoint>) -> u64 {
    newest.map_or(0, |it| it.size)
}

/// What an operator changed is told from what must not be.
fn corrupt(error: LedgerError) -> Error {
    match error {
        LedgerError::SignatureMissing => Error::LogKeyChanged,
        _ => Error::LogCorrupt,
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
