//! The key store on a database of its own, and what is left in the files of a destroyed key.

use std::{collections::HashSet, fs, sync::Arc};

use sea_orm::{ConnectionTrait, EntityTrait};
use tempfile::TempDir;
use uuid::Uuid;
use vault::{FileKeySource, Key, KeyEncryptionKey, Owner};

use super::*;

fn source_line(id: &str) -> String {
    let key = KeyEncryptionKey::new(id, Key::generate());
    String::from_utf8(FileKeySource::line(&key).expose().to_vec()).expect("base64 is text")
}

async fn store_with(folder: &TempDir, lines: &str) -> KeyStore {
    let url = format!("sqlite://{}", folder.path().join("keys.db").display());
    let source = FileKeySource::parse(lines).expect("good lines");
    KeyStore::open(&url.into(), Arc::new(source))
        .await
        .expect("the folder can be written")
}

async fn new_store() -> (TempDir, KeyStore) {
    let folder = TempDir::new().expect("a folder");
    let store = store_with(&folder, &source_line("1")).await;
    (folder, store)
}

fn subject() -> Owner {
    Owner::Subject(Uuid::new_v4())
}

fn same(one: &StoredKey, other: &StoredKey) -> bool {
    let sealed = vault::seal_with(&one.key, b"", b"canary");
    one.id == other.id && vault::open_with(&other.key, b"", sealed.as_bytes()).is_ok()
}

/// Whether the bytes are in any file of the folder.
fn found(folder: &TempDir, needle: &[u8]) -> bool {
    fs::read_dir(folder.path())
        .expect("the folder is there")
        .any(|entry| {
            let bytes = fs::read(entry.expect("it is readable").path()).expect("it is readable");
            bytes.windows(needle.len()).any(|it| it == needle)
        })
}

#[tokio::test]
async fn a_key_is_made_once_and_found_again() {
    let (_folder, store) = new_store().await;
    let (tenant, owner) = (Tenant::default(), subject());
    assert_eq!(
        store.key(&tenant, &owner).await.expect_err("none yet"),
        KeyError::Missing
    );
    let made = store.create(&tenant, &owner).await.expect("it is made");
    assert!(same(
        &made,
        &store.create(&tenant, &owner).await.expect("it is there")
    ));
    assert!(same(
        &made,
        &store.key(&tenant, &owner).await.expect("it is there")
    ));
    assert!(!same(
        &made,
        &store.create(&tenant, &subject()).await.expect("another's")
    ));
    assert_eq!(store.tenants().await, Ok(vec![tenant]));
}

#[tokio::test]
async fn owners_are_told_apart_by_tenant_kind_and_id() {
    let (_folder, store) = new_store().await;
    let (tenant, other) = (Tenant::default(), Tenant::parse("other").expect("a name"));
    let id = Uuid::new_v4();
    let key = store
        .create(&tenant, &Owner::Subject(id))
        .await
        .expect("it is made");
    let order = store
        .create(&tenant, &Owner::Order(id))
        .await
        .expect("it is made");
    let tenants = store.tenant_key(&tenant).await.expect("it is made");
    let elsewhere = store
        .create(&other, &Owner::Subject(id))
        .await
        .expect("it is made");
    for key_of_another in [order, tenants, elsewhere] {
        assert!(!same(&key, &key_of_another));
    }
}

#[tokio::test]
async fn of_a_destroyed_key_nothing_is_left_but_the_fact() {
    let (folder, store) = new_store().await;
    let (tenant, owner) = (Tenant::default(), subject());
    // Enough others that the row is not alone on its page, and in the middle of the file.
    let others: Vec<Owner> = (0..400).map(|_| subject()).collect();
    let kept = store
        .create_many(&tenant, &others)
        .await
        .expect("they are made");
    let key = store.create(&tenant, &owner).await.expect("it is made");
    store
        .create_many(&tenant, &[subject(), subject()])
        .await
        .expect("they are made");
    let rows = data_keys::find(store.database.read(), "default", &[owner])
        .await
        .expect("a row");
    let wrapped = rows[0].wrapped.clone().expect("it is not destroyed");
    assert!(found(&folder, &wrapped));

    let destroyed = store
        .destroy(&tenant, &owner)
        .await
        .expect("it works")
        .expect("it was there");
    assert_eq!(destroyed.key_id, key.id);
    assert!(!found(&folder, &wrapped));
    // Nonce, key and tag; what stands before them names the wrapping key and is in every row.
    let secret = &wrapped[wrapped.len() - (12 + 32 + 16)..];
    for part in secret.chunks_exact(12) {
        assert!(!found(&folder, part), "not even a part of it");
    }

    let gone = KeyError::Destroyed {
        key_id: Some(key.id),
        destroyed_at: destroyed.destroyed_at,
    };
    assert_eq!(
        store
            .key(&tenant, &owner)
            .await
            .expect_err("it is destroyed"),
        gone
    );
    assert_eq!(
        store
            .create(&tenant, &owner)
            .await
            .expect_err("it stays so"),
        gone
    );
    assert_eq!(
        store.destroy(&tenant, &owner).await,
        Ok(Some(destroyed)),
        "twice is once"
    );
    let other = store
        .key(&tenant, &others[200])
        .await
        .expect("another's key stays");
    assert!(same(&other, kept[200].as_ref().expect("it was made")));
}

