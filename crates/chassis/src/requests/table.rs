//! The table of requests.

use std::collections::BTreeSet;

use sea_orm::{Value, entity::prelude::*};

use super::{RequestId, RequestKey};
use crate::{
    Tenant,
    database::{find_many, insert_many},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
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
    insert_many(connection, &[row], "").await.map(|_| ())
}

/// The ids that have a row, with what it says.
pub(super) async fn find_all(
    connection: &impl ConnectionTrait,
    ids: &BTreeSet<RequestId>,
) -> Result<Vec<(RequestKey, Vec<u8>)>, DbErr> {
    let keys: Vec<_> = ids.iter().map(primary_key).collect();
    let rows = find_many::<Entity>(connection, &keys).await?;
    rows.into_iter().map(answered).collect()
}

fn primary_key(id: &RequestId) -> Vec<Value> {
    vec![
        id.tenant.as_str().into(),
        id.caller.as_str().into(),
        id.request.clone().into(),
    ]
}

pub(super) async fn insert_all<'a>(
    connection: &impl ConnectionTrait,
    answered: impl IntoIterator<Item = (&'a RequestKey, Vec<u8>)>,
    now: i64,
) -> Result<(), DbErr> {
    let rows = answered.into_iter();
    let rows: Vec<_> = rows.map(|(key, answer)| row(key, answer, now)).collect();
    insert_many(connection, &rows, "").await.map(|_| ())
}

/// Writes the rows, except of ids that have one; whether there was no such id.
pub(super) async fn insert_new<'a>(
    connection: &impl ConnectionTrait,
    answered: impl IntoIterator<Item = (&'a RequestKey, Vec<u8>)>,
    now: i64,
) -> Result<bool, DbErr> {
    let rows = answered.into_iter();
    let rows: Vec<_> = rows.map(|(key, answer)| row(key, answer, now)).collect();
    let written = insert_many(
        connection,
        &rows,
        "ON CONFLICT (tenant, caller, request) DO NOTHING",
    );
    Ok(written.await? == rows.len() as u64)
}

fn row(key: &RequestKey, answer: Vec<u8>, now: i64) -> Model {
    Model {
        tenant: key.tenant.as_str().to_owned(),
        caller: key.caller.clone(),
        request: key.request.clone(),
        method: key.method.clone(),
        content: key.content.clone(),
        answer,
        at: now,
    }
}

fn answered(row: Model) -> Result<(RequestKey, Vec<u8>), DbErr> {
    let tenant = Tenant::parse(&row.tenant);
    let key = RequestKey {
        tenant: tenant.map_err(|_| DbErr::Custom("a request of no tenant".to_owned()))?,
        caller: row.caller,
        request: row.request,
        method: row.method,
        content: row.content,
    };
    Ok((key, row.answer))
}

pub(super) async fn delete_before(
    connection: &impl ConnectionTrait,
    before: i64,
) -> Result<(), DbErr> {
    let old = Entity::delete_many().filter(Column::At.lt(before));
    old.exec(connection).await.map(|_| ())
}
