//! The table of releases reserved and completed.

use chassis::Tenant;
use sea_orm::{DatabaseTransaction, Set, entity::prelude::*};

use super::{broken, taken};
use crate::{error::Error, release::Release};

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "releases")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    request: Vec<u8>,
    order_id: Uuid,
    content: Vec<u8>,
    reserved_at: i64,
    completed_at: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}

/// The content reserved under the release's name, if any.
pub(super) async fn content(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    release: &Release,
) -> Result<Option<Vec<u8>>, Error> {
    let id = (tenant.as_str().to_owned(), release.request.to_vec());
    let row = Entity::find_by_id(id).one(connection).await;
    Ok(row.map_err(broken)?.map(|row| row.content))
}

pub(super) async fn insert(
    transaction: &DatabaseTransaction,
    tenant: &Tenant,
    release: &Release,
    now: i64,
) -> Result<(), Error> {
    let row = ActiveModel {
        tenant: Set(tenant.as_str().to_owned()),
        request: Set(release.request.to_vec()),
        order_id: Set(release.order.0),
        content: Set(release.content.to_vec()),
        reserved_at: Set(now),
        completed_at: Set(None),
    };
    let inserted = Entity::insert(row)
        .exec_without_returning(transaction)
        .await;
    inserted.map(drop).map_err(taken)
}

/// Notes that the release was answered; the first time stays.
pub(super) async fn set_completed(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    release: &Release,
    now: i64,
) -> Result<(), Error> {
    let updated = Entity::update_many()
        .col_expr(Column::CompletedAt, Expr::value(now))
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Request.eq(release.request.as_slice()))
        .filter(Column::CompletedAt.is_null())
        .exec(connection)
        .await;
    updated.map(drop).map_err(broken)
}
