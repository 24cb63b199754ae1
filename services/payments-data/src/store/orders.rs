//! The table of orders.

use sea_orm::{
    QueryOrder, QuerySelect, Set, entity::prelude::*, sea_query::Expr, sea_query::IntoCondition,
};

use crate::order::{Ending, Order, OrderId, State, SubjectId};

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

fn of(tenant: &str) -> Select<Entity> {
    Entity::find().filter(Column::Tenant.eq(tenant))
}

/// The order as it stands.
pub(super) async fn find(
    connection: &impl ConnectionTrait,
    tenant: &str,
    order: OrderId,
) -> Result<Option<Order>, DbErr> {
    let row = of(tenant).filter(Column::OrderId.eq(order.0));
    row.one(connection).await?.map(Order::try_from).transpose()
}

/// The order as it stands, kept still until the transaction ends.
pub(super) async fn lock(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    order: OrderId,
) -> Result<Option<Order>, DbErr> {
    let row = of(tenant).filter(Column::OrderId.eq(order.0));
    let row = row.lock_exclusive().one(transaction).await?;
    row.map(Order::try_from).transpose()
}

pub(super) async fn insert(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    order: &Order,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        tenant: Set(tenant.to_owned()),
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
    Entity::insert(row)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// Writes down how many releases of a locked order are used up.
pub(super) async fn set_releases_used(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    order: &Order,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(
            Column::ReleasesUsed,
            Expr::value(i64::from(order.releases_used)),
        )
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::OrderId.eq(order.id.0))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Closes those of the tenant's open orders that `which` picks; their keys are to be destroyed.
pub(super) async fn close(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    which: impl IntoCondition,
    ending: Ending,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(
            Column::State,
            Expr::value(StateName::from(State::Closed(ending))),
        )
        .col_expr(Column::DestructionPending, Expr::value(true))
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::State.eq(StateName::Open))
        .filter(which)
        .exec(transaction)
        .await?;
    Ok(())
}

/// All orders of a person, oldest first.
pub(super) async fn of_subject(
    connection: &impl ConnectionTrait,
    tenant: &str,
    subject: SubjectId,
) -> Result<Vec<Order>, DbErr> {
    let theirs = of(tenant)
        .filter(Column::Subject.eq(subject.0))
        .order_by_asc(Column::OpenedAt)
        .order_by_asc(Column::OrderId);
    all(connection, theirs).await
}

/// The closed orders whose key's destruction is not in the log.
pub(super) fn to_destroy(tenant: &str) -> Select<Entity> {
    of(tenant).filter(Column::DestructionPending.eq(true))
}

/// The orders that are selected.
pub(super) async fn all(
    connection: &impl ConnectionTrait,
    selected: Select<Entity>,
) -> Result<Vec<Order>, DbErr> {
    let rows = selected.all(connection).await?;
    rows.into_iter().map(Order::try_from).collect()
}

/// Notes that the log says of these orders' keys that they are gone.
pub(super) async fn set_destroyed(
    connection: &impl ConnectionTrait,
    tenant: &str,
    orders: &[OrderId],
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::DestructionPending, Expr::value(false))
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::OrderId.is_in(orders.iter().map(|order| order.0)))
        .exec(connection)
        .await?;
    Ok(())
}

impl TryFrom<Model> for Order {
    type Error = DbErr;

    fn try_from(row: Model) -> Result<Self, DbErr> {
        let count = |number: i64| {
            u32::try_from(number).map_err(|_| DbErr::Type("a count of releases".to_owned()))
        };
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
