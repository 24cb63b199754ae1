//! The table of the tenants' own keys: one to wrap with, and one for the blind index wrapped by it.

use sea_orm::{
    ActiveValue::Set,
    QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, OnConflict},
};

#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "tenant_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    pub key_id: Uuid,
    pub wrapped: Vec<u8>,
    pub blind_index: Vec<u8>,
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn tenants(connection: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let names = Entity::find().select_only().column(Column::Tenant);
    names.into_tuple().all(connection).await
}

/// Every tenant's keys: as many rows as there are tenants.
pub(super) async fn all(connection: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().all(connection).await
}

pub(super) async fn find(
    connection: &impl ConnectionTrait,
    tenant: &str,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(tenant).one(connection).await
}

/// Writes the keys of a tenant, unless it has some already.
pub(super) async fn insert_missing(
    connection: &impl ConnectionTrait,
    keys: Model,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        tenant: Set(keys.tenant),
        key_id: Set(keys.key_id),
        wrapped: Set(keys.wrapped),
        blind_index: Set(keys.blind_index),
        created_at: Set(keys.created_at),
    };
    let missing = OnConflict::column(Column::Tenant).do_nothing().to_owned();
    match Entity::insert(row)
        .on_conflict(missing)
        .exec_without_returning(connection)
        .await
    {
        Ok(_) | Err(DbErr::RecordNotInserted) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Puts another wrap of the same key in the place of `row`'s, unless somebody did before.
pub(super) async fn replace_wrapped(
    connection: &impl ConnectionTrait,
    row: &Model,
    wrapped: Vec<u8>,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Wrapped, Expr::value(wrapped))
        .filter(Column::Tenant.eq(&row.tenant))
        .filter(Column::Wrapped.eq(row.wrapped.clone()));
    update.exec(connection).await.map(|_| ())
}
