//! The table of what is given with orders, sealed.

use chassis::Tenant;
use sea_orm::{
    DatabaseTransaction, QueryOrder, QuerySelect, Set,
    entity::prelude::*,
    sea_query::{OnConflict, SelectStatement},
};

use super::broken;
use crate::{error::Error, order::OrderId, value::SealedValue};

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

fn of(tenant: &Tenant, order: OrderId) -> Select<Entity> {
    Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::OrderId.eq(order.0))
}

/// The categories stored with the order, in alphabetical order.
pub(super) async fn categories(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    order: OrderId,
) -> Result<Vec<String>, Error> {
    let categories = of(tenant, order)
        .select_only()
        .column(Column::Category)
        .order_by_asc(Column::Category)
        .into_tuple();
    categories.all(connection).await.map_err(broken)
}

/// What is stored of the order in these categories, in any order.
pub(super) async fn sealed<'a>(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    order: OrderId,
    categories: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<SealedValue>, Error> {
    let rows = of(tenant, order).filter(Column::Category.is_in(categories));
    let rows = rows.all(connection).await.map_err(broken)?;
    rows.into_iter().map(SealedValue::try_from).collect()
}

/// Stores the values, each in place of what was there in its category.
pub(super) async fn put(
    transaction: &DatabaseTransaction,
    tenant: &Tenant,
    order: OrderId,
    values: impl IntoIterator<Item = SealedValue>,
) -> Result<(), Error> {
    let rows = values.into_iter().map(|value| ActiveModel {
        tenant: Set(tenant.as_str().to_owned()),
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
    let put = rows.exec_without_returning(transaction).await;
    put.map(drop).map_err(broken)
}

/// Removes what is stored of the tenant's orders that `orders` selects.
pub(super) async fn remove(
    transaction: &DatabaseTransaction,
    tenant: &Tenant,
    orders: SelectStatement,
) -> Result<(), Error> {
    let removed = Entity::delete_many()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::OrderId.in_subquery(orders))
        .exec(transaction)
        .await;
    removed.map(drop).map_err(broken)
}

impl TryFrom<Model> for SealedValue {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        Ok(Self {
            category: row.category,
            version: u32::try_from(row.version).map_err(|_| Error::Corrupt)?,
            sealed: row.sealed,
        })
    }
}
