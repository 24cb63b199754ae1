//! The table `revisions`: one row per tenant, which serialises its writers.

use sea_orm::{ActiveValue::Set, entity::prelude::*, sea_query::OnConflict};

use super::{count, unsigned};
use sea_orm::QuerySelect;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "revisions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Takes the tenant's row until the end of the transaction, and gives its newest revision.
pub(super) async fn lock(tx: &impl ConnectionTrait, tenant: &str) -> Result<u64, DbErr> {
    let row = || {
        Entity::find_by_id(tenant.to_owned())
            .lock_exclusive()
            .one(tx)
    };
    if let Some(row) = row().await? {
        return Ok(unsigned(row.revision));
    }
    // The first writer of a tenant. Two of them at once meet at the insert; the later one waits
    // there and then finds the row of the other.
    let first = ActiveModel {
        tenant: Set(tenant.to_owned()),
        revision: Set(0),
    };
    Entity::insert(first)
        .on_conflict(OnConflict::column(Column::Tenant).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(row().await?.map_or(0, |it| unsigned(it.revision)))
}

/// Sets the tenant's newest revision.
pub(super) async fn advance(
    tx: &impl ConnectionTrait,
    tenant: &str,
    revision: u64,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Revision, count(revision).into())
        .filter(Column::Tenant.eq(tenant))
        .exec(tx)
        .await?;
    Ok(())
}

/// The newest revision of one tenant; 0 when it has none.
pub(super) async fn newest(conn: &impl ConnectionTrait, tenant: &str) -> Result<u64, DbErr> {
    let row = Entity::find_by_id(tenant.to_owned()).one(conn).await?;
    Ok(row.map_or(0, |it| unsigned(it.revision)))
}

/// The newest revision of every tenant.
pub(super) async fn all(conn: &impl ConnectionTrait) -> Result<Vec<(String, u64)>, DbErr> {
    let rows = Entity::find().all(conn).await?;
    let rows = rows.into_iter();
    Ok(rows.map(|it| (it.tenant, unsigned(it.revision))).collect())
}
