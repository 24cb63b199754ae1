//! The table of releases reserved and completed.

#![expect(
    unreachable_pub,
    reason = "what sea-orm derives is pub, and so must the row be"
)]

use sea_orm::{Set, entity::prelude::*, sea_query::Expr};

use crate::{order::OrderId, release::Release};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "releases")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub request: Vec<u8>,
    pub order_id: Uuid,
    pub content: Vec<u8>,
    pub reserved_at: i64,
    pub completed_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

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
    order: OrderId,
    release: &Release,
    now: i64,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        tenant: Set(tenant.to_owned()),
        request: Set(release.request.to_vec()),
        order_id: Set(order.0),
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
