//! The memory of orders: one method is one question and one transaction.

mod endings;
mod orders;
mod releases;
mod subjects;
mod values;

#[cfg(test)]
mod tests;

use chassis::{Database, DatabaseFailure, Migration, RequestKey, Sql, Tenant, failure, requests};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, SqlErr};
use uuid::Uuid;
use vault::Key;

use crate::{
    error::Error,
    order::{Order, OrderId, SubjectId},
    release::Release,
    value::{SealedValue, Value},
};

/// The schema of this service, in the order it came about.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "orders",
        sql: Sql::Same(include_str!("store/migrations/0001_orders.sql")),
    },
    requests::MIGRATION,
];

/// What one call brings for an order.
pub(crate) struct Collected<'a> {
    /// The order it is for.
    pub(crate) order: OrderId,
    /// Who placed that order, as the grant has it.
    pub(crate) subject: SubjectId,
    /// The values, one per category.
    pub(crate) values: &'a [Value],
    /// The request that brings them.
    pub(crate) request: &'a RequestKey,
}

/// The orders in their database.
#[derive(Clone)]
pub(crate) struct Store {
    database: Database,
}

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// The order and the categories stored with it.
    pub(crate) async fn order(
        &self,
        tenant: &Tenant,
        id: OrderId,
    ) -> Result<(Order, Vec<String>), Error> {
        let connection = self.database.read();
        let order = orders::find(connection, tenant, id).await?;
        let categories = values::categories(connection, tenant, id).await?;
        Ok((order.ok_or(Error::OrderUnknown)?, categories))
    }

    /// The order that this very request opened before, if it did.
    pub(crate) async fn opened_before(
        &self,
        tenant: &Tenant,
        request: &RequestKey,
    ) -> Result<Option<Order>, Error> {
        opened_by(self.database.read(), tenant, request).await
    }

    /// Enters a new order, unless the same request was faster elsewhere: the answer is the order
    /// that the request has opened.
    pub(crate) async fn open_order(
        &self,
        tenant: &Tenant,
        order: Order,
        request: &RequestKey,
    ) -> Result<Order, Error> {
        let transaction = self.begin().await?;
        if subjects::lock(&transaction, tenant, order.subject).await? {
            return Err(Error::SubjectErased);
        }
        if let Some(before) = opened_by(&transaction, tenant, request).await? {
            return Ok(before);
        }
        orders::insert(&transaction, tenant, &order).await?;
        let answer = order.id.0.as_bytes();
        remember(&transaction, request, answer, order.opened_at).await?;
        commit(transaction).await?;
        Ok(order)
    }

    /// What this very request was answered when it stored its values, if it did. Its order may have
    /// ended since.
    pub(crate) async fn stored_before(
        &self,
        request: &RequestKey,
    ) -> Result<Option<Vec<String>>, Error> {
        let answer = requests::replay(self.database.read(), request).await?;
        answer.as_deref().map(categories_of).transpose()
    }

    /// Seals the values under their order and keeps them, each in place of its category's former
    /// one. The answer is the categories then stored.
    pub(crate) async fn put_values(
        &self,
        tenant: &Tenant,
        collected: &Collected<'_>,
        key: &Key,
        now: i64,
    ) -> Result<Vec<String>, Error> {
        let transaction = self.begin().await?;
        let order = orders::lock(&transaction, tenant, collected.order).await?;
        order.require_placed_by(collected.subject)?;
        if let Some(answer) = requests::replay(&transaction, collected.request).await? {
            return categories_of(&answer);
        }
        order.require_open(now)?;
        let brought = collected.values.iter().map(Value::category);
        let before = values::sealed(&transaction, tenant, order.id, brought).await?;
        // Sealed here, because the version is part of the place and known only under the lock.
        let sealed = collected.values.iter().map(|value| {
            let former = before.iter().find(|it| it.category == value.category());
            let version = former.map_or(1, |former| former.version + 1);
            value.seal(key, tenant.as_str(), &order, version)
        });
        values::put(&transaction, tenant, order.id, sealed).await?;
        let categories = values::categories(&transaction, tenant, order.id).await?;
        let answer = categories.join("\n");
        remember(&transaction, collected.request, answer.as_bytes(), now).await?;
        commit(transaction).await?;
        Ok(categories)
    }

    /// Uses up one of the order's releases, or takes up again what the same release used up before.
    /// The answer is the order and the wanted values, sealed, in the order wanted.
    pub(crate) async fn reserve(
        &self,
        tenant: &Tenant,
        release: &Release,
        now: i64,
    ) -> Result<(Order, Vec<SealedValue>), Error> {
        let transaction = self.begin().await?;
        let mut order = orders::lock(&transaction, tenant, release.order).await?;
        order.require_placed_by(release.subject)?;
        match releases::content(&transaction, tenant, release).await? {
            Some(content) if content == release.content => order.require_open(now)?,
            Some(_) => return Err(Error::IdempotencyConflict),
            None => {
                order = order.spend(now)?;
                releases::insert(&transaction, tenant, release, now).await?;
                orders::set_releases_used(&transaction, tenant, &order).await?;
            }
        }
        let wanted = release.categories.iter().map(String::as_str);
        let sealed = values::sealed(&transaction, tenant, order.id, wanted).await?;
        let sealed = in_order(sealed, &release.categories)?;
        commit(transaction).await?;
        Ok((order, sealed))
    }

    /// Notes that the release is answered.
    pub(crate) async fn complete(
        &self,
        tenant: &Tenant,
        release: &Release,
        now: i64,
    ) -> Result<(), Error> {
        releases::set_completed(self.database.write(), tenant, release, now).await
    }

    /// Forgets what requests before a time were answered; their ids may come again.
    pub(crate) async fn forget_requests(&self, before: i64) -> Result<(), Error> {
        let forgotten = requests::sweep(self.database.write(), before).await;
        forgotten.map_err(broken)
    }

    async fn begin(&self) -> Result<DatabaseTransaction, Error> {
        self.database.begin().await.map_err(broken)
    }
}

