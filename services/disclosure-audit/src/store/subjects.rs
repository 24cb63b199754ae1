//! The newest entry of each subject, and the bar against recording any more.

use std::collections::{BTreeMap, BTreeSet};

use chassis::Tenant;
use ledger::Hash;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect};

use super::{ROWS_PER_STATEMENT, by_tenant, failed};
use crate::batch::SubjectHead;
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
    pub shredded_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn heads(
    connection: &impl ConnectionTrait,
    subjects: BTreeSet<(Tenant, Uuid)>,
) -> Result<BTreeMap<(Tenant, Uuid), SubjectHead>, Error> {
    let mut heads = BTreeMap::new();
    for (tenant, subjects) in by_tenant(subjects) {
        let select = Entity::find()
            .filter(Column::Tenant.eq(tenant.as_str()))
            .filter(Column::Subject.is_in(subjects));
        for row in select.all(connection).await.map_err(failed)? {
            heads.insert((tenant.clone(), row.subject), SubjectHead::try_from(row)?);
        }
    }
    Ok(heads)
}

/// Stores the heads of subjects that got entries.
pub(super) async fn put(
    transaction: &impl ConnectionTrait,
    heads: &BTreeMap<(Tenant, Uuid), SubjectHead>,
) -> Result<(), Error> {
    let rows: Vec<_> = heads.iter().map(|(id, head)| row(id, head)).collect();
    for rows in rows.chunks(ROWS_PER_STATEMENT) {
        let newest = OnConflict::columns([Column::Tenant, Column::Subject])
            .update_columns([Column::Sequence, Column::Commitment])
            .to_owned();
        let insert = Entity::insert_many(rows.to_vec()).on_conflict(newest);
        insert
            .exec_without_returning(transaction)
            .await
            .map_err(failed)?;
    }
    Ok(())
}

/// Bars the subject for ever, since the first time; one without entries is barred all the same.
pub(super) async fn bar(
    transaction: &impl ConnectionTrait,
    tenant: &Tenant,
    subject: Uuid,
    now: i64,
) -> Result<(), Error> {
    let barred = ActiveModel {
        shredded_at: Set(Some(now)),
        ..row(&(tenant.clone(), subject), &SubjectHead::default())
    };
    let keep_head = OnConflict::columns([Column::Tenant, Column::Subject])
        .update_column(Column::ShreddedAt)
        .action_and_where(Column::ShreddedAt.is_null())
        .to_owned();
    let insert = Entity::insert(barred).on_conflict(keep_head);
    insert
        .exec_without_returning(transaction)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Barred subjects in a stable order, a page at a time.
pub(super) async fn barred(
    connection: &impl ConnectionTrait,
    after: Option<&(Tenant, Uuid)>,
    limit: u64,
) -> Result<Vec<(Tenant, Uuid)>, Error> {
    let mut select = Entity::find().filter(Column::ShreddedAt.is_not_null());
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
    let id = |row: Model| {
        Ok((
            Tenant::parse(&row.tenant).map_err(|_| Error::LogCorrupt)?,
            row.subject,
        ))
    };
    rows.into_iter().map(id).collect()
}

fn row((tenant, subject): &(Tenant, Uuid), head: &SubjectHead) -> ActiveModel {
    ActiveModel {
        tenant: Set(tenant.as_str().to_owned()),
        subject: Set(*subject),
        sequence: Set(head.sequence.cast_signed()),
        commitment: Set(head.commitment.map(|it| it.to_vec())),
        shredded_at: Set(None),
    }
}

impl TryFrom<Model> for SubjectHead {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        let commitment = row.commitment.map(Hash::try_from).transpose();
        Ok(Self {
            sequence: row.sequence.cast_unsigned(),
            commitment: commitment.map_err(|_| Error::LogCorrupt)?,
            shredded: row.shredded_at.is_some(),
        })
    }
}
