//! What the store promises, on a database of its own.

use chassis::{Caller, Callers, DatabaseUrl};
use tempfile::TempDir;
use tokio::join;
use vault::{BlindIndex, Key};

use super::*;
use crate::erasure::{KeyGone, LogKey};

const CALLERS: &str = r#"
    [[caller]]
    id = "spiffe://vow.local/workload/shop"
    kind = "workload"
    tenants = ["*"]
    purposes = ["*"]
    methods = ["vow.identity.v1.IdentityService/*"]
"#;
const EMAIL: &str = "user.contact.email";

/// A store of its own on disk, and somebody who calls it.
struct Fixture {
    store: Store,
    index: BlindIndex,
    caller: Caller,
    _folder: TempDir,
}

impl Fixture {
    async fn new() -> Fixture {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("identity.db");
        let url = DatabaseUrl::from(format!("sqlite://{}", file.display()));
        let database = Database::open(&url, MIGRATIONS, "migrations").await;
        let callers = Callers::parse(CALLERS).expect("a table");
        let shop = "spiffe://vow.local/workload/shop";
        let method = "vow.identity.v1.IdentityService/Collect";
        Fixture {
            store: Store::new(database.expect("a new database")),
            index: BlindIndex::new(Key::generate()),
            caller: callers
                .admit(shop, Tenant::default(), method)
                .expect("listed"),
            _folder: folder,
        }
    }

    fn request(&self, id: &str, content: &str) -> RequestKey {
        let content = content.as_bytes();
        RequestKey::new(&self.caller, "Method", id, &self.index, content).expect("a good id")
    }

    async fn register(&self, id: &str, content: &str) -> Result<Registered, Error> {
        let request = self.request(id, content);
        self.store
            .register(&Tenant::default(), Uuid::new_v4(), &request, 1)
            .await
    }

    async fn active_person(&self) -> Uuid {
        let person = self
            .register("registration", "")
            .await
            .expect("registered")
            .subject;
        let activated = self.store.activate(&Tenant::default(), person, 7).await;
        activated.expect("activated");
        person
    }

    async fn collect(&self, person: Uuid, id: &str) -> Result<Vec<u8>, Error> {
        let request = self.request(id, "");
        let version_after = |before: &[StoredValue]| collected(before);
        let store = &self.store;
        store
            .collect(&Tenant::default(), person, &request, 2, version_after)
            .await
    }

    async fn state(&self, person: Uuid) -> State {
        let row = self.store.subject(&Tenant::default(), person).await;
        row.expect("readable").expect("there").state
    }

    async fn found(&self) -> Vec<Uuid> {
        let found = self
            .store
            .subjects_with(&Tenant::default(), EMAIL, [7; 32])
            .await;
        found.expect("readable")
    }
}

/// One more version of the e-mail address; the answer is the version.
fn collected(before: &[StoredValue]) -> Collected {
    let version = before.first().map_or(1, |it| it.version + 1);
    let value = StoredValue {
        category: EMAIL.to_owned(),
        version,
        sealed: vec![1],
        point: "site_registration".to_owned(),
        act: "typed".to_owned(),
        collected_by: "spiffe://vow.local/workload/shop".to_owned(),
        collected_at_ms: 2,
        policy_version: "v1".to_owned(),
    };
    Collected {
        values: vec![value],
        entries: vec![(EMAIL.to_owned(), [7; 32])],
        answer: version.to_be_bytes().to_vec(),
    }
}

#[tokio::test]
async fn the_same_registration_is_the_same_person() {
    let fixture = Fixture::new().await;
    let first = fixture.register("one", "DE").await.expect("registered");
    let again = fixture
        .register("one", "DE")
        .await
        .expect("registered before");
    let other = fixture.register("two", "DE").await.expect("registered");
    assert_eq!(again, first);
    assert_ne!(other.subject, first.subject);
    let conflict = fixture.register("one", "FR").await;
    assert!(matches!(conflict, Err(Error::IdempotencyConflict)));
}

