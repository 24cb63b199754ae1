//! The register of parties that may receive personal data.

use std::collections::{BTreeSet, HashMap};

use chassis::Tenant;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect};

use super::{by_tenant, failed};
use crate::error::Error;
use crate::recipient::Recipient;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recipients")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub recipient_id: String,
    pub name: String,
    pub kind: String,
    pub contract: String,
    pub purposes: String,
    pub categories: String,
    pub country: String,
    pub expires_at: i64,
    pub ended_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn one(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    id: &str,
) -> Result<Option<Recipient>, Error> {
    let select = Entity::find_by_id((tenant.as_str().to_owned(), id.to_owned()));
    Ok(select
        .one(connection)
        .await
        .map_err(failed)?
        .map(Recipient::from))
}

/// Locks the row until the transaction ends.
pub(super) async fn one_for_update(
    transaction: &impl ConnectionTrait,
    tenant: &Tenant,
    id: &str,
) -> Result<Option<Recipient>, Error> {
    let key = (tenant.as_str().to_owned(), id.to_owned());
    let select = Entity::find_by_id(key).lock_exclusive();
    Ok(select
        .one(transaction)
        .await
        .map_err(failed)?
        .map(Recipient::from))
}

/// Ordered by id, those after `after`.
pub(super) async fn page(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    after: &str,
    limit: u64,
) -> Result<Vec<Recipient>, Error> {
    let select = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::RecipientId.gt(after))
        .order_by_asc(Column::RecipientId)
        .limit(limit);
    let rows = select.all(connection).await.map_err(failed)?;
    Ok(rows.into_iter().map(Recipient::from).collect())
}

pub(super) async fn named(
    connection: &impl ConnectionTrait,
    ids: BTreeSet<(Tenant, String)>,
) -> Result<HashMap<(Tenant, String), Recipient>, Error> {
    let mut found = HashMap::new();
    for (tenant, ids) in by_tenant(ids) {
        let select = Entity::find()
            .filter(Column::Tenant.eq(tenant.as_str()))
            .filter(Column::RecipientId.is_in(ids));
        for row in select.all(connection).await.map_err(failed)? {
            found.insert(
                (tenant.clone(), row.recipient_id.clone()),
                Recipient::from(row),
            );
        }
    }
    Ok(found)
}

/// Whether it was entered; `false` when the id is taken.
pub(super) async fn insert(
    transaction: &impl ConnectionTrait,
    tenant: &Tenant,
    recipient: &Recipient,
) -> Result<bool, Error> {
    let taken = OnConflict::columns([Column::Tenant, Column::RecipientId])
        .do_nothing()
        .to_owned();
    let insert = Entity::insert(row(tenant, recipient)).on_conflict(taken);
    let inserted = insert
        .exec_without_returning(transaction)
        .await
        .map_err(failed)?;
    Ok(inserted > 0)
}

pub(super) async fn update(
    transaction: &impl ConnectionTrait,
    tenant: &Tenant,
    recipient: &Recipient,
) -> Result<(), Error> {
    Entity::update(row(tenant, recipient))
        .exec(transaction)
        .await
        .map_err(failed)?;
    Ok(())
}

fn row(tenant: &Tenant, recipient: &Recipient) -> ActiveModel {
    ActiveModel {
        tenant: Set(tenant.as_str().to_owned()),
        recipient_id: Set(recipient.id.clone()),
        name: Set(recipient.name.clone()),
        kind: Set(recipient.kind.clone()),
        contract: Set(recipient.contract.clone()),
        purposes: Set(recipient.purposes.join(" ")),
        categories: Set(recipient.categories.join(" ")),
        country: Set(recipient.country.clone()),
        expires_at: Set(recipient.expires_at),
        ended_at: Set(recipient.ended_at),
    }
}

impl From<Model> for Recipient {
    fn from(row: Model) -> Self {
        let keys = |text: &str| text.split(' ').map(str::to_owned).collect();
        Self {
            purposes: keys(&row.purposes),
            categories: keys(&row.categories),
            id: row.recipient_id,
            name: row.name,
            kind: row.kind,
            contract: row.contract,
            country: row.country,
            expires_at: row.expires_at,
            ended_at: row.ended_at,
        }
    }
}
