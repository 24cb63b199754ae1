//! The newest entry of each subject, the bar against recording any more, and how far its shredding is.

use std::collections::{BTreeMap, BTreeSet};

use chassis::{Tenant, find_many, insert_many};
use ledger::Hash;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, Query};
use sea_orm::{Condition, QueryOrder, QuerySelect};

use super::{failed, holds};
use crate::batch::{Standing, SubjectHead};
use crate::error::Error;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subjects")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: Uuid,
    pub sequence: i64,
    pub commitment: Option<Vec<u8>>,
    /// Since when nothing is recorded of it any more.
    pub shredded_at: Option<i64>,
    pub due_at: Option<i64>,
    pub begun_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn heads(
    connection: &impl ConnectionTrait,
    subjects: BTreeSet<(Tenant, Uuid)>,
) -> Result<BTreeMap<(Tenant, Uuid), SubjectHead>, Error> {
    let mut heads = BTreeMap::new();
    let keys = subjects.iter();
    let keys = keys.map(|(tenant, subject)| vec![tenant.as_str().into(), (*subject).into()]);
    let rows = find_many::<Entity>(connection, &keys.collect::<Vec<_>>()).await;
    for row in rows.map_err(failed)? {
        let tenant = Tenant::parse(&row.tenant).map_err(|_| Error::LogCorrupt)?;
        heads.insert((tenant, row.subject), SubjectHead::try_from(row)?);
    }
    Ok(heads)
}

/// Stores the heads of subjects that got entries.
pub(super) async fn put(
    transaction: &impl ConnectionTrait,
    heads: &BTreeMap<(Tenant, Uuid), SubjectHead>,
) -> Result<(), Error> {
    let rows: Vec<_> = heads.iter().map(|(id, head)| row(id, head)).collect();
    let newest = "ON CONFLICT (tenant, subject) \
                  DO UPDATE SET sequence = excluded.sequence, commitment = excluded.commitment";
    insert_many(transaction, &rows, newest)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Bars the subject for ever, since the first time, and says when its key is due; one without
/// entries is barred all the same.
pub(super) async fn bar(
    transaction: &impl ConnectionTrait,
    tenant: &Tenant,
    subject: Uuid,
    now: i64,
    due_at: i64,
) -> Result<(), Error> {
    let barred = Model {
        shredded_at: Some(now),
        due_at: Some(due_at),
        ..row(&(tenant.clone(), subject), &SubjectHead::default())
    };
    let keep_head = "ON CONFLICT (tenant, subject) \
                     DO UPDATE SET shredded_at = excluded.shredded_at, due_at = excluded.due_at \
                     WHERE subjects.shredded_at IS NULL";
    insert_many(transaction, &[barred], keep_head)
        .await
        .map_err(failed)?;
    Ok(())
}

/// When the key of a subject is due that still waits for that.
pub(super) async fn waiting(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    subject: Uuid,
) -> Result<Option<i64>, Error> {
    let row = Entity::find_by_id((tenant.as_str().to_owned(), subject))
        .filter(is_waiting())
        .one(connection)
        .await
        .map_err(failed)?;
    Ok(row.and_then(|it| it.due_at))
}

/// From now on the key is being destroyed.
pub(super) async fn begin(
    transaction: &impl ConnectionTrait,
    tenant: &Tenant,
    subject: Uuid,
    now: i64,
) -> Result<(), Error> {
    let update = Entity::update_many()
        .col_expr(Column::BegunAt, Expr::value(now))
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Subject.eq(subject))
        .filter(is_waiting());
    update.exec(transaction).await.map_err(failed)?;
    Ok(())
}

/// The key is destroyed, and that is in the log.
pub(super) async fn finish(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    subject: Uuid,
) -> Result<(), Error> {
    let nothing = || Expr::value(None::<i64>);
    let update = Entity::update_many()
        .col_expr(Column::DueAt, nothing())
        .col_expr(Column::BegunAt, nothing())
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Subject.eq(subject))
        .filter(Column::BegunAt.is_not_null());
    update.exec(connection).await.map_err(failed)?;
    Ok(())
}

