//! The table of sealed values.

use sea_orm::{Condition, IntoActiveModel, QueryOrder, entity::prelude::*, sea_query::OnConflict};

use super::{StoredValue, failed};
use crate::error::Error;

/// One sealed value, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stored_values")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub category: String,
    pub version: i64,
    pub sealed: Vec<u8>,
    pub point: String,
    pub act: String,
    pub collected_by: String,
    pub collected_at: i64,
    pub policy_version: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A person's values, ordered by category.
pub async fn of(
    connection: &impl ConnectionTrait,
    tenant: &str,
    subject: Uuid,
) -> Result<Vec<StoredValue>, Error> {
    let query = Entity::find()
        .filter(all_of(tenant, subject))
        .order_by_asc(Column::Category);
    let rows = query.all(connection).await.map_err(failed)?;
    rows.into_iter()
        .map(|row| value(row).ok_or(Error::Internal))
        .collect()
}

/// Stores the values, each in place of its category's former one.
pub async fn put(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    subject: Uuid,
    values: Vec<StoredValue>,
) -> Result<(), Error> {
    let rows = values
        .into_iter()
        .map(|it| row(tenant, subject, it).into_active_model());
    let replace = OnConflict::columns([Column::Tenant, Column::Subject, Column::Category])
        .update_columns([
            Column::Version,
            Column::Sealed,
            Column::Point,
            Column::Act,
            Column::CollectedBy,
            Column::CollectedAt,
            Column::PolicyVersion,
        ])
        .to_owned();
    let insert = Entity::insert_many(rows).on_conflict(replace);
    insert
        .exec_without_returning(transaction)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Deletes everything of a person.
pub async fn delete(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    subject: Uuid,
) -> Result<(), Error> {
    let delete = Entity::delete_many().filter(all_of(tenant, subject));
    delete.exec(transaction).await.map_err(failed)?;
    Ok(())
}

fn all_of(tenant: &str, subject: Uuid) -> Condition {
    Condition::all()
        .add(Column::Tenant.eq(tenant))
        .add(Column::Subject.eq(subject))
}

fn row(tenant: &str, subject: Uuid, value: StoredValue) -> Model {
    Model {
        tenant: tenant.to_owned(),
        subject,
        category: value.category,
        version: i64::from(value.version),
        sealed: value.sealed,
        point: value.point,
        act: value.act,
        collected_by: value.collected_by,
        collected_at: value.collected_at_ms,
        policy_version: value.policy_version,
    }
}

/// `None` when the version cannot be one.
fn value(row: Model) -> Option<StoredValue> {
    Some(StoredValue {
        category: row.category,
        version: u32::try_from(row.version).ok()?,
        sealed: row.sealed,
        point: row.point,
        act: row.act,
        collected_by: row.collected_by,
        collected_at_ms: row.collected_at,
        policy_version: row.policy_version,
    })
}
