//! The table `policies`: every published version, which nothing updates and nothing deletes.

use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*};

use super::{count, unsigned};
use crate::{book::PolicyHead, error::Error, grants::text_digest};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "policies")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub digest: Vec<u8>,
    pub text: String,
    pub published_at: i64,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn insert(
    tx: &impl ConnectionTrait,
    tenant: &str,
    policies: Vec<(PolicyHead, String)>,
) -> Result<(), DbErr> {
    let rows = policies.into_iter().map(|(head, text)| ActiveModel {
        tenant: Set(tenant.to_owned()),
        number: Set(count(head.number)),
        digest: Set(head.digest.to_vec()),
        text: Set(text),
        published_at: Set(head.published_at),
        revision: Set(count(head.revision)),
    });
    Entity::insert_many(rows).exec_without_returning(tx).await?;
    Ok(())
}

/// The newest version.
pub(super) async fn newest(
    conn: &impl ConnectionTrait,
    tenant: &str,
) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::Tenant.eq(tenant))
        .order_by_desc(Column::Number)
        .one(conn)
        .await
}

/// One version.
pub(super) async fn numbered(
    conn: &impl ConnectionTrait,
    tenant: &str,
    number: u64,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id((tenant.to_owned(), count(number)))
        .one(conn)
        .await
}

/// The versions published behind a revision, oldest first.
pub(super) async fn after(
    conn: &impl ConnectionTrait,
    tenant: &str,
    revision: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::Revision.gt(count(revision)))
        .order_by_asc(Column::Number)
        .all(conn)
        .await
}

impl TryFrom<Model> for (PolicyHead, String) {
    type Error = Error;

    /// A text that is not the one published judges nobody.
    fn try_from(row: Model) -> Result<Self, Error> {
        if row.digest != text_digest(&row.text) {
            tracing::error!("a published policy was altered in the database");
            return Err(Error::Internal);
        }
        let head = PolicyHead {
            number: unsigned(row.number),
            digest: row.digest.try_into().map_err(|_| Error::Internal)?,
            revision: unsigned(row.revision),
            published_at: row.published_at,
        };
        Ok((head, row.text))
    }
}
