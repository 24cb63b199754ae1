//! The table of people who placed orders: whether a person is erased, and nothing else.

#![expect(
    unreachable_pub,
    reason = "what sea-orm derives is pub, and so must the row be"
)]

use sea_orm::{QuerySelect, Set, entity::prelude::*};

use crate::order::SubjectId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subjects")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: Uuid,
    pub erased_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Whether the person is erased. The answer holds until the transaction ends: whoever opens an order
/// and whoever erases its person take turns.
pub(super) async fn lock(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    subject: SubjectId,
) -> Result<bool, DbErr> {
    let row = ActiveModel {
        tenant: Set(tenant.to_owned()),
        subject: Set(subject.0),
        erased_at: Set(None),
    };
    Entity::insert(row)
        .on_conflict_do_nothing()
        .exec_without_returning(transaction)
        .await?;
    let row = Entity::find_by_id((tenant.to_owned(), subject.0));
    let row = row.lock_exclusive().one(transaction).await?;
    Ok(row.is_some_and(|row| row.erased_at.is_some()))
}

/// Notes that the person is erased; the first time stays.
pub(super) async fn set_erased(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    subject: SubjectId,
    now: i64,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::ErasedAt, Expr::value(now))
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::Subject.eq(subject.0))
        .filter(Column::ErasedAt.is_null())
        .exec(transaction)
        .await?;
    Ok(())
}