#[tokio::test]
async fn many_keys_are_destroyed_at_once_and_only_the_others_are_present() {
    let (_folder, store) = new_store().await;
    let (tenant, id) = (Tenant::default(), Uuid::new_v4());
    // The order has the subject's id, and its key stays.
    let (owner, order) = (Owner::Subject(id), Owner::Order(id));
    // More than fit one statement.
    let mut owners: Vec<Owner> = (0..1_000).map(|_| subject()).collect();
    owners.extend([owner, order]);
    let keys = store.create_many(&tenant, &owners).await;
    let mut made = HashSet::new();
    for key in keys.expect("they are made") {
        made.insert(key.expect("it is made").id);
    }
    let never = subject();
    let asked = [&owners[..], &[never]].concat();
    assert_eq!(store.present(&tenant, &asked).await, Ok(owners.clone()));

    let kept = store.key(&tenant, &order).await.expect("it is there").id;
    owners.pop();
    let asked = [&owners[..], &[never, owner]].concat();
    let destroyed = store.destroy_many(&tenant, &asked).await;
    let destroyed = destroyed.expect("it works");
    assert_eq!(
        destroyed.len(),
        1_001,
        "one had no key and one is asked twice"
    );
    let ids: HashSet<Uuid> = destroyed.iter().map(|it| it.key_id).collect();
    made.remove(&kept);
    assert_eq!(ids, made);
    let asked = [&asked[..], &[order]].concat();
    assert_eq!(store.present(&tenant, &asked).await, Ok(vec![order]));
    assert_eq!(store.destroy_many(&tenant, &[]).await, Ok(Vec::new()));
}

#[tokio::test]
async fn who_is_destroyed_before_having_a_key_never_gets_one() {
    let (_folder, store) = new_store().await;
    let (tenant, owner) = (Tenant::default(), subject());
    assert_eq!(store.destroy(&tenant, &owner).await, Ok(None));
    assert_eq!(store.destroy(&tenant, &owner).await, Ok(None));
    let refused = store
        .create(&tenant, &owner)
        .await
        .expect_err("the owner is barred");
    assert!(matches!(refused, KeyError::Destroyed { key_id: None, .. }));
}

#[tokio::test]
async fn many_owners_get_many_answers_in_their_order() {
    let (_folder, store) = new_store().await;
    let tenant = Tenant::default();
    let (old, new, destroyed) = (subject(), subject(), subject());
    let before = store.create(&tenant, &old).await.expect("it is made");
    store.destroy(&tenant, &destroyed).await.expect("it works");
    let owners = [new, destroyed, old, new];
    let keys = store
        .create_many(&tenant, &owners)
        .await
        .expect("the database is there");
    let [made, refused, found, again] = keys.as_slice() else {
        panic!("one answer for each owner");
    };
    assert!(same(found.as_ref().expect("it is there"), &before));
    assert!(matches!(refused, Err(KeyError::Destroyed { .. })));
    assert!(same(
        made.as_ref().expect("it is made"),
        again.as_ref().expect("the same owner")
    ));
    assert!(
        store
            .create_many(&tenant, &[])
            .await
            .expect("nobody asked")
            .is_empty()
    );
}

#[tokio::test]
async fn keys_made_before_a_rotation_still_open() {
    let folder = TempDir::new().expect("a folder");
    let (tenant, owner) = (Tenant::default(), subject());
    let (old, new) = (source_line("1"), source_line("2"));
    let store = store_with(&folder, &old).await;
    let key = store.create(&tenant, &owner).await.expect("it is made");
    let entry = store
        .blind_index(&tenant)
        .await
        .expect("it is made")
        .entry("t", "c", "v");
    store.database.close().await.expect("nothing is open");

    let store = store_with(&folder, &format!("{new}{old}")).await;
    assert!(same(
        &key,
        &store
            .key(&tenant, &owner)
            .await
            .expect("the old key is given")
    ));
    let index = store
        .blind_index(&tenant)
        .await
        .expect("the old key is given");
    assert_eq!(index.entry("t", "c", "v"), entry);
    store.database.close().await.expect("nothing is open");

    let store = store_with(&folder, &new).await;
    let opened = store.key(&tenant, &owner).await;
    assert!(same(&key, &opened.expect("it is wrapped anew")));
    store.database.close().await.expect("nothing is open");

    let store = store_with(&folder, &old).await;
    let refused = store.key(&tenant, &owner).await;
    let refused = refused.expect_err("the new key is missing");
    assert_eq!(refused, KeyError::Unavailable);
}

#[tokio::test]
async fn a_wrapped_key_put_in_anothers_row_does_not_open() {
    let (_folder, store) = new_store().await;
    let (tenant, one, other) = (Tenant::default(), subject(), subject());
    store
        .create_many(&tenant, &[one, other])
        .await
        .expect("they are made");
    let statement = "UPDATE data_keys SET wrapped = (SELECT MIN(wrapped) FROM data_keys)";
    store
        .database
        .write()
        .execute_unprepared(statement)
        .await
        .expect("it is SQL");
    assert_eq!(
        data_keys::Entity::find()
            .all(store.database.read())
            .await
            .map(|it| it.len()),
        Ok(2)
    );
    let keys = [
        store.key(&tenant, &one).await,
        store.key(&tenant, &other).await,
    ];
    let refused = keys
        .iter()
        .filter(|it| matches!(it, Err(KeyError::Unavailable)))
        .count();
    assert_eq!(refused, 1, "only the one whose it is opens");
}
