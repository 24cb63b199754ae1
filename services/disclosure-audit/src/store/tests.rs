//! What the memory promises, on a database of its own.

use chassis::DatabaseUrl;
use ledger::{NoteKey, leaf_hash};
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
    (Store::open(database.unwrap(), false).await.unwrap(), folder)
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
        let delay = store.ask_shredding(&Tenant::default(), subject, now).await;
        assert_eq!(delay, Ok(None));
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

/// Puts a log of `size` leaves in the place of what is there.
async fn fill(store: &Store, size: u64, first_leaf: &[u8]) {
    let mut leaves = vec![leaf_hash(first_leaf)];
    leaves.extend((1..size).map(|it| leaf_hash(&it.to_be_bytes())));
    let mut frontier = Frontier::new();
    let tiles = frontier.append(&leaves);
    let transaction = store.database.begin().await.unwrap();
    tiles::put(&transaction, &tiles).await.unwrap();
    let head = Head::of(&frontier);
    log_head::advance(&transaction, head).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn only_a_log_that_continues_the_known_checkpoint_is_served() {
    let [key, other] = [1, 2].map(|it| NoteKey::from_seed("vow.local/log", &[it; 32]).unwrap());
    let (store, _folder) = new_store().await;
    fill(&store, 300, b"first").await;
    store.sign(&key, 0).await.unwrap();
    let known = store.checkpoint().await.unwrap().unwrap().note;

    for (size, first_leaf, checked) in [
        (300, "first", Ok(())),
        (600, "first", Ok(())),
        (299, "first", Err(Error::LogRewound)),
        (1, "first", Err(Error::LogRewound)),
        (300, "other", Err(Error::LogRewound)),
        (600, "other", Err(Error::LogRewound)),
    ] {
        let (store, _folder) = new_store().await;
        fill(&store, size, first_leaf.as_bytes()).await;
        let found = store.check_known(&key, &known).await;
        assert_eq!(found, checked, "{size} {first_leaf}");
    }
    let foreign = Err(Error::KnownCheckpointForeign);
    assert_eq!(store.check_known(&other, &known).await, foreign);
    assert_eq!(store.check_known(&key, "no note").await, foreign);
    let (empty, _folder) = new_store().await;
    let rewound = Err(Error::LogRewound);
    assert_eq!(empty.check_known(&key, &known).await, rewound);
}
