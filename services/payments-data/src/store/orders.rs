//! The table of orders.

use chassis::Tenant;
use sea_orm::{
    DatabaseTransaction, QueryOrder, QuerySelect, Set,
    entity::prelude::*,
    sea_query::{Expr, SimpleExpr},
};

use super::broken;
use crate::{
    error::Error,
    order::{Ending, Order, OrderId, State, SubjectId},
};

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "orders")]
pub(super) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    order_id: Uuid,
    subject: Uuid,
    merchant: String,
    state: StateName,
    releases_max: i64,
    releases_used: i64,
    opened_at: i64,
    expires_at: i64,
    key_id: Uuid,
    destruction_pending: bool,
}

impl ActiveModelBehavior for ActiveModel {}

/// A state as it is written in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
enum StateName {
    Open,
    Settled,
    Cancelled,
    Expired,
    Erased,
}

fn of(tenant: &Tenant) -> Select<Entity> {
    Entity::find().filter(Column::Tenant.eq(tenant.as_str()))
}

/// The order as it stands.
pub(super) async fn find(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    order: OrderId,
) -> Result<Option<Order>, Error> {
    let row = of(tenant).filter(Column::OrderId.eq(order.0));
    let row = row.one(connection).await.map_err(broken)?;
    row.map(Order::try_from).transpose()
}

/// The order as it stands, kept still until the transaction ends.
pub(super) async fn lock(
    transaction: &DatabaseTransaction,
    tenant: &Tenant,
    order: OrderId,
) -> Result<Order, Error> {
    let row = of(tenant).filter(Column::OrderId.eq(order.0));
    let row = row.lock_exclusive().one(transaction).await;
    row.map_err(broken)?.ok_or(Error::OrderUnknown)?.try_into()
}

pub(super) async fn insert(
    transaction: &DatabaseTransaction,
    tenant: &Tenant,
    order: &Order,
) -> Result<(), Error> {
    let row = ActiveModel {
        tenant: Set(tenant.as_str().to_owned()),
        order_id: Set(order.id.0),
        subject: Set(order.subject.0),
        merchant: Set(order.merchant.clone()),
        state: Set(order.state.into()),
        releases_max: Set(order.releases_max.into()),
        releases_used: Set(order.releases_used.into()),
        opened_at: Set(order.opened_at),
        expires_at: Set(order.expires_at),
        key_id: Set(order.key_id),
        destruction_pending: Set(false),
    };
    let inserted = Entity::insert(row)
        .exec_without_returning(transaction)
        .await;
    inserted.map(drop).map_err(broken)
}

/// Writes down how many releases of a locked order are used up.
pub(super) async fn set_releases_used(
    transaction: &DatabaseTransaction,
    tenant: &Tenant,
    order: &Order,
) -> Result<(), Error> {
    let used = Expr::value(i64::from(order.releases_used));
    let updated = Entity::update_many()
        .col_expr(Column::ReleasesUsed, used)
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::OrderId.eq(order.id.0))
        .exec(transaction)
        .await;
    updated.map(drop).map_err(broken)
}

/// Closes those of the tenant's open orders that `which` picks; their keys are to be destroyed.
pub(super) async fn close(
    transaction: &DatabaseTransaction,
    tenant: &Tenant,
    which: SimpleExpr,
    ending: Ending,
) -> Result<(), Error> {
    let state = StateName::from(State::Closed(ending));
    let updated = Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::DestructionPending, Expr::value(true))
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::State.eq(StateName::Open))
        .filter(which)
        .exec(transaction)
        .await;
    updated.map(drop).map_err(broken)
}

/// All orders of a person, oldest first.
pub(super) async fn of_subject(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    subject: SubjectId,
) -> Result<Vec<Order>, Error> {
    let theirs = of(tenant)
        .filter(Column::Subject.eq(subject.0))
        .order_by_asc(Column::OpenedAt)
        .order_by_asc(Column::OrderId);
    all(connection, theirs).await
}

/// The closed orders whose key's destruction is not in the log.
pub(super) fn to_destroy(tenant: &Tenant) -> Select<Entity> {
    of(tenant).filter(Column::DestructionPending.eq(true))
}

/// The orders that are selected.
pub(super) async fn all(
    connection: &impl ConnectionTrait,
    selected: Select<Entity>,
) -> Result<Vec<Order>, Error> {
    let rows = selected.all(connection).await.map_err(broken)?;
    rows.into_iter().map(Order::try_from).collect()
}

/// Notes that the log says of these orders' keys that they are gone.
pub(super) async fn set_destroyed(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    orders: &[OrderId],
) -> Result<(), Error> {
    let updated = Entity::update_many()
        .col_expr(Column::DestructionPending, Expr::value(false))
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::OrderId.is_in(orders.iter().map(|order| order.0)))
        .exec(connection)
        .await;
    updated.map(drop).map_err(broken)
}

impl TryFrom<Model> for Order {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        let count = |number: i64| u32::try_from(number).map_err(|_| Error::Corrupt);
        Ok(Self {
            id: OrderId(row.order_id),
            subject: SubjectId(row.subject),
            state: row.state.into(),
            releases_max: count(row.releases_max)?,
            releases_used: count(row.releases_used)?,
            merchant: row.merchant,
            opened_at: row.opened_at,
            expires_at: row.expires_at,
            key_id: row.key_id,
        })
    }
}

impl From<State> for StateName {
    fn from(state: State) -> Self {
        match state {
            State::Open => Self::Open,
            State::Closed(Ending::Settled) => Self::Settled,
            State::Closed(Ending::Cancelled) => Self::Cancelled,
            State::Closed(Ending::Expired) => Self::Expired,
            State::Closed(Ending::Erased) => Self::Erased,
        }
    }
}

impl From<StateName> for State {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Open => Self::Open,
            StateName::Settled => Self::Closed(Ending::Settled),
            StateName::Cancelled => Self::Closed(Ending::Cancelled),
            StateName::Expired => Self::Closed(Ending::Expired),
            StateName::Erased => Self::Closed(Ending::Erased),
        }
    }
}
