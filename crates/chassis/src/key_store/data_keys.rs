//! The table of the owners' keys. A row outlives its key, as the sign that the key was destroyed.

use std::collections::{BTreeSet, HashMap, HashSet};

use sea_orm::{
    ActiveValue::Set,
    Condition, QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use vault::Owner;

use crate::database::{find_many, insert_many};

/// Its name.
pub(super) const TABLE: &str = "data_keys";

/// SQLite binds at most 32,766 values in a statement; a row has seven.
const ROWS_PER_STATEMENT: usize = 1_000;

#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "data_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_kind: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner: Uuid,
    pub key_id: Option<Uuid>,
    pub wrapped: Option<Vec<u8>>,
    pub created_at: i64,
    pub destroyed_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// A new row of `owner`. Without a key it is that of one who was destroyed before having one.
    pub(super) fn new(tenant: &str, owner: &Owner, now: i64) -> Model {
        let (kind, owner) = name(owner);
        Model {
            tenant: tenant.to_owned(),
            owner_kind: kind.to_owned(),
            owner,
            key_id: None,
            wrapped: None,
            created_at: now,
            destroyed_at: None,
        }
    }

    /// Whose it is, as [`name`] gives it.
    pub(super) fn name(&self) -> (&str, Uuid) {
        (&self.owner_kind, self.owner)
    }
}

/// The rows of those owners that have one.
pub(super) async fn find(
    connection: &impl ConnectionTrait,
    tenant: &str,
    owners: &[Owner],
) -> Result<Vec<Model>, DbErr> {
    let keys = owners.iter().map(name);
    let keys = keys.map(|(kind, owner)| vec![tenant.into(), kind.into(), owner.into()]);
    find_many::<Entity>(connection, &keys.collect::<Vec<_>>()).await
}

/// Writes the rows, except of owners that have one.
pub(super) async fn insert_missing(
    connection: &impl ConnectionTrait,
    rows: &[Model],
) -> Result<(), DbErr> {
    let keep = "ON CONFLICT (tenant, owner_kind, owner) DO NOTHING";
    insert_many(connection, rows, keep).await.map(|_| ())
}

/// Those of the owners that have a key.
pub(super) async fn present(
    connection: &impl ConnectionTrait,
    tenant: &str,
    owners: &[Owner],
) -> Result<Vec<Owner>, DbErr> {
    let mut present = HashSet::new();
    for owners in owners.chunks(ROWS_PER_STATEMENT) {
        let found = Entity::find()
            .select_only()
            .columns([Column::OwnerKind, Column::Owner])
            .filter(are_of(tenant, owners))
            .filter(Column::Wrapped.is_not_null());
        let names: Vec<(String, Uuid)> = found.into_tuple().all(connection).await?;
        present.extend(names);
    }
    let is_present = |it: &&Owner| {
        let (kind, owner) = name(it);
        present.contains(&(kind.to_owned(), owner))
    };
    Ok(owners.iter().filter(is_present).copied().collect())
}

/// Empties the rows of the owners, or writes empty ones, so that a key that is being made at this
/// moment is either destroyed by it or not made. The answer is the rows as they are.
///
/// It must be one transaction where the owners are more than fit a statement.
pub(super) async fn destroy(
    connection: &impl ConnectionTrait,
    tenant: &str,
    owners: &[Owner],
    now: i64,
) -> Result<Vec<Model>, DbErr> {
    // In one order, so that two who destroy the same keys wait for each other and never crosswise;
    // and each once, because a statement cannot change a row twice.
    let mut owners = owners.to_vec();
    owners.sort_by_key(name);
    owners.dedup();
    let first = Expr::cust("COALESCE(data_keys.destroyed_at, excluded.destroyed_at)");
    let emptied = primary_key()
        .update_column(Column::Wrapped)
        .value(Column::DestroyedAt, first)
        .to_owned();
    let mut destroyed = Vec::with_capacity(owners.len());
    for owners in owners.chunks(ROWS_PER_STATEMENT) {
        let rows = owners.iter().map(|owner| Model {
            destroyed_at: Some(now),
            ..Model::new(tenant, owner, now)
        });
        let rows = Entity::insert_many(rows.map(all_set))
            .on_conflict(emptied.clone())
            .exec_with_returning(connection);
        destroyed.extend(rows.await?);
    }
    Ok(destroyed)
}

/// How many keys each tenant has that were made after each of the times and not after an earlier
/// one of them, where the times fall from one to the next.
pub(super) async fn counts(
    connection: &impl ConnectionTrait,
    since: [i64; 4],
) -> Result<HashMap<String, [u64; 4]>, DbErr> {
    let mut select = Entity::find()
        .select_only()
        .column(Column::Tenant)
        .filter(Column::Wrapped.is_not_null())
        .group_by(Column::Tenant);
    for (age, since) in since.into_iter().enumerate() {
        let is_later = Expr::case(Column::CreatedAt.gt(since), 1).finally(0);
        select = select.column_as(Expr::expr(is_later).sum(), format!("age_{age}"));
    }
    let rows: Vec<(String, i64, i64, i64, i64)> = select.into_tuple().all(connection).await?;
    let by_age = |(tenant, a, b, c, d): (String, i64, i64, i64, i64)| {
        let counts = [a, b - a, c - b, d - c].map(i64::cast_unsigned);
        (tenant, counts)
    };
    Ok(rows.into_iter().map(by_age).collect())
}

/// Rows of these owners. Every column of the primary key is named, or the database would read all
/// rows of the tenant.
///
/// An order may have the id of a subject; then its row is found too, and not looked at.
fn are_of(tenant: &str, owners: &[Owner]) -> Condition {
    let kinds: BTreeSet<_> = owners.iter().map(|it| name(it).0).collect();
    let ids = owners.iter().map(|it| name(it).1);
    Condition::all()
        .add(Column::Tenant.eq(tenant))
        .add(Column::OwnerKind.is_in(kinds))
        .add(Column::Owner.is_in(ids))
}

fn primary_key() -> OnConflict {
    OnConflict::columns([Column::Tenant, Column::OwnerKind, Column::Owner])
}

fn all_set(row: Model) -> ActiveModel {
    ActiveModel {
        tenant: Set(row.tenant),
        owner_kind: Set(row.owner_kind),
        owner: Set(row.owner),
        key_id: Set(row.key_id),
        wrapped: Set(row.wrapped),
        created_at: Set(row.created_at),
        destroyed_at: Set(row.destroyed_at),
    }
}

/// An owner's kind, and its id within the kind.
pub(super) fn name(owner: &Owner) -> (&'static str, Uuid) {
    match owner {
        Owner::Subject(id) => ("subject", *id),
        Owner::Order(id) => ("order", *id),
        Owner::Tenant => ("tenant", Uuid::nil()),
    }
}
