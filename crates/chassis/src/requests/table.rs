//! The table of requests.

use std::collections::BTreeSet;

use sea_orm::{ActiveValue::Set, Condition, entity::prelude::*, sea_query::OnConflict};

use super::{RequestId, RequestKey};
use crate::{
    Tenant,
    database::{ROWS_WRITTEN_MAX, find_each, portions},
};

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
    let keys: Vec<_> = ids.iter().map(is_of).collect();
    let rows = find_each::<Entity>(connection, &keys).await?;
    rows.into_iter().map(answered).collect()
}

fn is_of(id: &RequestId) -> Condition {
    Condition::all()
        .add(Column::Tenant.eq(id.tenant.as_str()))
        .add(Column::Caller.eq(&id.caller))
        .add(Column::Request.eq(id.request.clone()))
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
    for rows in portions(&rows, ROWS_WRITTEN_MAX) {
        Entity::insert_many(rows.to_vec())
            .exec_without_returning(connection)
            .await?;
    }
    Ok(())
}

/// Writes the rows, except of ids that have one; whether there was no such id.
pub(super) async fn insert_new<'a>(
    connection: &impl ConnectionTrait,
    answered: impl IntoIterator<Item = (&'a RequestKey, Vec<u8>)>,
    now: i64,
) -> Result<bool, DbErr> {
    let rows: Vec<_> = answered
        .into_iter()
        .map(|(key, answer)| row(key, answer, now))
        .collect();
    let key = [Column::Tenant, Column::Caller, Column::Request];
    for rows in portions(&rows, ROWS_WRITTEN_MAX) {
        let keep = OnConflict::columns(key).do_nothing().to_owned();
        let insert = Entity::insert_many(rows.to_vec()).on_conflict(keep);
        match insert.exec_without_returning(connection).await {
            Ok(written) if written == rows.len() as u64 => {}
            Ok(_) | Err(DbErr::RecordNotInserted) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
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
