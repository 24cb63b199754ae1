//! The table of persons.

use sea_orm::{Condition, IntoActiveModel, QuerySelect, Set, entity::prelude::*};

use super::{Registered, failed};
use crate::{error::Error, subject::State};

/// One person.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subjects")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: Uuid,
    pub state: String,
    pub revision: i64,
    pub registered_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A person's row, as it is now.
pub async fn find(
    connection: &impl ConnectionTrait,
    tenant: &str,
    subject: Uuid,
) -> Result<Option<Registered>, Error> {
    let query = Entity::find().filter(one(tenant, subject));
    let row = query.one(connection).await.map_err(failed)?;
    row.map(registered).transpose()
}

/// Those of the persons that are pending or active.
pub async fn not_erased(
    connection: &impl ConnectionTrait,
    tenant: &str,
    among: &[Uuid],
) -> Result<Vec<Registered>, Error> {
    let standing = [State::Pending, State::Active].map(word);
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::Subject.is_in(among.iter().copied()))
        .filter(Column::State.is_in(standing));
    let rows = query.all(connection).await.map_err(failed)?;
    rows.into_iter().map(registered).collect()
}

/// A person's state, which nobody else changes until the transaction ends.
pub async fn lock(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    subject: Uuid,
) -> Result<Option<State>, Error> {
    let query = Entity::find().filter(one(tenant, subject)).lock_exclusive();
    let row = query.one(transaction).await.map_err(failed)?;
    Ok(row.map(registered).transpose()?.map(|it| it.state))
}

/// A new person, pending.
pub async fn insert(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    subject: Uuid,
    now_ms: i64,
) -> Result<(), Error> {
    let row = Model {
        tenant: tenant.to_owned(),
        subject,
        state: word(State::Pending).to_owned(),
        revision: 0,
        registered_at: now_ms,
    };
    let insert = Entity::insert(row.into_active_model());
    insert
        .exec_without_returning(transaction)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Takes a pending person's enrolment in.
pub async fn activate(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    subject: Uuid,
    revision: u64,
) -> Result<(), Error> {
    let active = ActiveModel {
        state: Set(word(State::Active).to_owned()),
        revision: Set(i64::try_from(revision).map_err(|_| Error::PeerUnavailable)?),
        ..Default::default()
    };
    let pending = one(tenant, subject).add(Column::State.eq(word(State::Pending)));
    let update = Entity::update_many().set(active).filter(pending);
    update.exec(transaction).await.map_err(failed)?;
    Ok(())
}

/// Moves a person on.
pub async fn set_state(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    subject: Uuid,
    state: State,
) -> Result<(), Error> {
    let moved = ActiveModel {
        state: Set(word(state).to_owned()),
        ..Default::default()
    };
    let update = Entity::update_many()
        .set(moved)
        .filter(one(tenant, subject));
    update.exec(transaction).await.map_err(failed)?;
    Ok(())
}

fn one(tenant: &str, subject: Uuid) -> Condition {
    Condition::all()
        .add(Column::Tenant.eq(tenant))
        .add(Column::Subject.eq(subject))
}

fn registered(row: Model) -> Result<Registered, Error> {
    Ok(Registered {
        subject: row.subject,
        state: state(&row.state).ok_or(Error::Internal)?,
        revision: u64::try_from(row.revision).map_err(|_| Error::Internal)?,
    })
}

fn word(state: State) -> &'static str {
    match state {
        State::Pending => "pending",
        State::Active => "active",
        State::Erasing => "erasing",
        State::Erased => "erased",
    }
}

/// `None` for a word that this version never wrote.
fn state(word: &str) -> Option<State> {
    match word {
        "pending" => Some(State::Pending),
        "active" => Some(State::Active),
        "erasing" => Some(State::Erasing),
        "erased" => Some(State::Erased),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_comes_back_from_its_word() {
        for known in [State::Pending, State::Active, State::Erasing, State::Erased] {
            assert_eq!(state(word(known)), Some(known));
        }
        assert_eq!(state("revived"), None);
    }
}
