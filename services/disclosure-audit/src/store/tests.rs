//! What the memory promises, on a database of its own.

use chassis::DatabaseUrl;
use sea_orm::{EntityTrait, RuntimeErr};
use tempfile::TempDir;

use super::*;
use crate::log::tests::Requests;
use crate::recipient::tests::mail_house;

/// The folder lives as long as the store does.
async fn new_store() -> (Store, TempDir) {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}", folder.path().join("log.db").display());
    let database = Database::open(&DatabaseUrl::from(url), MIGRATIONS, "migrations").await;
    (Store::open(database.unwrap()).await.unwrap(), folder)
}

#[tokio::test]
async fn a_registration_is_answered_again_also_after_it_expired() {
    let (store, _folder) = new_store().await;
    let (tenant, requests) = (Tenant::default(), Requests::new());
    let (first, other) = (requests.key("1", b"a"), requests.key("1", b"b"));
    let expires_at = mail_house().expires_at;
    let register = |key, now| store.register_recipient(&tenant, key, mail_house(), now);

    let expired = Err(Error::RecipientInvalid {
        field: "recipient.expires_at",
    });
    assert_eq!(register(&first, expires_at).await, expired);
    for now in [expires_at - 1, expires_at - 1, expires_at] {
        assert_eq!(register(&first, now).await, Ok(mail_house()), "at {now}");
    }
    let conflict = Err(Error::IdempotencyConflict);
    assert_eq!(register(&other, expires_at - 1).await, conflict);
    let second = requests.key("2", b"a");
    let exists = Err(Error::RecipientExists);
    assert_eq!(register(&second, expires_at - 1).await, exists);
}

#[tokio::test]
async fn a_subject_stays_barred_since_the_first_time() {
    let (store, _folder) = new_store().await;
    let subject = Uuid::from_u128(1);
    for now in [5, 6] {
        let barred = store.bar_subject(&Tenant::default(), subject, now).await;
        assert_eq!(barred, Ok(()));
    }
    let rows = subjects::Entity::find().all(store.database.read()).await;
    let times: Vec<_> = rows.unwrap().iter().map(|it| it.shredded_at).collect();
    assert_eq!(times, [Some(5)]);
}

#[tokio::test]
async fn a_database_that_fails_is_not_a_corrupt_log() {
    let (store, _folder) = new_store().await;
    let silent = DbErr::Conn(RuntimeErr::Internal(String::new()));
    assert_eq!(failed(silent), Error::LogUnavailable);
    let refused = store.database.read();
    let refused = refused.execute_unprepared("SELECT * FROM nothing").await;
    assert_eq!(failed(refused.unwrap_err()), Error::LogFault);
}
