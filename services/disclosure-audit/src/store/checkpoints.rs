//! The signed checkpoints, each larger than the one before.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, QueryOrder};

use super::failed;
use crate::error::Error;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "checkpoints")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub size: i64,
    pub note: String,
    pub signed_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A checkpoint as published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedCheckpoint {
    /// Leaves in the tree it covers.
    pub(crate) size: u64,
    /// The C2SP signed note.
    pub(crate) note: String,
}

pub(super) async fn newest(
    connection: &impl ConnectionTrait,
) -> Result<Option<SignedCheckpoint>, Error> {
    let select = Entity::find().order_by_desc(Column::Size);
    let row = select.one(connection).await.map_err(failed)?;
    Ok(row.map(|it| SignedCheckpoint {
        size: it.size.cast_unsigned(),
        note: it.note,
    }))
}

pub(super) async fn insert(
    transaction: &impl ConnectionTrait,
    checkpoint: &SignedCheckpoint,
    now: i64,
) -> Result<(), Error> {
    let row = ActiveModel {
        size: Set(checkpoint.size.cast_signed()),
        note: Set(checkpoint.note.clone()),
        signed_at: Set(now),
    };
    Entity::insert(row)
        .exec_without_returning(transaction)
        .await
        .map_err(failed)?;
    Ok(())
}
