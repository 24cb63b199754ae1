//! The table `outbox`: evidence that has not reached the log yet.

use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*};

use super::{count, unsigned};
use crate::{
    book::{Event, Evidence},
    consent::{Scope, State},
    error::Error,
};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub revision: i64,
    pub id: Uuid,
    pub policy_version: String,
    pub digest: Option<Vec<u8>>,
    pub subject: Option<Uuid>,
    pub purpose: Option<String>,
    pub recipient: Option<String>,
    pub state: Option<String>,
    pub written_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn insert(
    tx: &impl ConnectionTrait,
    tenant: &str,
    evidence: Vec<Evidence>,
) -> Result<(), DbErr> {
    let rows = evidence.into_iter().map(|it| row(tenant, it));
    Entity::insert_many(rows).exec_without_returning(tx).await?;
    Ok(())
}

/// One page of what waits, ordered by tenant and revision, behind a tenant and revision.
pub(super) async fn waiting(
    conn: &impl ConnectionTrait,
    tenant: &str,
    after: u64,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::Revision.gt(count(after)))
        .order_by_asc(Column::Revision)
        .limit(limit)
        .all(conn)
        .await
}

/// How much waits of each tenant, and since when the oldest does, in Unix milliseconds.
pub(super) async fn backlog(conn: &impl ConnectionTrait) -> Result<Vec<(String, i64, i64)>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::Tenant)
        .column_as(Column::Revision.count(), "waiting")
        .column_as(Column::WrittenAt.min(), "since")
        .group_by(Column::Tenant)
        .into_tuple()
        .all(conn)
        .await
}

/// The newest revision of a person whose evidence waits.
pub(super) async fn newest_of(
    conn: &impl ConnectionTrait,
    tenant: &str,
    subject: Uuid,
) -> Result<Option<u64>, DbErr> {
    let newest = Entity::find()
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::Subject.eq(subject))
        .order_by_desc(Column::Revision)
        .one(conn)
        .await?;
    Ok(newest.map(|it| unsigned(it.revision)))
}

/// Those of some persons whose evidence waits, with the oldest revision of each that does.
pub(super) async fn oldest_of(
    conn: &impl ConnectionTrait,
    tenant: &str,
    subjects: Vec<Uuid>,
) -> Result<Vec<(Uuid, u64)>, DbErr> {
    let oldest: Vec<(Uuid, i64)> = Entity::find()
        .select_only()
        .column(Column::Subject)
        .column_as(Column::Revision.min(), "oldest")
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::Subject.is_in(subjects))
        .group_by(Column::Subject)
        .into_tuple()
        .all(conn)
        .await?;
    let oldest = oldest.into_iter();
    Ok(oldest.map(|(it, oldest)| (it, unsigned(oldest))).collect())
}

/// Removes all evidence of some persons.
pub(super) async fn delete_of(
    tx: &impl ConnectionTrait,
    tenant: &str,
    subjects: Vec<Uuid>,
) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::Subject.is_in(subjects))
        .exec(tx)
        .await?;
    Ok(())
}

/// Removes what has arrived.
pub(super) async fn delete(
    tx: &impl ConnectionTrait,
    tenant: &str,
    revisions: &[u64],
) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::Revision.is_in(revisions.iter().map(|it| count(*it))))
        .exec(tx)
        .await?;
    Ok(())
}

fn row(tenant: &str, evidence: Evidence) -> ActiveModel {
    let (digest, chosen) = match evidence.event {
        Event::Published { digest } => (Some(digest.to_vec()), None),
        Event::Chosen { scope, state } => (None, Some((scope, state))),
    };
    let state = chosen.as_ref().map(|(_, it)| it.name().to_owned());
    let scope = chosen.map(|(it, _)| it);
    ActiveModel {
        tenant: Set(tenant.to_owned()),
        revision: Set(count(evidence.revision)),
        id: Set(evidence.id),
        policy_version: Set(evidence.policy_version),
        digest: Set(digest),
        subject: Set(scope.as_ref().map(|it| it.subject)),
        purpose: Set(scope.as_ref().map(|it| it.purpose.clone())),
        recipient: Set(scope.and_then(|it| it.recipient)),
        state: Set(state),
        written_at: Set(evidence.at),
    }
}

impl TryFrom<Model> for Evidence {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        let state = row.state.as_deref().and_then(State::named);
        let event = match (row.digest, row.subject, row.purpose, state) {
            (Some(digest), None, None, None) => Event::Published {
                digest: digest.try_into().map_err(|_| Error::Internal)?,
            },
            (None, Some(subject), Some(purpose), Some(state)) => Event::Chosen {
                scope: Scope {
                    subject,
                    purpose,
                    recipient: row.recipient,
                },
                state,
            },
            _ => return Err(Error::Internal),
        };
        Ok(Self {
            id: row.id,
            revision: unsigned(row.revision),
            policy_version: row.policy_version,
            event,
            at: row.written_at,
        })
    }
}