#[tokio::test]
async fn a_person_is_pending_until_consent_knows_it_and_then_stays_active() {
    let fixture = Fixture::new().await;
    let person = fixture
        .register("one", "")
        .await
        .expect("registered")
        .subject;
    assert_eq!(fixture.state(person).await, State::Pending);
    assert!(matches!(
        fixture.collect(person, "early").await,
        Err(Error::SubjectOfGrantUnknown)
    ));
    for revision in [7, 8] {
        let activated = fixture
            .store
            .activate(&Tenant::default(), person, revision)
            .await;
        activated.expect("activated");
    }
    let again = fixture
        .register("one", "")
        .await
        .expect("registered before");
    assert_eq!((again.state, again.revision), (State::Active, 7));
}

#[tokio::test]
async fn each_collection_is_one_version_and_a_repeated_one_is_none() {
    let fixture = Fixture::new().await;
    let person = fixture.active_person().await;
    let versions = |answer: Result<Vec<u8>, Error>| answer.expect("collected")[3];
    let (one, two, again) = join!(
        fixture.collect(person, "one"),
        fixture.collect(person, "two"),
        fixture.collect(person, "one"),
    );
    let (one, two, again) = (versions(one), versions(two), versions(again));
    assert_eq!(one, again);
    assert_eq!(one + two, 3);
    let stored = fixture
        .store
        .values(&Tenant::default(), person)
        .await
        .expect("readable");
    assert_eq!(stored.iter().map(|it| it.version).collect::<Vec<_>>(), [2]);
    assert_eq!(fixture.found().await, [person]);
}

#[tokio::test]
async fn another_tenant_sees_nothing() {
    let fixture = Fixture::new().await;
    let person = fixture.active_person().await;
    fixture.collect(person, "one").await.expect("collected");
    let other = Tenant::parse("other").expect("a name");
    let store = &fixture.store;
    assert_eq!(store.subject(&other, person).await.expect("readable"), None);
    assert!(
        store
            .values(&other, person)
            .await
            .expect("readable")
            .is_empty()
    );
    assert!(
        store
            .subjects_with(&other, EMAIL, [7; 32])
            .await
            .expect("readable")
            .is_empty()
    );
    let erased = store
        .begin_erasure(&other, person, None, &Erasure::requested(3))
        .await;
    assert!(matches!(erased, Err(Error::SubjectUnknown)));
}

#[tokio::test]
async fn nothing_is_left_or_taken_in_once_an_erasure_has_begun() {
    let fixture = Fixture::new().await;
    let (store, tenant) = (&fixture.store, Tenant::default());
    let person = fixture.active_person().await;
    fixture.collect(person, "one").await.expect("collected");
    for at_ms in [3, 4] {
        let begun = store
            .begin_erasure(&tenant, person, None, &Erasure::requested(at_ms))
            .await;
        begun.expect("begun, or begun before");
    }
    assert_eq!(fixture.state(person).await, State::Erasing);
    let admitted = store.admits_values(&tenant, person).await;
    assert!(matches!(admitted, Err(Error::SubjectErased)));
    assert!(
        store
            .values(&tenant, person)
            .await
            .expect("readable")
            .is_empty()
    );
    assert!(fixture.found().await.is_empty());
    assert!(matches!(
        fixture.collect(person, "two").await,
        Err(Error::SubjectErased)
    ));
    let erasure = store.erasure(&tenant, person).await.expect("readable");
    assert_eq!(erasure, Some(Erasure::requested(3)));
}

#[tokio::test]
async fn a_restored_person_is_found_until_the_erasure_begins_again() {
    let fixture = Fixture::new().await;
    let (store, tenant) = (&fixture.store, Tenant::default());
    let [active, gone] = [fixture.active_person().await, Uuid::from_u128(1)];
    let pending = fixture.register("early", "").await.expect("registered");
    let nobody = store.admits_values(&tenant, gone).await;
    assert!(matches!(nobody, Err(Error::SubjectOfGrantUnknown)));
    let found = async || {
        let among = [active, gone, pending.subject];
        let mut found = store.not_erased(&tenant, &among).await.expect("readable");
        found.sort_by_key(|it| it.revision);
        found.iter().map(|it| it.subject).collect::<Vec<_>>()
    };
    assert_eq!(found().await, [pending.subject, active]);
    let begun = store
        .begin_erasure(&tenant, active, None, &Erasure::requested(3))
        .await;
    begun.expect("begun");
    assert_eq!(found().await, [pending.subject]);
}

