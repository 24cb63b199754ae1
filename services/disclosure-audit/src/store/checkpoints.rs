//! The signed checkpoints, each larger than the one before.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
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
    pub cosigned: Option<String>,
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
    /// When it was signed, in Unix milliseconds.
    pub(crate) signed_at: i64,
}

pub(super) async fn newest(
    connection: &impl ConnectionTrait,
) -> Result<Option<SignedCheckpoint>, Error> {
    let select = Entity::find().order_by_desc(Column::Size);
    let row = select.one(connection).await.map_err(failed)?;
    Ok(row.map(|it| signed(it.size, it.signed_at, it.note)))
}

/// The newest that the witnesses have cosigned, with their cosignatures.
pub(super) async fn newest_cosigned(
    connection: &impl ConnectionTrait,
) -> Result<Option<SignedCheckpoint>, Error> {
    let select = Entity::find()
        .filter(Column::Cosigned.is_not_null())
        .order_by_desc(Column::Size);
    let row = select.one(connection).await.map_err(failed)?;
    Ok(row.and_then(|it| Some(signed(it.size, it.signed_at, it.cosigned?))))
}

fn signed(size: i64, signed_at: i64, note: String) -> SignedCheckpoint {
    SignedCheckpoint {
        size: size.cast_unsigned(),
        note,
        signed_at,
    }
}

/// Keeps the cosigned note of a checkpoint that has none yet.
pub(super) async fn cosign(
    connection: &impl ConnectionTrait,
    size: u64,
    note: &str,
) -> Result<(), Error> {
    let update = Entity::update_many()
        .col_expr(Column::Cosigned, Expr::value(note))
        .filter(Column::Size.eq(size.cast_signed()))
        .filter(Column::Cosigned.is_null());
    update.exec(connection).await.map_err(failed)?;
    Ok(())
}

pub(super) async fn insert(
    transaction: &impl ConnectionTrait,
    checkpoint: &SignedCheckpoint,
) -> Result<(), Error> {
    let row = ActiveModel {
        size: Set(checkpoint.size.cast_signed()),
        note: Set(checkpoint.note.clone()),
        signed_at: Set(checkpoint.signed_at),
        cosigned: Set(None),
    };
    Entity::insert(row)
        .exec_without_returning(transaction)
        .await
        .map_err(failed)?;
    Ok(())
}
