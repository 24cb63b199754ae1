//! The table of the look-up index: keyed hashes of values, which lead back to no value.

use sea_orm::{
    Condition, IntoActiveModel, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};

use super::failed;
use crate::error::Error;

/// No look-up answers with more persons.
const FOUND_MAX: u64 = 100;

/// That a person has a value with this hash.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "index_entries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub category: String,
    pub entry: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The persons with this entry.
pub async fn find(
    connection: &impl ConnectionTrait,
    tenant: &str,
    category: &str,
    entry: [u8; 32],
) -> Result<Vec<Uuid>, Error> {
    let same = Condition::all()
        .add(Column::Tenant.eq(tenant))
        .add(Column::Category.eq(category))
        .add(Column::Entry.eq(entry.to_vec()));
    Entity::find()
        .select_only()
        .column(Column::Subject)
        .filter(same)
        .order_by_asc(Column::Subject)
        .limit(FOUND_MAX)
        .into_tuple()
        .all(connection)
        .await
        .map_err(failed)
}

/// Stores the entries, each in place of its category's former one.
pub async fn put(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    subject: Uuid,
    entries: Vec<(String, [u8; 32])>,
) -> Result<(), Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let rows = entries.into_iter().map(|(category, entry)| {
        let row = Model {
            tenant: tenant.to_owned(),
            subject,
            category,
            entry: entry.to_vec(),
        };
        row.into_active_model()
    });
    let replace = OnConflict::columns([Column::Tenant, Column::Subject, Column::Category])
        .update_column(Column::Entry)
        .to_owned();
    let insert = Entity::insert_many(rows).on_conflict(replace);
    insert
        .exec_without_returning(transaction)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Deletes everything of a person: nobody finds an erased person.
pub async fn delete(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    subject: Uuid,
) -> Result<(), Error> {
    let all = Condition::all()
        .add(Column::Tenant.eq(tenant))
        .add(Column::Subject.eq(subject));
    let delete = Entity::delete_many().filter(all);
    delete.exec(transaction).await.map_err(failed)?;
    Ok(())
}
