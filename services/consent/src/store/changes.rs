//! The table `changes`: every committed change, as followers learn of it.

use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*};

use super::{count, unsigned};
use crate::book::Change;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "changes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub revision: i64,
    pub subject: Option<Uuid>,
    pub restricting: bool,
    pub changed_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn insert(
    tx: &impl ConnectionTrait,
    tenant: &str,
    changes: &[Change],
) -> Result<(), DbErr> {
    let rows = changes.iter().map(|it| ActiveModel {
        tenant: Set(tenant.to_owned()),
        revision: Set(count(it.revision)),
        subject: Set(it.subject),
        restricting: Set(it.restricting),
        changed_at: Set(it.at),
    });
    Entity::insert_many(rows).exec_without_returning(tx).await?;
    Ok(())
}

/// The changes behind one revision and up to another, oldest first, at most `limit` of them.
pub(super) async fn between(
    conn: &impl ConnectionTrait,
    tenant: &str,
    after: u64,
    up_to: u64,
    limit: u64,
) -> Result<Vec<Change>, DbErr> {
    let rows = Entity::find()
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::Revision.gt(count(after)))
        .filter(Column::Revision.lte(count(up_to)))
        .order_by_asc(Column::Revision)
        .limit(limit)
        .all(conn)
        .await?;
    Ok(rows.into_iter().map(change).collect())
}

/// The first revision that was committed at a time in Unix milliseconds or later.
pub(super) async fn first_since(
    conn: &impl ConnectionTrait,
    tenant: &str,
    at: i64,
) -> Result<Option<u64>, DbErr> {
    let first: Option<Option<i64>> = Entity::find()
        .select_only()
        .column_as(Column::Revision.min(), "first")
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::ChangedAt.gte(at))
        .into_tuple()
        .one(conn)
        .await?;
    Ok(first.flatten().map(unsigned))
}

fn change(row: Model) -> Change {
    Change {
        revision: unsigned(row.revision),
        subject: row.subject,
        restricting: row.restricting,
        at: row.changed_at,
    }
}
