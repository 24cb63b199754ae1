//! The table of requests.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ActiveValue::Set, entity::prelude::*};

use super::{RequestId, RequestKey};
use crate::Tenant;

/// SQLite binds at most 32,766 values in a statement; a row has seven.
const ROWS_PER_STATEMENT: usize = 1_000;

#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "requests")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub caller: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub request: Vec<u8>,
    pub method: String,
    pub content: Vec<u8>,
    pub answer: Vec<u8>,
    pub at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn find(
    connection: &impl ConnectionTrait,
    key: &RequestKey,
) -> Result<Option<Model>, DbErr> {
    let id = (
        key.tenant.as_str().to_owned(),
        key.caller.clone(),
        key.request.clone(),
    );
    Entity::find_by_id(id).one(connection).await
}

pub(super) async fn insert(
    connection: &impl ConnectionTrait,
    key: &RequestKey,
    answer: &[u8],
    now: i64,
) -> Result<(), DbErr> {
    let row = row(key, answer.to_vec(), now);
    Entity::insert(row)
        .exec_without_returning(connection)
        .await
        .map(|_| ())
}

/// The ids that have a row, with what it says.
pub(super) async fn find_all(
    connection: &impl ConnectionTrait,
    ids: &BTreeSet<RequestId>,
) -> Result<Vec<(RequestKey, Vec<u8>)>, DbErr> {
    let mut by_caller: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for id in ids {
        by_caller
            .entry((&id.tenant, &id.caller))
            .or_default()
            .push(id.request.clone());
    }
    let mut found = Vec::new();
    for ((tenant, caller), requests) in by_caller {
        for requests in requests.chunks(ROWS_PER_STATEMENT) {
            let rows = Entity::find()
                .filter(Column::Tenant.eq(tenant.as_str()))
                .filter(Column::Caller.eq(caller))
                .filter(Column::Request.is_in(requests.to_vec()));
            let rows = rows.all(connection).await?;
            found.extend(rows.into_iter().map(|row| answered(tenant, row)));
        }
    }
    Ok(found)
}

pub(super) async fn insert_all<'a>(
    connection: &impl ConnectionTrait,
    answered: impl IntoIterator<Item = (&'a RequestKey, Vec<u8>)>,
    now: i64,
) -> Result<(), DbErr> {
    let rows: Vec<_> = answered
        .into_iter()
        .map(|(key, answer)| row(key, answer, now))
        .collect();
    for rows in rows.chunks(ROWS_PER_STATEMENT) {
        Entity::insert_many(rows.to_vec())
            .exec_without_returning(connection)
            .await?;
    }
    Ok(())
}

fn row(key: &RequestKey, answer: Vec<u8>, now: i64) -> ActiveModel {
    ActiveModel {
        tenant: Set(key.tenant.as_str().to_owned()),
        caller: Set(key.caller.clone()),
        request: Set(key.request.clone()),
        method: Set(key.method.clone()),
        content: Set(key.content.clone()),
        answer: Set(answer),
        at: Set(now),
    }
}

fn answered(tenant: &Tenant, row: Model) -> (RequestKey, Vec<u8>) {
    let key = RequestKey {
        tenant: tenant.clone(),
        caller: row.caller,
        request: row.request,
        method: row.method,
        content: row.content,
    };
    (key, row.answer)
}

pub(super) async fn delete_before(
    connection: &impl ConnectionTrait,
    before: i64,
) -> Result<(), DbErr> {
    let old = Entity::delete_many().filter(Column::At.lt(before));
    old.exec(connection).await.map(|_| ())
}
