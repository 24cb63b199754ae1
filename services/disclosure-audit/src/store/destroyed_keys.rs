//! Which keys were destroyed, by whose word: what a vault replays after a restore.

use std::collections::{BTreeSet, HashMap};

use chassis::{Tenant, insert_many};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};

use super::{by_tenant, failed};
use crate::batch::{DestructionId, Recorded};
use crate::error::Error;
use crate::event::KeyDestruction;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "destroyed_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub recorded_by: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub key_id: Uuid,
    pub owner_kind: String,
    pub owner_id: Uuid,
    pub entry_id: Uuid,
    pub position: i64,
    pub recorded_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

type Destruction = (KeyDestruction, Recorded);

/// Those of the given destructions that are in the log.
pub(super) async fn known(
    connection: &impl ConnectionTrait,
    ids: BTreeSet<DestructionId>,
) -> Result<HashMap<DestructionId, Destruction>, Error> {
    let by_key: Vec<_> = ids
        .iter()
        .map(|(tenant, _, key)| (tenant.clone(), *key))
        .collect();
    let mut found = HashMap::new();
    for (tenant, keys) in by_tenant(by_key) {
        let select = Entity::find()
            .filter(Column::Tenant.eq(tenant.as_str()))
            .filter(Column::KeyId.is_in(keys));
        for row in select.all(connection).await.map_err(failed)? {
            let id = (tenant.clone(), row.recorded_by.clone(), row.key_id);
            found.insert(id, destruction(row));
        }
    }
    Ok(found)
}

/// Oldest first, from place `from` on.
pub(super) async fn page(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    recorded_by: &str,
    from: u64,
    limit: u64,
) -> Result<Vec<Destruction>, Error> {
    let select = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::RecordedBy.eq(recorded_by))
        .filter(Column::Position.gte(from.cast_signed()))
        .order_by_asc(Column::Position)
        .limit(limit);
    let rows = select.all(connection).await.map_err(failed)?;
    Ok(rows.into_iter().map(destruction).collect())
}

pub(super) async fn insert(
    transaction: &impl ConnectionTrait,
    destructions: &[(DestructionId, KeyDestruction, Recorded)],
) -> Result<(), Error> {
    let rows: Vec<_> = destructions.iter().map(row).collect();
    insert_many(transaction, &rows, "").await.map_err(failed)?;
    Ok(())
}

fn row((id, destruction, recorded): &(DestructionId, KeyDestruction, Recorded)) -> Model {
    let (tenant, recorded_by, key_id) = id;
    Model {
        tenant: tenant.as_str().to_owned(),
        recorded_by: recorded_by.clone(),
        key_id: *key_id,
        owner_kind: destruction.owner_kind.clone(),
        owner_id: destruction.owner_id,
        entry_id: recorded.entry_id,
        position: recorded.index.cast_signed(),
        recorded_at: recorded.recorded_at,
    }
}

fn destruction(row: Model) -> Destruction {
    let destruction = KeyDestruction {
        key_id: row.key_id,
        owner_kind: row.owner_kind,
        owner_id: row.owner_id,
        // In the entry only: a vault that replays needs the key's name.
        covers: None,
    };
    let recorded = Recorded {
        entry_id: row.entry_id,
        index: row.position.cast_unsigned(),
        recorded_at: row.recorded_at,
    };
    (destruction, recorded)
}