#[tokio::test]
async fn only_the_first_request_begins_an_erasure_and_a_refused_one_none() {
    let fixture = Fixture::new().await;
    let (store, tenant) = (&fixture.store, Tenant::default());
    let person = fixture.active_person().await;
    let pending = fixture.register("early", "").await.expect("registered");
    let request = fixture.request("erasure", "");
    let asked = async |person| store.would_begin(&tenant, person, &request).await;
    for unknown in [pending.subject, Uuid::from_u128(1)] {
        assert!(matches!(asked(unknown).await, Err(Error::SubjectUnknown)));
    }
    let used = fixture.request("registration", "other");
    let conflict = store.would_begin(&tenant, person, &used).await;
    assert!(matches!(conflict, Err(Error::IdempotencyConflict)));
    assert!(asked(person).await.expect("active"));
    let erasure = Erasure::quarantined(3);
    let begun = store.begin_erasure(&tenant, person, Some(&request), &erasure);
    begun.await.expect("begun");
    assert!(!asked(person).await.expect("the same request"));
}

#[tokio::test]
async fn whom_consent_quarantined_first_does_not_wait_for_it() {
    for (erasure, waits) in [
        (Erasure::quarantined(3), false),
        (Erasure::requested(3), true),
    ] {
        let fixture = Fixture::new().await;
        let (store, tenant) = (&fixture.store, Tenant::default());
        let person = fixture.active_person().await;
        // Another replica got another answer of consent, and comes late.
        for erasure in [&erasure, &Erasure::requested(4), &Erasure::quarantined(4)] {
            let begun = store.begin_erasure(&tenant, person, None, erasure).await;
            begun.expect("begun, or begun before");
        }
        let begun = store.erasure(&tenant, person).await.expect("readable");
        assert_eq!(begun.as_ref(), Some(&erasure));
        let next = Some(Step::Quarantine);
        let waiting = store.unfinished_erasures(next, 10).await;
        assert_eq!(!waiting.expect("readable").is_empty(), waits);
        let quarantined = store.advance_erasure(&tenant, person, Outcome::Quarantined);
        quarantined.await.expect("taken in, or not needed");
        let waiting = store.unfinished_erasures(next, 10).await;
        assert!(waiting.expect("readable").is_empty());
        let unfinished = store.unfinished_erasures(None, 10).await;
        assert_eq!(unfinished.expect("readable"), [(tenant, person)]);
    }
}

#[tokio::test]
async fn an_erasure_goes_on_from_where_it_was_and_ends_once() {
    let fixture = Fixture::new().await;
    let (store, tenant) = (&fixture.store, Tenant::default());
    let person = fixture.active_person().await;
    store
        .begin_erasure(&tenant, person, None, &Erasure::requested(3))
        .await
        .expect("begun");
    let key = KeyGone {
        key_id: Uuid::from_u128(1),
        index: 2,
    };
    for outcome in [
        Outcome::Quarantined,
        Outcome::OrdersErased(vec![Uuid::from_u128(3)]),
        Outcome::KeyDestroyed(Some(key)),
        // Somebody else did the same step, and comes late.
        Outcome::KeyDestroyed(None),
        Outcome::Forgotten,
        Outcome::LogShredded {
            log_key: LogKey::None,
            at_ms: 5,
        },
        Outcome::Signed("certificate".to_owned()),
        Outcome::Entered(Uuid::from_u128(4)),
    ] {
        let waiting = store.unfinished_erasures(None, 10).await.expect("readable");
        assert_eq!(waiting, [(tenant.clone(), person)]);
        store
            .advance_erasure(&tenant, person, outcome)
            .await
            .expect("taken in");
    }
    assert!(
        store
            .unfinished_erasures(None, 10)
            .await
            .expect("readable")
            .is_empty()
    );
    assert_eq!(fixture.state(person).await, State::Erased);
    let erasure = store
        .erasure(&tenant, person)
        .await
        .expect("readable")
        .expect("there");
    assert_eq!((erasure.next, erasure.own_key), (Step::Finished, Some(key)));
}
