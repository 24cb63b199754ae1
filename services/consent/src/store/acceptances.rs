//! The table `acceptances`: every acceptance of a policy version, which nothing updates.

use policy::Acceptance as Kind;
use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*};

use super::{count, unsigned};
use crate::{
    acceptance::{Acceptance, Accepted},
    error::Error,
    subject::PolicyName,
};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "acceptances")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub revision: i64,
    pub policy_tenant: String,
    pub policy_number: i64,
    pub kind: String,
    pub noticed_in: Option<i64>,
    pub accepted_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn insert(
    tx: &impl ConnectionTrait,
    tenant: &str,
    acceptances: Vec<Acceptance>,
) -> Result<(), DbErr> {
    let rows = acceptances.into_iter().map(|it| ActiveModel {
        tenant: Set(tenant.to_owned()),
        subject: Set(it.subject),
        revision: Set(count(it.revision)),
        policy_number: Set(count(it.accepted.policy.number)),
        policy_tenant: Set(it.accepted.policy.tenant),
        kind: Set(it.accepted.kind.words().to_owned()),
        noticed_in: Set(it.noticed_in.map(count)),
        accepted_at: Set(it.at),
    });
    Entity::insert_many(rows).exec_without_returning(tx).await?;
    Ok(())
}

/// Those of a person, oldest first.
pub(super) async fn of(
    conn: &impl ConnectionTrait,
    tenant: &str,
    subject: Uuid,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::Subject.eq(subject))
        .order_by_asc(Column::Revision)
        .all(conn)
        .await
}

/// Removes all of some persons.
pub(super) async fn delete_of(
    tx: &impl ConnectionTrait,
    tenant: &str,
    subjects: Vec<Uuid>,
) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::Subject.is_in(subjects))
        .exec(tx)
        .await?;
    Ok(())
}

/// The kind that is stored by these words.
pub(super) fn kind(words: &str) -> Result<Kind, Error> {
    let kinds = [Kind::Explicit, Kind::ContinuedUse, Kind::Guardian];
    let kind = kinds.into_iter().find(|it| it.words() == words);
    kind.ok_or(Error::Internal)
}

impl TryFrom<Model> for Acceptance {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        Ok(Self {
            subject: row.subject,
            accepted: Accepted {
                policy: PolicyName {
                    tenant: row.policy_tenant,
                    number: unsigned(row.policy_number),
                },
                kind: kind(&row.kind)?,
            },
            noticed_in: row.noticed_in.map(unsigned),
            revision: unsigned(row.revision),
            at: row.accepted_at,
        })
    }
}
