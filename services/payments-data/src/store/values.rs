//! The table of what is given with orders, sealed.

use sea_orm::{
    QueryOrder, QuerySelect, Set,
    entity::prelude::*,
    sea_query::{OnConflict, SelectStatement},
};

use crate::{order::OrderId, value::SealedValue};

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "order_values")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    order_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    category: String,
    version: i64,
    sealed: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}

fn of(tenant: &str, order: OrderId) -> Select<Entity> {
    Entity::find()
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::OrderId.eq(order.0))
}

/// The categories stored with the order, in alphabetical order.
pub(super) async fn categories(
    connection: &impl ConnectionTrait,
    tenant: &str,
    order: OrderId,
) -> Result<Vec<String>, DbErr> {
    of(tenant, order)
        .select_only()
        .column(Column::Category)
        .order_by_asc(Column::Category)
        .into_tuple()
        .all(connection)
        .await
}

/// What is stored of the order in these categories, in any order.
pub(super) async fn sealed<'a>(
    connection: &impl ConnectionTrait,
    tenant: &str,
    order: OrderId,
    categories: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<SealedValue>, DbErr> {
    let rows = of(tenant, order).filter(Column::Category.is_in(categories));
    let rows = rows.all(connection).await?;
    rows.into_iter().map(SealedValue::try_from).collect()
}

/// Stores the values, each in place of what was there in its category.
pub(super) async fn put(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    order: OrderId,
    values: Vec<SealedValue>,
) -> Result<(), DbErr> {
    let rows = values.into_iter().map(|value| ActiveModel {
        tenant: Set(tenant.to_owned()),
        order_id: Set(order.0),
        category: Set(value.category),
        version: Set(value.version.into()),
        sealed: Set(value.sealed),
    });
    let key = [Column::Tenant, Column::OrderId, Column::Category];
    let replace = OnConflict::columns(key)
        .update_columns([Column::Version, Column::Sealed])
        .to_owned();
    let rows = Entity::insert_many(rows).on_conflict(replace);
    rows.exec_without_returning(transaction).await?;
    Ok(())
}

/// Removes what is stored of the tenant's orders that `orders` selects.
pub(super) async fn remove(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    orders: SelectStatement,
) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::OrderId.in_subquery(orders))
        .exec(transaction)
        .await?;
    Ok(())
}

impl TryFrom<Model> for SealedValue {
    type Error = DbErr;

    fn try_from(row: Model) -> Result<Self, DbErr> {
        let version = u32::try_from(row.version);
        Ok(Self {
            category: row.category,
            version: version.map_err(|_| DbErr::Type("a value's version".to_owned()))?,
            sealed: row.sealed,
        })
    }
}
