//! The table of erasures.

use sea_orm::{
    ActiveModelTrait, Condition, IntoActiveModel, QueryOrder, QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait},
};

use super::failed;
use crate::{
    erasure::{DelayReason, Erasure, KeyGone, LogKeyDelay, Step},
    error::Error,
};

/// How far one person's erasure is.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "erasures")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: Uuid,
    pub requested_at: i64,
    pub next_step: String,
    /// The ids one after another, 16 bytes each.
    pub order_keys: Vec<u8>,
    pub own_key: Option<Uuid>,
    pub own_key_index: Option<i64>,
    pub audit_key: Option<Uuid>,
    pub audit_key_index: Option<i64>,
    pub completed_at: Option<i64>,
    pub certificate: Option<String>,
    pub entry_id: Option<Uuid>,
    /// Words separated by spaces.
    pub log_key_kept_for: Option<String>,
    pub log_key_kept_until: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

const STEPS: [(Step, &str); 8] = [
    (Step::Quarantine, "quarantine"),
    (Step::EraseOrders, "erase_orders"),
    (Step::DestroyKey, "destroy_key"),
    (Step::Forget, "forget"),
    (Step::ShredLog, "shred_log"),
    (Step::Sign, "sign"),
    (Step::Enter, "enter"),
    (Step::Finished, "finished"),
];

const DELAY_REASONS: [(DelayReason, &str); 2] = [
    (DelayReason::Hold, "hold"),
    (DelayReason::EvidenceRetention, "evidence_retention"),
];

/// How far a person's erasure is.
pub async fn find(
    connection: &impl ConnectionTrait,
    tenant: &str,
    subject: Uuid,
) -> Result<Option<Erasure>, Error> {
    let query = Entity::find().filter(one(tenant, subject));
    let row = query.one(connection).await.map_err(failed)?;
    row.map(|it| erasure(it).ok_or(Error::Internal)).transpose()
}

/// The same, and nobody else changes it until the transaction ends.
pub async fn lock(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    subject: Uuid,
) -> Result<Option<Erasure>, Error> {
    let query = Entity::find().filter(one(tenant, subject)).lock_exclusive();
    let row = query.one(transaction).await.map_err(failed)?;
    row.map(|it| erasure(it).ok_or(Error::Internal)).transpose()
}

/// A new erasure.
pub async fn insert(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    subject: Uuid,
    erasure: &Erasure,
) -> Result<(), Error> {
    let insert = Entity::insert(row(tenant, subject, erasure).into_active_model());
    insert
        .exec_without_returning(transaction)
        .await
        .map_err(failed)?;
    Ok(())
}

/// An erasure that went on.
pub async fn update(
    transaction: &impl ConnectionTrait,
    tenant: &str,
    subject: Uuid,
    erasure: &Erasure,
) -> Result<(), Error> {
    let row = row(tenant, subject, erasure)
        .into_active_model()
        .reset_all();
    Entity::update(row)
        .exec(transaction)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Tenant and person of the erasures that are not finished, all or those with one step to do next,
/// the oldest first.
pub async fn unfinished(
    connection: &impl ConnectionTrait,
    next: Option<Step>,
    limit: u64,
) -> Result<Vec<(String, Uuid)>, Error> {
    Entity::find()
        .select_only()
        .columns([Column::Tenant, Column::Subject])
        // In the words of the partial index: with a bound value it would not be used.
        .filter(Expr::cust("next_step <> 'finished'"))
        .apply_if(next, |query, next| {
            query.filter(Column::NextStep.eq(word(next)))
        })
        .order_by_asc(Column::RequestedAt)
        .limit(limit)
        .into_tuple()
        .all(connection)
        .await
        .map_err(failed)
}

/// How much is not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    pub pending: i64,
    /// Those of them that were asked for before a given time.
    pub overdue: i64,
    pub oldest_requested_at_ms: Option<i64>,
}

/// What is not finished, and what of it was asked for before a time.
pub async fn backlog(connection: &impl ConnectionTrait, late_ms: i64) -> Result<Backlog, Error> {
    let is_late = Expr::case(Column::RequestedAt.lt(late_ms), 1).finally(0);
    let row: Option<(i64, Option<i64>, Option<i64>)> = Entity::find()
        .select_only()
        .column_as(Column::RequestedAt.count(), "pending")
        .column_as(Expr::expr(is_late).sum(), "overdue")
        .column_as(Column::RequestedAt.min(), "oldest")
        // In the words of the partial index.
        .filter(Expr::cust("next_step <> 'finished'"))
        .into_tuple()
        .one(connection)
        .await
        .map_err(failed)?;
    let (pending, overdue, oldest_requested_at_ms) = row.unwrap_or_default();
    Ok(Backlog {
        pending,
        overdue: overdue.unwrap_or(0),
        oldest_requested_at_ms,
    })
}

