//! The tiles of the Merkle tree, each in its widest form.

use std::collections::HashMap;

use chassis::insert_many;
use ledger::{Tile, TileId};
use sea_orm::Condition;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait;

use super::failed;
use crate::error::Error;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tiles")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub level: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub place: i64,
    pub hashes: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Tiles that were read, to compute with.
#[derive(Debug, Default)]
pub(crate) struct Tiles(HashMap<(u8, u64), Vec<u8>>);

impl Tiles {
    /// The hashes of a tile, or of a wider one at its place.
    pub(crate) fn hashes(&self, id: TileId) -> Option<Vec<u8>> {
        self.0.get(&(id.level, id.index)).cloned()
    }
}

pub(super) async fn read(
    connection: &impl ConnectionTrait,
    ids: &[TileId],
) -> Result<Tiles, Error> {
    if ids.is_empty() {
        return Ok(Tiles::default());
    }
    let mut any = Condition::any();
    for id in ids {
        let level = Column::Level.eq(i64::from(id.level));
        any = any.add(level.and(Column::Place.eq(id.index.cast_signed())));
    }
    let rows = Entity::find()
        .filter(any)
        .all(connection)
        .await
        .map_err(failed)?;
    let hashes = |row: Model| {
        let level = u8::try_from(row.level).map_err(|_| Error::LogCorrupt)?;
        Ok(((level, row.place.cast_unsigned()), row.hashes))
    };
    rows.into_iter()
        .map(hashes)
        .collect::<Result<_, _>>()
        .map(Tiles)
}

/// Stores tiles that grew over their narrower selves.
pub(super) async fn put(transaction: &impl ConnectionTrait, tiles: &[Tile]) -> Result<(), Error> {
    let rows = tiles.iter().map(|tile| Model {
        level: i64::from(tile.id.level),
        place: tile.id.index.cast_signed(),
        hashes: tile.hashes.clone(),
    });
    let grown = "ON CONFLICT (level, place) DO UPDATE SET hashes = excluded.hashes";
    let insert = insert_many(transaction, &rows.collect::<Vec<_>>(), grown).await;
    insert.map_err(failed)?;
    Ok(())
}
