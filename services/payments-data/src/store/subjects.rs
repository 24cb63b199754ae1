//! The table of people who placed orders: whether a person is erased, and nothing else.

use chassis::Tenant;
use sea_orm::{DatabaseTransaction, QuerySelect, Set, entity::prelude::*};

use super::broken;
use crate::{error::Error, order::SubjectId};

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "subjects")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    subject: Uuid,
    erased_at: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}

/// Whether the person is erased. The answer holds until the transaction ends: whoever opens an order
/// and whoever erases its person take turns.
pub(super) async fn lock(
    transaction: &DatabaseTransaction,
    tenant: &Tenant,
    subject: SubjectId,
) -> Result<bool, Error> {
    let row = ActiveModel {
        tenant: Set(tenant.as_str().to_owned()),
        subject: Set(subject.0),
        erased_at: Set(None),
    };
    let inserted = Entity::insert(row).on_conflict_do_nothing();
    let inserted = inserted.exec_without_returning(transaction).await;
    inserted.map_err(broken)?;
    let row = Entity::find_by_id((tenant.as_str().to_owned(), subject.0));
    let row = row.lock_exclusive().one(transaction).await;
    Ok(row
        .map_err(broken)?
        .is_some_and(|row| row.erased_at.is_some()))
}

/// Notes that the person is erased; the first time stays.
pub(super) async fn set_erased(
    transaction: &DatabaseTransaction,
    tenant: &Tenant,
    subject: SubjectId,
    now: i64,
) -> Result<(), Error> {
    let updated = Entity::update_many()
        .col_expr(Column::ErasedAt, Expr::value(now))
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Subject.eq(subject.0))
        .filter(Column::ErasedAt.is_null())
        .exec(transaction)
        .await;
    updated.map(drop).map_err(broken)
}