fn one(tenant: &str, subject: Uuid) -> Condition {
    Condition::all()
        .add(Column::Tenant.eq(tenant))
        .add(Column::Subject.eq(subject))
}

fn row(tenant: &str, subject: Uuid, erasure: &Erasure) -> Model {
    let [own, audit] = [erasure.own_key, erasure.audit_key].map(|key| match key {
        Some(key) => (Some(key.key_id), i64::try_from(key.index).ok()),
        None => (None, None),
    });
    Model {
        tenant: tenant.to_owned(),
        subject,
        requested_at: erasure.requested_at_ms,
        next_step: word(erasure.next).to_owned(),
        order_keys: erasure
            .order_keys
            .iter()
            .flat_map(|it| *it.as_bytes())
            .collect(),
        own_key: own.0,
        own_key_index: own.1,
        audit_key: audit.0,
        audit_key_index: audit.1,
        completed_at: erasure.completed_at_ms,
        certificate: erasure.certificate.clone(),
        entry_id: erasure.entry_id,
        log_key_kept_for: erasure.log_key_delay.as_ref().map(delay_words),
        log_key_kept_until: erasure.log_key_delay.as_ref().and_then(|it| it.until_ms),
    }
}

fn delay_words(delay: &LogKeyDelay) -> String {
    let known = |(reason, _): &&(DelayReason, &str)| delay.reasons.contains(reason);
    let words: Vec<_> = DELAY_REASONS.iter().filter(known).map(|it| it.1).collect();
    words.join(" ")
}

/// `None` when this version never wrote such words.
fn delay(words: &str, until_ms: Option<i64>) -> Option<LogKeyDelay> {
    let reason = |word| Some(DELAY_REASONS.iter().find(|it| it.1 == word)?.0);
    let reasons: Option<_> = words.split(' ').map(reason).collect();
    Some(LogKeyDelay {
        reasons: reasons?,
        until_ms,
    })
}

fn word(step: Step) -> &'static str {
    let found = STEPS.iter().find(|it| it.0 == step);
    found.expect("every step has its word").1
}

/// `None` when this version never wrote such a row.
fn erasure(row: Model) -> Option<Erasure> {
    let (order_keys, []) = row.order_keys.as_chunks::<16>() else {
        return None;
    };
    Some(Erasure {
        requested_at_ms: row.requested_at,
        next: STEPS.iter().find(|it| it.1 == row.next_step)?.0,
        order_keys: order_keys.iter().copied().map(Uuid::from_bytes).collect(),
        own_key: key_gone(row.own_key, row.own_key_index)?,
        audit_key: key_gone(row.audit_key, row.audit_key_index)?,
        log_key_delay: match row.log_key_kept_for {
            Some(words) => Some(delay(&words, row.log_key_kept_until)?),
            None => None,
        },
        completed_at_ms: row.completed_at,
        certificate: row.certificate,
        entry_id: row.entry_id,
    })
}

/// Both columns or neither.
fn key_gone(key_id: Option<Uuid>, index: Option<i64>) -> Option<Option<KeyGone>> {
    match (key_id, index) {
        (None, None) => Some(None),
        (Some(key_id), Some(index)) => {
            let index = u64::try_from(index).ok()?;
            Some(Some(KeyGone { key_id, index }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erasure_comes_back_from_its_row_at_every_step() {
        for (step, _) in STEPS {
            let erasure = Erasure {
                next: step,
                order_keys: vec![Uuid::from_u128(1), Uuid::from_u128(2)],
                own_key: Some(KeyGone {
                    key_id: Uuid::from_u128(3),
                    index: 4,
                }),
                certificate: Some("certificate".to_owned()),
                log_key_delay: Some(LogKeyDelay {
                    reasons: vec![DelayReason::Hold, DelayReason::EvidenceRetention],
                    until_ms: Some(7),
                }),
                ..Erasure::requested(5)
            };
            let row = row("default", Uuid::from_u128(6), &erasure);
            assert_eq!(super::erasure(row), Some(erasure));
        }
    }

    #[test]
    fn a_row_that_was_never_written_is_no_erasure() {
        let good = row("default", Uuid::from_u128(1), &Erasure::requested(1));
        let key_without_entry = Model {
            own_key: Some(Uuid::from_u128(2)),
            ..good.clone()
        };
        let half_a_key = Model {
            order_keys: vec![0; 8],
            ..good.clone()
        };
        let unknown_step = Model {
            next_step: "rest".to_owned(),
            ..good.clone()
        };
        assert!(erasure(good).is_some());
        let unknown_delay = Model {
            log_key_kept_for: Some("whim".to_owned()),
            ..row("default", Uuid::from_u128(1), &Erasure::requested(1))
        };
        for bad in [key_without_entry, half_a_key, unknown_step, unknown_delay] {
            assert_eq!(erasure(bad), None);
        }
    }
}
