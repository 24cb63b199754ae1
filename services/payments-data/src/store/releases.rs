//! The table of releases reserved and completed.

use sea_orm::{Set, entity::prelude::*, sea_query::Expr};

use crate::release::Release;

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
    tenant: &str,
    release: &Release,
) -> Result<Option<Vec<u8>>, DbErr> {
    let row = Entity::find()
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::Request.eq(release.request.as_slice()));
    Ok(row.one(connection).await?.map(|row| row.content))
}

pub(super) async fn insert(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    release: &Release,
    now: i64,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        tenant: Set(tenant.to_owned()),
        request: Set(release.request.to_vec()),
        order_id: Set(release.order.0),
        content: Set(release.content.to_vec()),
        reserved_at: Set(now),
        completed_at: Set(None),
    };
    Entity::insert(row)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// Notes that the release was answered; the first time stays.
pub(super) async fn set_completed(
    connection: &impl ConnectionTrait,
    tenant: &str,
    release: &Release,
    now: i64,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::CompletedAt, Expr::value(now))
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::Request.eq(release.request.as_slice()))
        .filter(Column::CompletedAt.is_null())
        .exec(connection)
        .await?;
    Ok(())
}
