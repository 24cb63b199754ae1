//! The entries: public leaf bytes in the clear, and beside them the sealed opening.

use chassis::{Tenant, insert_many};
use ledger::Entry;
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};

use super::failed;
use crate::batch::NewEntry;
use crate::error::Error;
use crate::seal::SealingKeys;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "entries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i64,
    pub entry_id: Uuid,
    pub tenant: String,
    pub subject: Option<Uuid>,
    pub key_id: Uuid,
    pub entry: Vec<u8>,
    pub sealed: Vec<u8>,
    pub recorded_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// An entry as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredEntry {
    pub(crate) index: u64,
    pub(crate) subject: Option<Uuid>,
    pub(crate) key_id: Uuid,
    pub(crate) entry: Entry,
    pub(crate) sealed: Vec<u8>,
    /// Unix milliseconds.
    pub(crate) recorded_at: i64,
}

pub(super) async fn insert(
    transaction: &impl ConnectionTrait,
    entries: &[NewEntry],
    keys: &SealingKeys,
) -> Result<(), Error> {
    let rows = entries.iter().map(|it| row(it, keys));
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    insert_many(transaction, &rows, "").await.map_err(failed)?;
    Ok(())
}

pub(super) async fn by_id(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    entry_id: Uuid,
) -> Result<Option<StoredEntry>, Error> {
    let select = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::EntryId.eq(entry_id));
    let row = select.one(connection).await.map_err(failed)?;
    row.map(StoredEntry::try_from).transpose()
}

/// Oldest first, from `from` on.
pub(super) async fn of_subject(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    subject: Uuid,
    from: u64,
    limit: u64,
) -> Result<Vec<StoredEntry>, Error> {
    let select = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Subject.eq(subject))
        .filter(Column::Position.gte(from.cast_signed()))
        .order_by_asc(Column::Position)
        .limit(limit);
    let rows = select.all(connection).await.map_err(failed)?;
    rows.into_iter().map(StoredEntry::try_from).collect()
}

/// The public bytes of the entries from `from` on, before `until`, in order.
pub(super) async fn bytes(
    connection: &impl ConnectionTrait,
    from: u64,
    until: u64,
) -> Result<Vec<Vec<u8>>, Error> {
    let select = Entity::find()
        .select_only()
        .column(Column::Entry)
        .filter(Column::Position.gte(from.cast_signed()))
        .filter(Column::Position.lt(until.cast_signed()))
        .order_by_asc(Column::Position);
    select.into_tuple().all(connection).await.map_err(failed)
}

/// Place and public bytes of the subject's entries, oldest first, from `from` on.
pub(super) async fn bytes_of_subject(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    subject: Uuid,
    from: u64,
    limit: u64,
) -> Result<Vec<(u64, Vec<u8>)>, Error> {
    let select = Entity::find()
        .select_only()
        .columns([Column::Position, Column::Entry])
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Subject.eq(subject))
        .filter(Column::Position.gte(from.cast_signed()))
        .order_by_asc(Column::Position)
        .limit(limit);
    let rows: Vec<(i64, Vec<u8>)> = select.into_tuple().all(connection).await.map_err(failed)?;
    let placed = |(position, bytes): (i64, Vec<u8>)| (position.cast_unsigned(), bytes);
    Ok(rows.into_iter().map(placed).collect())
}

/// When the subject's newest entry became durable.
pub(super) async fn newest_of(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    subject: Uuid,
) -> Result<Option<i64>, Error> {
    let select = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Subject.eq(subject))
        .order_by_desc(Column::Position)
        .limit(1);
    let row = select.one(connection).await.map_err(failed)?;
    Ok(row.map(|it| it.recorded_at))
}

/// When the entry at a place became durable.
pub(super) async fn recorded_at(
    connection: &impl ConnectionTrait,
    index: u64,
) -> Result<Option<i64>, Error> {
    let row = Entity::find_by_id(index.cast_signed())
        .one(connection)
        .await
        .map_err(failed)?;
    Ok(row.map(|it| it.recorded_at))
}

fn row(new: &NewEntry, keys: &SealingKeys) -> Result<Model, Error> {
    let (tenant, subject) = &new.sealer;
    let (key_id, sealed) = keys.seal(new)?;
    Ok(Model {
        position: new.recorded.index.cast_signed(),
        entry_id: new.recorded.entry_id,
        tenant: tenant.as_str().to_owned(),
        subject: *subject,
        key_id,
        entry: new.entry.to_bytes().to_vec(),
        sealed,
        recorded_at: new.recorded.recorded_at,
    })
}

impl TryFrom<Model> for StoredEntry {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        Ok(Self {
            index: row.position.cast_unsigned(),
            subject: row.subject,
            key_id: row.key_id,
            entry: Entry::parse(&row.entry).map_err(|_| Error::LogCorrupt)?,
            sealed: row.sealed,
            recorded_at: row.recorded_at,
        })
    }
}
