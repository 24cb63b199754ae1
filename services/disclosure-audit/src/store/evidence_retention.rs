//! What each tenant stated last of how long it keeps evidence.

use chassis::Tenant;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use super::{Store, failed};
use crate::batch::Recorded;
use crate::error::Error;
use crate::hold::RetentionStatement;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "evidence_retention")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    pub days: i64,
    pub entry_id: Uuid,
    pub stated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A statement that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stated {
    pub(crate) statement: RetentionStatement,
    /// The id of its entry in the log.
    pub(crate) entry_id: Uuid,
    /// Unix milliseconds.
    pub(crate) stated_at: i64,
}

impl Store {
    /// What the tenant stated last.
    pub(crate) async fn evidence_retention(
        &self,
        tenant: &Tenant,
    ) -> Result<Option<Stated>, Error> {
        stated(self.database.read(), tenant).await
    }
}

pub(super) async fn stated(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
) -> Result<Option<Stated>, Error> {
    let select = Entity::find_by_id(tenant.as_str().to_owned());
    let row = select.one(connection).await.map_err(failed)?;
    let stated = |row: Model| {
        let days = u32::try_from(row.days).map_err(|_| Error::LogCorrupt)?;
        Ok(Stated {
            statement: RetentionStatement { days },
            entry_id: row.entry_id,
            stated_at: row.stated_at,
        })
    };
    row.map(stated).transpose()
}

pub(super) async fn put(
    transaction: &impl ConnectionTrait,
    tenant: &Tenant,
    statement: RetentionStatement,
    recorded: Recorded,
) -> Result<(), Error> {
    let row = ActiveModel {
        tenant: Set(tenant.as_str().to_owned()),
        days: Set(i64::from(statement.days)),
        entry_id: Set(recorded.entry_id),
        stated_at: Set(recorded.recorded_at),
    };
    let newest = OnConflict::column(Column::Tenant)
        .update_columns([Column::Days, Column::EntryId, Column::StatedAt])
        .to_owned();
    let insert = Entity::insert(row).on_conflict(newest);
    insert
        .exec_without_returning(transaction)
        .await
        .map_err(failed)?;
    Ok(())
}
