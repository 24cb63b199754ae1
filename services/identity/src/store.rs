//! The memory of persons: one method is one question and one transaction.

mod erasures;
mod index_entries;
mod subjects;
#[cfg(test)]
mod tests;
mod values;

pub(crate) use erasures::Backlog;

use chassis::{
    Database, Migration, RequestKey, Sql, Tenant, is_lost_race, is_unavailable, remember, replay,
    requests,
};
use sea_orm::{DbErr, SqlErr};
use uuid::Uuid;

use crate::{
    erasure::{Erasure, Outcome, Step},
    error::Error,
    subject::State,
};

/// The schema of this service, in the order it came about.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "subjects",
        sql: Sql::Same(include_str!("store/migrations/0001_subjects.sql")),
    },
    Migration {
        version: 2,
        name: "log key delay",
        sql: Sql::Same(include_str!("store/migrations/0002_log_key_delay.sql")),
    },
    requests::MIGRATION,
];

/// A person's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Registered {
    pub(crate) subject: Uuid,
    pub(crate) state: State,
    /// The consent revision of the enrolment; 0 while it is pending.
    pub(crate) revision: u64,
}

/// A sealed value and its provenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredValue {
    pub(crate) category: String,
    pub(crate) version: u32,
    pub(crate) sealed: Vec<u8>,
    pub(crate) point: String,
    pub(crate) act: String,
    pub(crate) collected_by: String,
    pub(crate) collected_at_ms: i64,
    pub(crate) policy_version: String,
}

/// What one collection writes.
pub(crate) struct Collected {
    pub(crate) values: Vec<StoredValue>,
    /// The index entries of those values that can be looked up, by category.
    pub(crate) entries: Vec<(String, [u8; 32])>,
    /// What the caller is answered, now and when it asks again.
    pub(crate) answer: Vec<u8>,
}

/// The persons in their database.
#[derive(Clone)]
pub(crate) struct Store {
    database: Database,
}

impl Store {
    pub(crate) fn new(database: Database) -> Store {
        Store { database }
    }

    /// Enters a new person as pending, unless the same request did before: then that person.
    pub(crate) async fn register(
        &self,
        tenant: &Tenant,
        subject: Uuid,
        request: &RequestKey,
        now_ms: i64,
    ) -> Result<Registered, Error> {
        let transaction = self.database.begin().await.map_err(failed)?;
        if let Some(answer) = replay(&transaction, request).await? {
            let subject = Uuid::from_slice(&answer).map_err(|_| Error::Internal)?;
            let before = subjects::find(&transaction, tenant.as_str(), subject).await?;
            return before.ok_or(Error::Internal);
        }
        subjects::insert(&transaction, tenant.as_str(), subject, now_ms).await?;
        remember(&transaction, request, subject.as_bytes(), now_ms)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(Registered {
            subject,
            state: State::Pending,
            revision: 0,
        })
    }

    /// Makes a pending person active. Any other state stays.
    pub(crate) async fn activate(
        &self,
        tenant: &Tenant,
        subject: Uuid,
        revision: u64,
    ) -> Result<(), Error> {
        let transaction = self.database.begin().await.map_err(failed)?;
        subjects::activate(&transaction, tenant.as_str(), subject, revision).await?;
        transaction.commit().await.map_err(failed)
    }

    /// A person's row.
    pub(crate) async fn subject(
        &self,
        tenant: &Tenant,
        subject: Uuid,
    ) -> Result<Option<Registered>, Error> {
        subjects::find(self.database.read(), tenant.as_str(), subject).await
    }

    /// Whether values of the person of a grant may be stored and opened at this moment.
    pub(crate) async fn admits_values(&self, tenant: &Tenant, subject: Uuid) -> Result<(), Error> {
        let person = self.subject(tenant, subject).await?;
        let person = person.ok_or(Error::SubjectOfGrantUnknown)?;
        Ok(person.state.admits_values()?)
    }

    /// Those of the persons whose erasure has not even begun. At most 1,000 can be asked about.
    pub(crate) async fn not_erased(
        &self,
        tenant: &Tenant,
        among: &[Uuid],
    ) -> Result<Vec<Registered>, Error> {
        subjects::not_erased(self.database.read(), tenant.as_str(), among).await
    }

    /// A person's values, ordered by category.
    pub(crate) async fn values(
        &self,
        tenant: &Tenant,
        subject: Uuid,
    ) -> Result<Vec<StoredValue>, Error> {
        values::of(self.database.read(), tenant.as_str(), subject).await
    }

    /// Stores what `collect` makes of the values stored so far, or answers as the same request was
    /// answered before. The person's row is locked throughout, so that versions do not repeat and
    /// an erasure comes wholly before or wholly after.
    pub(crate) async fn collect(
        &self,
        tenant: &Tenant,
        subject: Uuid,
        request: &RequestKey,
        now_ms: i64,
        collect: impl FnOnce(&[StoredValue]) -> Collected + Send,
    ) -> Result<Vec<u8>, Error> {
        let transaction = self.database.begin().await.map_err(failed)?;
        let name = tenant.as_str();
        let state = subjects::lock(&transaction, name, subject).await?;
        if let Some(answer) = replay(&transaction, request).await? {
            return Ok(answer);
        }
        state.unwrap_or(State::Pending).admits_values()?;
        let collected = collect(&values::of(&transaction, name, subject).await?);
        values::put(&transaction, name, subject, collected.values).await?;
        index_entries::put(&transaction, name, subject, collected.entries).await?;
        remember(&transaction, request, &collected.answer, now_ms)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(collected.answer)
    }

