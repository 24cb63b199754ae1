//! The table `consents`: what each person said last about each purpose and recipient.

use sea_orm::{
    ActiveValue::Set, Condition, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};

use super::{count, unsigned};
use crate::{
    consent::{Consent, Scope, State},
    error::Error,
    subject::PolicyName,
};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "consents")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub purpose: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub recipient: String,
    pub state: String,
    pub policy_tenant: String,
    pub policy_number: i64,
    pub changed_at: i64,
    pub expires_at: Option<i64>,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Writes the consents as they are now.
pub(super) async fn upsert(
    tx: &impl ConnectionTrait,
    tenant: &str,
    consents: impl Iterator<Item = Consent>,
) -> Result<(), DbErr> {
    let key = [
        Column::Tenant,
        Column::Subject,
        Column::Purpose,
        Column::Recipient,
    ];
    let update = OnConflict::columns(key)
        .update_columns([
            Column::State,
            Column::PolicyTenant,
            Column::PolicyNumber,
            Column::ChangedAt,
            Column::ExpiresAt,
            Column::Revision,
        ])
        .to_owned();
    Entity::insert_many(consents.map(|it| row(tenant, it)))
        .on_conflict(update)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Removes all consents of some persons.
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

/// One page of a person's consents, ordered by purpose and recipient, behind a purpose and
/// recipient.
pub(super) async fn of(
    conn: &impl ConnectionTrait,
    tenant: &str,
    subject: Uuid,
    after: Option<(String, String)>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut page = Entity::find()
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::Subject.eq(subject));
    if let Some((purpose, recipient)) = after {
        let same_purpose = Condition::all()
            .add(Column::Purpose.eq(purpose.clone()))
            .add(Column::Recipient.gt(recipient));
        page = page.filter(
            Condition::any()
                .add(Column::Purpose.gt(purpose))
                .add(same_purpose),
        );
    }
    page.order_by_asc(Column::Purpose)
        .order_by_asc(Column::Recipient)
        .limit(limit)
        .all(conn)
        .await
}

/// The consents changed behind a revision.
pub(super) async fn after(
    conn: &impl ConnectionTrait,
    tenant: &str,
    revision: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::Revision.gt(count(revision)))
        .all(conn)
        .await
}

fn row(tenant: &str, consent: Consent) -> ActiveModel {
    ActiveModel {
        tenant: Set(tenant.to_owned()),
        subject: Set(consent.scope.subject),
        purpose: Set(consent.scope.purpose),
        recipient: Set(consent.scope.recipient.unwrap_or_default()),
        state: Set(consent.state.name().to_owned()),
        policy_tenant: Set(consent.policy.tenant),
        policy_number: Set(count(consent.policy.number)),
        changed_at: Set(consent.changed_at),
        expires_at: Set(consent.expires_at),
        revision: Set(count(consent.revision)),
    }
}

impl TryFrom<Model> for Consent {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        Ok(Self {
            scope: Scope {
                subject: row.subject,
                purpose: row.purpose,
                recipient: Some(row.recipient).filter(|it| !it.is_empty()),
            },
            state: State::named(&row.state).ok_or(Error::Internal)?,
            policy: PolicyName {
                tenant: row.policy_tenant,
                number: unsigned(row.policy_number),
            },
            revision: unsigned(row.revision),
            changed_at: row.changed_at,
            expires_at: row.expires_at,
        })
    }
}
