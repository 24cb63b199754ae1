//! The one row that says how long the log is; whoever holds its lock is the only writer.

use ledger::{Hash, empty_root};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, QuerySelect};

use super::failed;
use crate::error::Error;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "log_head")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub size: i64,
    pub root: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

const THE_ROW: i64 = 0;

/// How far the log reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) size: u64,
    pub(crate) root: Hash,
}

/// Makes the row of an empty log; replicas that start together may all try.
pub(super) async fn ensure(connection: &impl ConnectionTrait) -> Result<(), Error> {
    let row = ActiveModel {
        id: Set(THE_ROW),
        size: Set(0),
        root: Set(empty_root().to_vec()),
    };
    let kept = OnConflict::column(Column::Id).do_nothing().to_owned();
    let insert = Entity::insert(row).on_conflict(kept);
    insert
        .exec_without_returning(connection)
        .await
        .map_err(failed)?;
    Ok(())
}

pub(super) async fn read(connection: &impl ConnectionTrait) -> Result<Head, Error> {
    head(
        Entity::find_by_id(THE_ROW)
            .one(connection)
            .await
            .map_err(failed)?,
    )
}

/// Waits for every other writer, then reads; the row stays locked until the transaction ends.
pub(super) async fn lock(transaction: &impl ConnectionTrait) -> Result<Head, Error> {
    let select = Entity::find_by_id(THE_ROW).lock_exclusive();
    head(select.one(transaction).await.map_err(failed)?)
}

pub(super) async fn advance(transaction: &impl ConnectionTrait, head: Head) -> Result<(), Error> {
    let size = head.size.cast_signed();
    let row = ActiveModel {
        id: Set(THE_ROW),
        size: Set(size),
        root: Set(head.root.to_vec()),
    };
    Entity::update(row)
        .exec(transaction)
        .await
        .map_err(failed)?;
    Ok(())
}

fn head(row: Option<Model>) -> Result<Head, Error> {
    let row = row.ok_or(Error::LogCorrupt)?;
    let root = row.root.try_into().map_err(|_| Error::LogCorrupt)?;
    Ok(Head {
        size: row.size.cast_unsigned(),
        root,
    })
}