    /// The persons with this index entry, at most 100.
    pub(crate) async fn subjects_with(
        &self,
        tenant: &Tenant,
        category: &str,
        entry: [u8; 32],
    ) -> Result<Vec<Uuid>, Error> {
        index_entries::find(self.database.read(), tenant.as_str(), category, entry).await
    }

    /// Whether this request would begin an erasure: it is not refused, and none has begun before.
    pub(crate) async fn would_begin(
        &self,
        tenant: &Tenant,
        subject: Uuid,
        request: &RequestKey,
    ) -> Result<bool, Error> {
        replay(self.database.read(), request).await?;
        match self.subject(tenant, subject).await?.map(|it| it.state) {
            None | Some(State::Pending) => Err(Error::SubjectUnknown),
            Some(State::Active) => Ok(true),
            Some(State::Erasing | State::Erased) => Ok(false),
        }
    }

    /// Begins an erasure: from here on nothing of the person opens here, the sealed values and the
    /// index are gone, and the saga has its row. Once one has begun it changes nothing; the answer
    /// is whether this one began.
    pub(crate) async fn begin_erasure(
        &self,
        tenant: &Tenant,
        subject: Uuid,
        request: Option<&RequestKey>,
        erasure: &Erasure,
    ) -> Result<bool, Error> {
        let transaction = self.database.begin().await.map_err(failed)?;
        let name = tenant.as_str();
        let state = subjects::lock(&transaction, name, subject).await?;
        if let Some(request) = request
            && replay(&transaction, request).await?.is_none()
        {
            remember(&transaction, request, &[], erasure.requested_at_ms)
                .await
                .map_err(failed)?;
        }
        match state {
            None | Some(State::Pending) => return Err(Error::SubjectUnknown),
            Some(State::Active) => {
                subjects::set_state(&transaction, name, subject, State::Erasing).await?;
                values::delete(&transaction, name, subject).await?;
                index_entries::delete(&transaction, name, subject).await?;
                erasures::insert(&transaction, name, subject, erasure).await?;
            }
            Some(State::Erasing | State::Erased) => {}
        }
        transaction.commit().await.map_err(failed)?;
        Ok(state == Some(State::Active))
    }

    /// How far a person's erasure is.
    pub(crate) async fn erasure(
        &self,
        tenant: &Tenant,
        subject: Uuid,
    ) -> Result<Option<Erasure>, Error> {
        erasures::find(self.database.read(), tenant.as_str(), subject).await
    }

    /// Takes the outcome of a step in, unless somebody else's was faster; the answer says which.
    pub(crate) async fn advance_erasure(
        &self,
        tenant: &Tenant,
        subject: Uuid,
        outcome: Outcome,
    ) -> Result<bool, Error> {
        let transaction = self.database.begin().await.map_err(failed)?;
        let name = tenant.as_str();
        let erasure = erasures::lock(&transaction, name, subject).await?;
        let mut erasure = erasure.ok_or(Error::Internal)?;
        if !erasure.advance(outcome) {
            return Ok(false);
        }
        erasures::update(&transaction, name, subject, &erasure).await?;
        if erasure.next == Step::Finished {
            subjects::set_state(&transaction, name, subject, State::Erased).await?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(true)
    }

    /// Forgets the requests carried out before a time in Unix milliseconds.
    pub(crate) async fn forget_requests(&self, before_ms: i64) -> Result<(), Error> {
        requests::sweep(self.database.write(), before_ms)
            .await
            .map_err(failed)
    }

    /// How many erasures are not finished, of every tenant, and how many of them were asked for
    /// before a time in Unix milliseconds.
    pub(crate) async fn erasure_backlog(&self, late_ms: i64) -> Result<Backlog, Error> {
        erasures::backlog(self.database.read(), late_ms).await
    }

    /// Erasures that are not finished, all or those with one step to do next, the oldest first, of
    /// every tenant: the one question that names none, because the saga serves them all.
    pub(crate) async fn unfinished_erasures(
        &self,
        next: Option<Step>,
        limit: u64,
    ) -> Result<Vec<(Tenant, Uuid)>, Error> {
        let rows = erasures::unfinished(self.database.read(), next, limit).await?;
        let parse = |(name, subject): (String, Uuid)| match Tenant::parse(&name) {
            Ok(tenant) => Ok((tenant, subject)),
            Err(_) => Err(Error::Internal),
        };
        rows.into_iter().map(parse).collect()
    }
}

/// The only place that reads a database's words. They may hold values, so none of them go further.
fn failed(error: DbErr) -> Error {
    if is_unavailable(&error) {
        return Error::StoreUnavailable;
    }
    // Nothing here is inserted twice but by two replicas that carry the same request out.
    if is_lost_race(&error) || matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
    {
        return Error::LostRace;
    }
    tracing::error!("the database refused a statement");
    Error::Internal
}