/// Those whose destruction was begun, or is due while no hold stands; the longest due first.
pub(super) async fn due(
    connection: &impl ConnectionTrait,
    now: i64,
    limit: u64,
) -> Result<Vec<(Tenant, Uuid)>, Error> {
    let stands = Condition::any()
        .add(holds::Column::EndsAt.is_null())
        .add(holds::Column::EndsAt.gt(now));
    let mut held = Query::select();
    held.expr(Expr::value(1))
        .from(holds::Entity)
        .and_where(
            Expr::col((holds::Entity, holds::Column::Tenant)).equals((Entity, Column::Tenant)),
        )
        .and_where(
            Expr::col((holds::Entity, holds::Column::Subject)).equals((Entity, Column::Subject)),
        )
        .and_where(holds::Column::LiftedAt.is_null())
        .cond_where(stands);
    let is_free = Condition::all()
        .add(Column::DueAt.lte(now))
        .add(Expr::exists(held).not());
    let select = Entity::find()
        .filter(Column::DueAt.is_not_null())
        .filter(
            Condition::any()
                .add(Column::BegunAt.is_not_null())
                .add(is_free),
        )
        .order_by_asc(Column::DueAt)
        .limit(limit);
    let rows = select.all(connection).await.map_err(failed)?;
    rows.into_iter().map(id).collect()
}

/// How many are barred whose key is kept yet.
pub(super) async fn count_waiting(connection: &impl ConnectionTrait) -> Result<u64, Error> {
    let select = Entity::find().filter(is_waiting());
    select.count(connection).await.map_err(failed)
}

fn is_waiting() -> Condition {
    Condition::all()
        .add(Column::DueAt.is_not_null())
        .add(Column::BegunAt.is_null())
}

/// Barred subjects whose key must be gone, in a stable order, a page at a time.
pub(super) async fn barred(
    connection: &impl ConnectionTrait,
    after: Option<&(Tenant, Uuid)>,
    limit: u64,
) -> Result<Vec<(Tenant, Uuid)>, Error> {
    let mut select = Entity::find()
        .filter(Column::ShreddedAt.is_not_null())
        .filter(is_waiting().not());
    if let Some((tenant, subject)) = after {
        let same_tenant = Column::Tenant
            .eq(tenant.as_str())
            .and(Column::Subject.gt(*subject));
        select = select.filter(Column::Tenant.gt(tenant.as_str()).or(same_tenant));
    }
    let select = select
        .order_by_asc(Column::Tenant)
        .order_by_asc(Column::Subject)
        .limit(limit);
    let rows = select.all(connection).await.map_err(failed)?;
    rows.into_iter().map(id).collect()
}

fn id(row: Model) -> Result<(Tenant, Uuid), Error> {
    let tenant = Tenant::parse(&row.tenant).map_err(|_| Error::LogCorrupt)?;
    Ok((tenant, row.subject))
}

fn row((tenant, subject): &(Tenant, Uuid), head: &SubjectHead) -> Model {
    Model {
        tenant: tenant.as_str().to_owned(),
        subject: *subject,
        sequence: head.sequence.cast_signed(),
        commitment: head.commitment.map(|it| it.to_vec()),
        shredded_at: None,
        due_at: None,
        begun_at: None,
    }
}

impl TryFrom<Model> for SubjectHead {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        let commitment = row.commitment.map(Hash::try_from).transpose();
        Ok(Self {
            sequence: row.sequence.cast_unsigned(),
            commitment: commitment.map_err(|_| Error::LogCorrupt)?,
            standing: match (row.shredded_at, row.due_at, row.begun_at) {
                (None, _, _) => Standing::Open,
                (Some(_), Some(_), None) => Standing::Waiting,
                _ => Standing::Shredded,
            },
        })
    }
}
