//! The memory of orders that end: what closes them, and which keys are still to be destroyed.

use chassis::Tenant;
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, sea_query::SimpleExpr,
};

use super::{Store, commit, orders, orders::Column, subjects, values};
use crate::{
    error::Error,
    order::{Closing, Ending, Order, OrderId, State, SubjectId},
};

impl Store {
    /// Closes an order in one of the ways a caller can, and removes what was given with it. From
    /// here on its key is to be destroyed.
    pub(crate) async fn close(
        &self,
        tenant: &Tenant,
        id: OrderId,
        ending: Ending,
        now: i64,
    ) -> Result<Order, Error> {
        let transaction = self.begin().await?;
        let order = orders::lock(&transaction, tenant, id).await?;
        if order.close(ending, now)? == Closing::Now {
            close_those(&transaction, tenant, Column::OrderId.eq(id.0), ending).await?;
            commit(transaction).await?;
        }
        Ok(Order {
            state: State::Closed(ending),
            ..order
        })
    }

    /// Closes all open orders of a person and lets no more be opened. The answer is every order the
    /// person ever placed, oldest first.
    pub(crate) async fn erase(
        &self,
        tenant: &Tenant,
        subject: SubjectId,
        now: i64,
    ) -> Result<Vec<Order>, Error> {
        let transaction = self.begin().await?;
        if !subjects::lock(&transaction, tenant, subject).await? {
            subjects::set_erased(&transaction, tenant, subject, now).await?;
            let theirs = Column::Subject.eq(subject.0);
            close_those(&transaction, tenant, theirs, Ending::Erased).await?;
        }
        let orders = orders::of_subject(&transaction, tenant, subject).await?;
        commit(transaction).await?;
        Ok(orders)
    }

    /// Closes the open orders whose time is over.
    pub(crate) async fn expire(&self, tenant: &Tenant, now: i64) -> Result<(), Error> {
        let transaction = self.begin().await?;
        let over = Column::ExpiresAt.lte(now);
        close_those(&transaction, tenant, over, Ending::Expired).await?;
        commit(transaction).await
    }

    /// Up to `limit` closed orders, of one person or of all, of which the log does not yet say that
    /// their key is gone: in the order of their ids, from the first one after `after`.
    pub(crate) async fn to_destroy(
        &self,
        tenant: &Tenant,
        subject: Option<SubjectId>,
        after: Option<OrderId>,
        limit: u64,
    ) -> Result<Vec<Order>, Error> {
        let theirs = subject.map(|subject| Column::Subject.eq(subject.0));
        let later = after.map(|after| Column::OrderId.gt(after.0));
        let closed = orders::to_destroy(tenant)
            .filter(Condition::all().add_option(theirs).add_option(later))
            .order_by_asc(Column::OrderId)
            .limit(limit);
        orders::all(self.database.read(), closed).await
    }

    /// How many there are of them.
    pub(crate) async fn count_to_destroy(&self, tenant: &Tenant) -> Result<u64, Error> {
        let count = orders::to_destroy(tenant).count(self.database.read()).await;
        count.map_err(super::broken)
    }

    /// Notes that the log says it.
    pub(crate) async fn destruction_recorded(
        &self,
        tenant: &Tenant,
        orders: &[OrderId],
    ) -> Result<(), Error> {
        orders::set_destroyed(self.database.write(), tenant, orders).await
    }
}

/// Closes those of the tenant's open orders that `which` picks, then removes what was given with
/// them: in this order, because closing waits for whoever is storing a value just now.
async fn close_those(
    transaction: &DatabaseTransaction,
    tenant: &Tenant,
    which: SimpleExpr,
    ending: Ending,
) -> Result<(), Error> {
    orders::close(transaction, tenant, which.clone(), ending).await?;
    let closed = orders::to_destroy(tenant).filter(which);
    let ids = closed.select_only().column(Column::OrderId).into_query();
    values::remove(transaction, tenant, ids).await
}
