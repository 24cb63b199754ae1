//! The table `subjects`: what decisions know of each person.

use policy::Acceptance as Kind;
use sea_orm::{ActiveValue::Set, entity::prelude::*, sea_query::OnConflict};

use super::{acceptances, count, unsigned};
use crate::{
    acceptance::{Accepted, Notice},
    error::Error,
    subject::{AgeBand, Facts, PolicyName, Standing, Subject},
};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "subjects")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: Uuid,
    pub standing: String,
    pub region: Option<String>,
    pub age_band: Option<String>,
    pub accepted_tenant: Option<String>,
    pub accepted_number: Option<i64>,
    pub accepted_by: Option<String>,
    pub ahead_tenant: Option<String>,
    pub ahead_number: Option<i64>,
    pub ahead_by: Option<String>,
    pub notified_tenant: Option<String>,
    pub notified_number: Option<i64>,
    pub notified_in: Option<i64>,
    pub enrolled_in: i64,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

const ACTIVE: &str = "active";
const QUARANTINED: &str = "quarantined";
const ERASED: &str = "erased";

const FROM_13_TO_15: &str = "13 to 15";
const FROM_16_TO_17: &str = "16 to 17";
const ADULT: &str = "adult";

/// Writes the persons as they are now.
pub(super) async fn upsert(
    tx: &impl ConnectionTrait,
    tenant: &str,
    subjects: impl Iterator<Item = Subject>,
) -> Result<(), DbErr> {
    let key = [Column::Tenant, Column::Subject];
    let update = OnConflict::columns(key)
        .update_columns([
            Column::Standing,
            Column::Region,
            Column::AgeBand,
            Column::AcceptedTenant,
            Column::AcceptedNumber,
            Column::AcceptedBy,
            Column::AheadTenant,
            Column::AheadNumber,
            Column::AheadBy,
            Column::NotifiedTenant,
            Column::NotifiedNumber,
            Column::NotifiedIn,
            Column::Revision,
        ])
        .to_owned();
    Entity::insert_many(subjects.map(|it| row(tenant, it)))
        .on_conflict(update)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Those of some persons that are known.
pub(super) async fn known(
    conn: &impl ConnectionTrait,
    tenant: &str,
    ids: Vec<Uuid>,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::Subject.is_in(ids))
        .all(conn)
        .await
}

/// The persons changed behind a revision.
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

fn row(tenant: &str, subject: Subject) -> ActiveModel {
    let (standing, facts) = match subject.standing {
        Standing::Active(facts) => (ACTIVE, Some(facts)),
        Standing::Quarantined(facts) => (QUARANTINED, Some(facts)),
        Standing::Erased => (ERASED, None),
    };
    let age_band = facts.as_ref().map(|it| match it.age_band {
        AgeBand::From13To15 => FROM_13_TO_15,
        AgeBand::From16To17 => FROM_16_TO_17,
        AgeBand::Adult => ADULT,
    });
    let region = facts.as_ref().map(|it| it.region.clone());
    let notified = facts.as_ref().and_then(|it| it.notified.clone());
    let ahead = facts.as_ref().and_then(|it| it.ahead.clone());
    let accepted = facts.and_then(|it| it.accepted);
    ActiveModel {
        tenant: Set(tenant.to_owned()),
        subject: Set(subject.id),
        standing: Set(standing.to_owned()),
        region: Set(region),
        age_band: Set(age_band.map(str::to_owned)),
        accepted_number: Set(accepted.as_ref().map(|it| count(it.policy.number))),
        accepted_by: Set(accepted.as_ref().map(|it| it.kind.words().to_owned())),
        accepted_tenant: Set(accepted.map(|it| it.policy.tenant)),
        ahead_number: Set(ahead.as_ref().map(|it| count(it.policy.number))),
        ahead_by: Set(ahead.as_ref().map(|it| it.kind.words().to_owned())),
        ahead_tenant: Set(ahead.map(|it| it.policy.tenant)),
        notified_number: Set(notified.as_ref().map(|it| count(it.policy.number))),
        notified_in: Set(notified.as_ref().map(|it| count(it.revision))),
        notified_tenant: Set(notified.map(|it| it.policy.tenant)),
        enrolled_in: Set(count(subject.enrolled_in)),
        revision: Set(count(subject.revision)),
    }
}

impl TryFrom<Model> for Subject {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        let standing = match row.standing.as_str() {
            ACTIVE => Standing::Active(facts(&row)?),
            QUARANTINED => Standing::Quarantined(facts(&row)?),
            ERASED => Standing::Erased,
            _ => return Err(Error::Internal),
        };
        Ok(Self {
            id: row.subject,
            standing,
            enrolled_in: unsigned(row.enrolled_in),
            revision: unsigned(row.revision),
        })
    }
}

fn facts(row: &Model) -> Result<Facts, Error> {
    let age_band = match row.age_band.as_deref() {
        Some(FROM_13_TO_15) => AgeBand::From13To15,
        Some(FROM_16_TO_17) => AgeBand::From16To17,
        Some(ADULT) => AgeBand::Adult,
        _ => return Err(Error::Internal),
    };
    let accepted = named(row.accepted_tenant.as_ref(), row.accepted_number);
    let ahead = named(row.ahead_tenant.as_ref(), row.ahead_number);
    let notified = named(row.notified_tenant.as_ref(), row.notified_number);
    Ok(Facts {
        region: row.region.clone().ok_or(Error::Internal)?,
        age_band,
        accepted: by(accepted, row.accepted_by.as_deref())?,
        ahead: by(ahead, row.ahead_by.as_deref())?,
        notified: notified
            .zip(row.notified_in)
            .map(|(policy, revision)| Notice {
                policy,
                revision: unsigned(revision),
            }),
    })
}

/// Those of before the kinds were told apart were all explicit.
fn by(policy: Option<PolicyName>, kind: Option<&str>) -> Result<Option<Accepted>, Error> {
    let kind = kind.map_or(Ok(Kind::Explicit), acceptances::kind)?;
    Ok(policy.map(|policy| Accepted { policy, kind }))
}

fn named(tenant: Option<&String>, number: Option<i64>) -> Option<PolicyName> {
    let name = tenant.zip(number);
    name.map(|(tenant, number)| PolicyName {
        tenant: tenant.clone(),
        number: unsigned(number),
    })
}