async fn commit(transaction: DatabaseTransaction) -> Result<(), Error> {
    transaction.commit().await.map_err(broken)
}

async fn remember(
    transaction: &DatabaseTransaction,
    request: &RequestKey,
    answer: &[u8],
    now: i64,
) -> Result<(), Error> {
    let remembered = requests::remember(transaction, request, answer, now).await;
    remembered.map_err(taken)
}

/// The values in the order wanted, if all are there.
fn in_order(mut values: Vec<SealedValue>, wanted: &[String]) -> Result<Vec<SealedValue>, Error> {
    let place = |category: &str| wanted.iter().position(|it| it == category);
    values.sort_by_key(|value| place(&value.category));
    match values.len() == wanted.len() {
        true => Ok(values),
        false => Err(Error::ValueMissing),
    }
}

/// The order that a request opened: its id is what is remembered of it.
async fn opened_by(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    request: &RequestKey,
) -> Result<Option<Order>, Error> {
    let Some(answer) = requests::replay(connection, request).await? else {
        return Ok(None);
    };
    let id = Uuid::from_slice(&answer).map_err(|_| Error::Corrupt)?;
    orders::find(connection, tenant, OrderId(id)).await
}

/// What is remembered of a request that stored values.
fn categories_of(answer: &[u8]) -> Result<Vec<String>, Error> {
    let text = std::str::from_utf8(answer).map_err(|_| Error::Corrupt)?;
    Ok(text.split('\n').map(str::to_owned).collect())
}

/// What matters to a caller is whether trying again can help.
pub(crate) fn broken(error: DbErr) -> Error {
    match failure(&error) {
        DatabaseFailure::Unavailable | DatabaseFailure::LostRace => Error::StoreUnavailable,
        DatabaseFailure::Unique | DatabaseFailure::Broken => Error::Corrupt,
    }
}

/// Two different requests came under one id at the same time, and this one came second.
fn taken(error: DbErr) -> Error {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => Error::IdempotencyConflict,
        _ => broken(error),
    }
}
