//! The memory: one method is one question, answered in one transaction; every query starts with
//! the tenant.

mod acceptances;
mod changes;
mod commit;
mod consents;
#[cfg(test)]
pub(crate) mod fixture;
mod outbox;
mod policies;
mod revisions;
mod subjects;
mod writer;

use chassis::{Database, DatabaseFailure, Migration, RequestError, Sql};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::{
    acceptance::Acceptance,
    book::{Change, Evidence, PolicyHead},
    consent::Consent,
    error::Error,
    snapshot::Delta,
    subject::PolicyName,
};

pub(crate) use commit::Write;
pub(crate) use writer::Writer;

/// The schema, in the order in which it came to be.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "consent",
        sql: Sql::Same(include_str!("store/migrations/0001_consent.sql")),
    },
    Migration {
        version: 2,
        name: "acceptance",
        sql: Sql::Same(include_str!("store/migrations/0002_acceptance.sql")),
    },
    Migration {
        version: 3,
        name: "immutable policies",
        sql: Sql::Apart {
            sqlite: include_str!("store/migrations/0003_immutable_policies.sqlite.sql"),
            postgres: include_str!("store/migrations/0003_immutable_policies.postgres.sql"),
        },
    },
    Migration {
        version: 4,
        name: "accepted ahead",
        sql: Sql::Same(include_str!("store/migrations/0004_accepted_ahead.sql")),
    },
    chassis::requests::MIGRATION,
];

/// How much evidence of one tenant waits for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Backlog {
    pub(crate) tenant: String,
    pub(crate) count: u64,
    /// When the oldest was written, in Unix milliseconds.
    pub(crate) since: i64,
}

