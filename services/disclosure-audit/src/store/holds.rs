//! The holds on persons: to whom they belong and when they end. What they say is in the log.

use chassis::Tenant;
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect};

use super::{Store, failed};
use crate::batch::Recorded;
use crate::error::Error;
use crate::hold::{HoldLift, HoldOrder};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "holds")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub hold_id: Uuid,
    pub subject: Uuid,
    pub position: i64,
    pub ends_at: Option<i64>,
    pub lifted_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A hold as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredHold {
    /// The id of its entry in the log.
    pub(crate) id: Uuid,
    pub(crate) subject: Uuid,
    /// Where that entry stands.
    pub(crate) index: u64,
    /// Unix milliseconds.
    pub(crate) lifted_at: Option<i64>,
}

impl Store {
    /// One hold of the tenant.
    pub(crate) async fn hold(
        &self,
        tenant: &Tenant,
        id: Uuid,
    ) -> Result<Option<StoredHold>, Error> {
        let select = Entity::find_by_id((tenant.as_str().to_owned(), id));
        let row = select.one(self.database.read()).await.map_err(failed)?;
        Ok(row.map(StoredHold::from))
    }

    /// The holds of a subject, oldest first, from place `from` on.
    pub(crate) async fn holds_of(
        &self,
        tenant: &Tenant,
        subject: Uuid,
        from: u64,
        limit: u64,
    ) -> Result<Vec<StoredHold>, Error> {
        let select = of_subject(tenant, subject)
            .filter(Column::Position.gte(from.cast_signed()))
            .order_by_asc(Column::Position)
            .limit(limit);
        let rows = select.all(self.database.read()).await.map_err(failed)?;
        Ok(rows.into_iter().map(StoredHold::from).collect())
    }
}

pub(super) async fn insert(
    transaction: &impl ConnectionTrait,
    tenant: &Tenant,
    order: &HoldOrder,
    recorded: Recorded,
) -> Result<(), Error> {
    let row = ActiveModel {
        tenant: Set(tenant.as_str().to_owned()),
        hold_id: Set(recorded.entry_id),
        subject: Set(order.subject_id),
        position: Set(recorded.index.cast_signed()),
        ends_at: Set(order.until),
        lifted_at: Set(None),
    };
    let insert = Entity::insert(row);
    insert
        .exec_without_returning(transaction)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Ends a hold at the first time it is lifted.
pub(super) async fn lift(
    transaction: &impl ConnectionTrait,
    tenant: &Tenant,
    lift: &HoldLift,
    recorded: Recorded,
) -> Result<(), Error> {
    let update = Entity::update_many()
        .col_expr(Column::LiftedAt, Expr::value(recorded.recorded_at))
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::HoldId.eq(lift.hold_id))
        .filter(Column::LiftedAt.is_null());
    update.exec(transaction).await.map_err(failed)?;
    Ok(())
}

/// When the holds end that were not lifted; `None` for one without an end.
pub(super) async fn ends(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    subject: Uuid,
) -> Result<Vec<Option<i64>>, Error> {
    let select = of_subject(tenant, subject)
        .filter(Column::LiftedAt.is_null())
        .select_only()
        .column(Column::EndsAt);
    select.into_tuple().all(connection).await.map_err(failed)
}

fn of_subject(tenant: &Tenant, subject: Uuid) -> Select<Entity> {
    Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Subject.eq(subject))
}

impl From<Model> for StoredHold {
    fn from(row: Model) -> Self {
        Self {
            id: row.hold_id,
            subject: row.subject,
            index: row.position.cast_unsigned(),
            lifted_at: row.lifted_at,
        }
    }
}