/// The database of this service.
#[derive(Clone)]
pub(crate) struct Store {
    database: Database,
}

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// The newest revision of every tenant: one small row each.
    pub(crate) async fn revisions(&self) -> Result<Vec<(String, u64)>, Error> {
        revisions::all(self.database.read()).await.map_err(failed)
    }

    /// The newest revision of one tenant; 0 when it has none.
    pub(crate) async fn revision(&self, tenant: &str) -> Result<u64, Error> {
        let newest = revisions::newest(self.database.read(), tenant).await;
        newest.map_err(failed)
    }

    /// What became of a tenant behind a revision; behind revision 0 it is everything. All of it is
    /// read in one view of the database: it is the tenant exactly as at the newest revision.
    pub(crate) async fn delta(&self, tenant: &str, after: u64) -> Result<Delta, Error> {
        let view = self.database.view().await.map_err(failed)?;
        let revision = revisions::newest(&view, tenant).await.map_err(failed)?;
        let policies = policies::after(&view, tenant, after).await;
        let subjects = subjects::after(&view, tenant, after).await;
        let consents = consents::after(&view, tenant, after).await;
        Ok(Delta {
            tenant: tenant.to_owned(),
            revision,
            policies: parsed(policies.map_err(failed)?)?,
            subjects: parsed(subjects.map_err(failed)?)?,
            consents: parsed(consents.map_err(failed)?)?,
        })
    }

    /// The changes behind one revision and up to another, oldest first, at most `limit` of them.
    pub(crate) async fn changes(
        &self,
        tenant: &str,
        after: u64,
        up_to: u64,
        limit: u64,
    ) -> Result<Vec<Change>, Error> {
        let conn = self.database.read();
        let changes = changes::between(conn, tenant, after, up_to, limit).await;
        changes.map_err(failed)
    }

    /// The first revision committed at a time in Unix milliseconds or later.
    pub(crate) async fn first_change_since(
        &self,
        tenant: &str,
        at: i64,
    ) -> Result<Option<u64>, Error> {
        let first = changes::first_since(self.database.read(), tenant, at).await;
        first.map_err(failed)
    }

    /// The text of a published version.
    pub(crate) async fn policy_text(&self, name: &PolicyName) -> Result<Option<String>, Error> {
        let row = policies::numbered(self.database.read(), &name.tenant, name.number).await;
        let published = row.map_err(failed)?.map(<(PolicyHead, String)>::try_from);
        Ok(published.transpose()?.map(|(_, text)| text))
    }

    /// One page of a person's consents, ordered by purpose and recipient, behind a purpose and
    /// recipient; none when the person is unknown.
    pub(crate) async fn consents_of(
        &self,
        tenant: &str,
        subject: Uuid,
        after: Option<(String, String)>,
        limit: u64,
    ) -> Result<Option<Vec<Consent>>, Error> {
        let view = self.database.view().await.map_err(failed)?;
        let known = subjects::known(&view, tenant, vec![subject]).await;
        if known.map_err(failed)?.is_empty() {
            return Ok(None);
        }
        let page = consents::of(&view, tenant, subject, after, limit).await;
        Ok(Some(parsed(page.map_err(failed)?)?))
    }

    /// All acceptances of a person, oldest first; none when the person is unknown.
    pub(crate) async fn acceptances_of(
        &self,
        tenant: &str,
        subject: Uuid,
    ) -> Result<Option<Vec<Acceptance>>, Error> {
        let view = self.database.view().await.map_err(failed)?;
        let known = subjects::known(&view, tenant, vec![subject]).await;
        if known.map_err(failed)?.is_empty() {
            return Ok(None);
        }
        let all = acceptances::of(&view, tenant, subject).await;
        Ok(Some(parsed(all.map_err(failed)?)?))
    }

    /// How much evidence waits, of every tenant of which some does.
    pub(crate) async fn backlog(&self) -> Result<Vec<Backlog>, Error> {
        let rows = outbox::backlog(self.database.read())
            .await
            .map_err(failed)?;
        let backlog = rows.into_iter().map(|(tenant, waiting, since)| Backlog {
            tenant,
            count: unsigned(waiting),
            since,
        });
        Ok(backlog.collect())
    }

    /// One page of a tenant's waiting evidence, ordered by revision, behind a revision.
    pub(crate) async fn evidence(
        &self,
        tenant: &str,
        after: u64,
        limit: u64,
    ) -> Result<Vec<Evidence>, Error> {
        let page = outbox::waiting(self.database.read(), tenant, after, limit).await;
        parsed(page.map_err(failed)?)
    }

    /// The newest revision of a person whose evidence waits; none when none does.
    pub(crate) async fn newest_evidence_of(
        &self,
        tenant: &str,
        subject: Uuid,
    ) -> Result<Option<u64>, Error> {
        let newest = outbox::newest_of(self.database.read(), tenant, subject).await;
        newest.map_err(failed)
    }

    /// Removes evidence that has reached the log, by its revisions.
    pub(crate) async fn delivered(&self, tenant: &str, revisions: &[u64]) -> Result<(), Error> {
        let conn = self.database.write();
        outbox::delete(conn, tenant, revisions)
            .await
            .map_err(failed)
    }

    /// Forgets the requests carried out before a time in Unix milliseconds.
    pub(crate) async fn forget_requests(&self, before: i64) -> Result<(), Error> {
        let swept = chassis::requests::sweep(self.database.write(), before).await;
        swept.map_err(failed)
    }
}

/// Translates what the database says; its words go to the log.
fn failed(error: DbErr) -> Error {
    match chassis::failure(&error) {
        DatabaseFailure::Unavailable | DatabaseFailure::LostRace => Error::StoreUnavailable,
        DatabaseFailure::Unique | DatabaseFailure::Broken => Error::Internal,
    }
}

/// Translates why a request cannot be known again.
pub(crate) fn refused(error: RequestError) -> Error {
    match error {
        RequestError::Invalid => Error::RequestIdInvalid,
        RequestError::Conflict => Error::IdempotencyConflict,
        RequestError::Db(error) => failed(error),
    }
}

/// Rows as what they stand for.
fn parsed<M, T: TryFrom<M, Error = Error>>(rows: Vec<M>) -> Result<Vec<T>, Error> {
    rows.into_iter().map(T::try_from).collect()
}

/// A count as the database holds it.
fn count(count: u64) -> i64 {
    i64::try_from(count).expect("a revision counts commits, which never reach 2^63")
}

/// A count as the database gave it: `count` wrote it, so it is not negative.
fn unsigned(count: i64) -> u64 {
    count.unsigned_abs()
}
