//! The memory of orders on SQLite: what it holds to when many ask at once, and at the end.

use std::sync::Arc;

use chassis::{Callers, DatabaseUrl, RequestError};
use grant::{Action, Grant, Scope};
use sea_orm::ConnAcquireErr;
use tempfile::TempDir;
use tokio::task::JoinSet;
use vault::{BlindIndex, Secret};

use super::*;
use crate::{
    order::{Ending, Opening, PURPOSE, State},
    value::Content,
};

const NOW: i64 = 1_800_000_000_000;
const SUBJECT: SubjectId = SubjectId(Uuid::from_u128(1));
const NAME: &str = "user.name";
const EMAIL: &str = "user.contact.email";

/// A store with a key to seal with, and the folder it lives in.
struct Fixture {
    store: Store,
    key: Key,
    index: BlindIndex,
    _folder: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("orders.db");
        let url = DatabaseUrl::from(format!("sqlite://{}", file.display()));
        let database = Database::open(&url, MIGRATIONS, "migrations").await;
        Self {
            store: Store::new(database.unwrap()),
            key: Key::generate(),
            index: BlindIndex::new(Key::generate()),
            _folder: folder,
        }
    }

    fn request(&self, method: &str, request_id: &str, content: &str) -> RequestKey {
        let callers = Callers::parse(
            r#"
            [[caller]]
            id = "spiffe://example.org/shop"
            kind = "workload"
            tenants = ["*"]
            methods = ["vow.payments_data.v1.PaymentsDataService/*"]
            "#,
        );
        let method_path = "vow.payments_data.v1.PaymentsDataService/OpenOrder";
        let shop = "spiffe://example.org/shop";
        let callers = callers.unwrap();
        let caller = callers.admit(shop, tenant(), method_path).unwrap();
        let content = content.as_bytes();
        RequestKey::new(&caller, method, request_id, &self.index, content).unwrap()
    }

    async fn open(&self, request_id: &str, id: u128, releases_max: u32) -> Result<Order, Error> {
        let opening = Opening::new(SUBJECT, "shop.example".to_owned(), releases_max, None, NOW)?;
        let order = opening.into_order(OrderId(Uuid::from_u128(id)), Uuid::from_u128(id + 1_000));
        let request = self.request("OpenOrder", request_id, "");
        self.store.open_order(&tenant(), order, &request).await
    }

    async fn put(
        &self,
        order: &Order,
        request_id: &str,
        values: &[(&str, &str)],
    ) -> Result<Vec<String>, Error> {
        let request = self.request("StoreOrderData", request_id, &format!("{values:?}"));
        let values = values.iter().map(|&(category, text)| {
            let text = Content::Text(Secret::new(text.as_bytes().to_vec()));
            Value::new(category.to_owned(), text).unwrap()
        });
        let collected = Collected {
            order: order.id,
            subject: SUBJECT,
            values: &values.collect::<Vec<_>>(),
            request: &request,
        };
        let tenant = tenant();
        let put = self.store.put_values(&tenant, &collected, &self.key, NOW);
        put.await
    }

    fn texts(&self, (order, sealed): &(Order, Vec<SealedValue>)) -> Vec<String> {
        let open = |sealed: &SealedValue| {
            let value = sealed.open(&self.key, tenant().as_str(), order).unwrap();
            match value.content() {
                Content::Text(text) => String::from_utf8(text.expose().to_vec()).unwrap(),
                Content::Card(_) => panic!("only texts are stored here"),
            }
        };
        sealed.iter().map(open).collect()
    }
}

fn tenant() -> Tenant {
    Tenant::parse("acme").unwrap()
}

fn release(order: &Order, request_id: &str, grant_id: u128, categories: &[&str]) -> Release {
    let grant = Grant {
        iss: "consent".to_owned(),
        aud: "payments-data".to_owned(),
        holder: "spiffe://example.org/shop".to_owned(),
        tenant: tenant().as_str().to_owned(),
        scope: Scope::Order {
            subject: SUBJECT.0,
            order: order.id.0,
        },
        action: Action::Use,
        purpose: PURPOSE.to_owned(),
        categories: categories.iter().map(|&it| it.to_owned()).collect(),
        clauses: Vec::new(),
        basis: None,
        policy_version: "v1".to_owned(),
        revision: 7,
        iat: 0,
        exp: 60,
        jti: Uuid::from_u128(grant_id),
    };
    let release = Release::new(&grant, request_id, order.id, Vec::new());
    release.unwrap_or_else(|error| panic!("{error}"))
}

fn reason<T>(answer: Result<T, Error>) -> &'static str {
    answer.err().map_or("none", |error| error.reason())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_single_release_goes_to_exactly_one_of_a_thousand_at_once() {
    let fixture = Fixture::new().await;
    let order = fixture.open("o1", 1, 1).await.unwrap();
    fixture.put(&order, "s1", &[(NAME, "Ada")]).await.unwrap();
    let (store, order) = (Arc::new(fixture.store.clone()), Arc::new(order));
    let mut calls = JoinSet::new();
    for number in 0..1_000 {
        let (store, order) = (store.clone(), order.clone());
        calls.spawn(async move {
            let release = release(&order, &format!("r{number}"), number, &[NAME]);
            // A busy machine keeps some waiting for longer than a call may: they ask again.
            loop {
                match reason(store.reserve(&tenant(), &release, NOW).await) {
                    "STORE_UNAVAILABLE" => {}
                    answer => break answer,
                }
            }
        });
    }
    let mut answers = calls.join_all().await;
    answers.sort_unstable();
    let exhausted = answers.partition_point(|it| *it == "RELEASES_EXHAUSTED");
    assert_eq!((exhausted, &answers[exhausted..]), (999, &["none"][..]));
    let (order, _) = store.order(&tenant(), order.id).await.unwrap();
    assert_eq!(order.releases_used, 1);
}

#[tokio::test]
async fn the_same_release_is_taken_up_again_and_no_other_under_its_name() {
    let fixture = Fixture::new().await;
    let order = fixture.open("o1", 1, 2).await.unwrap();
    let other = fixture.open("o2", 2, 2).await.unwrap();
    for (order, request_id) in [(&order, "s1"), (&other, "s2")] {
        let values = [(NAME, "Ada"), (EMAIL, "ada@example.org")];
        fixture.put(order, request_id, &values).await.unwrap();
    }
    for (release, expected) in [
        (release(&order, "r1", 1, &[EMAIL, NAME]), "none"),
        (release(&order, "r1", 1, &[EMAIL, NAME]), "none"),
        (release(&order, "r1", 1, &[NAME]), "IDEMPOTENCY_CONFLICT"),
        (
            release(&order, "r1", 2, &[EMAIL, NAME]),
            "IDEMPOTENCY_CONFLICT",
        ),
        (
            release(&other, "r1", 1, &[EMAIL, NAME]),
            "IDEMPOTENCY_CONFLICT",
        ),
        (release(&order, "r2", 1, &[EMAIL, NAME]), "none"),
        (
            release(&order, "r3", 1, &[EMAIL, NAME]),
            "RELEASES_EXHAUSTED",
        ),
        (release(&order, "r1", 1, &[EMAIL, NAME]), "none"),
    ] {
        let reserved = fixture.store.reserve(&tenant(), &release, NOW).await;
        if let Ok(reserved) = &reserved {
            assert_eq!(fixture.texts(reserved), ["ada@example.org", "Ada"]);
        }
        assert_eq!(reason(reserved), expected);
    }
}

#[tokio::test]
async fn what_is_refused_uses_up_nothing() {
    let fixture = Fixture::new().await;
    let order = fixture.open("o1", 1, 1).await.unwrap();
    fixture.put(&order, "s1", &[(NAME, "Ada")]).await.unwrap();
    let mut unknown = order.clone();
    unknown.id = OrderId(Uuid::from_u128(9));
    let mut foreign = release(&order, "r1", 1, &[NAME]);
    foreign.subject = SubjectId(Uuid::from_u128(9));
    for (release, now, expected) in [
        (
            release(&order, "r1", 1, &[NAME, EMAIL]),
            NOW,
            "VALUE_MISSING",
        ),
        (release(&unknown, "r1", 1, &[NAME]), NOW, "ORDER_UNKNOWN"),
        (foreign, NOW, "OTHER_ORDER"),
        (
            release(&order, "r1", 1, &[NAME]),
            order.expires_at,
            "ORDER_CLOSED",
        ),
    ] {
        let refused = fixture.store.reserve(&tenant(), &release, now).await;
        assert_eq!(reason(refused), expected);
    }
    let elsewhere = Tenant::parse("other").unwrap();
    let release = release(&order, "r1", 1, &[NAME]);
    let refused = fixture.store.reserve(&elsewhere, &release, NOW).await;
    assert_eq!(reason(refused), "ORDER_UNKNOWN");
    let reserved = fixture.store.reserve(&tenant(), &release, NOW).await;
    assert_eq!(reason(reserved), "none");
}

#[tokio::test]
async fn a_category_stored_again_replaces_its_value() {
    let fixture = Fixture::new().await;
    let order = fixture.open("o1", 1, 3).await.unwrap();
    let first = [(NAME, "Ada"), (EMAIL, "ada@example.org")];
    for (request_id, values, categories) in [
        ("s1", &first[..], &[EMAIL, NAME][..]),
        ("s2", &[(NAME, "Grace")], &[EMAIL, NAME]),
        // The first request again: it was carried out, and is not carried out again.
        ("s1", &first, &[EMAIL, NAME]),
    ] {
        let stored = fixture.put(&order, request_id, values).await.unwrap();
        assert_eq!(stored, categories);
    }
    let release = release(&order, "r1", 1, &[NAME, EMAIL]);
    let reserved = fixture.store.reserve(&tenant(), &release, NOW).await;
    let reserved = reserved.unwrap();
    assert_eq!(fixture.texts(&reserved), ["Grace", "ada@example.org"]);
    assert_eq!(
        reserved.1.iter().map(|it| it.version).collect::<Vec<_>>(),
        [2, 1]
    );
    let conflict = fixture.put(&order, "s1", &[(NAME, "Grace")]).await;
    assert_eq!(reason(conflict), "IDEMPOTENCY_CONFLICT");
}

#[tokio::test]
async fn the_same_request_opens_one_order() {
    let fixture = Fixture::new().await;
    let request = fixture.request("OpenOrder", "o1", "");
    let before = fixture.store.opened_before(&tenant(), &request).await;
    assert!(before.unwrap().is_none());
    let order = fixture.open("o1", 1, 1).await.unwrap();
    let again = fixture.open("o1", 2, 1).await.unwrap();
    assert!(again == order);
    let before = fixture.store.opened_before(&tenant(), &request).await;
    assert!(before.unwrap() == Some(order));
    let unknown = OrderId(Uuid::from_u128(2));
    let second = fixture.store.order(&tenant(), unknown).await;
    assert_eq!(reason(second), "ORDER_UNKNOWN");
}

#[tokio::test]
async fn a_closed_order_keeps_nothing_and_its_key_is_to_be_destroyed() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let [order, open] = [
        fixture.open("o1", 1, 1).await.unwrap(),
        fixture.open("o2", 2, 1).await.unwrap(),
    ];
    for (order, request_id) in [(&order, "s1"), (&open, "s2")] {
        fixture
            .put(order, request_id, &[(NAME, "Ada")])
            .await
            .unwrap();
    }
    for (ending, expected) in [
        (Ending::Settled, "none"),
        (Ending::Settled, "none"),
        (Ending::Cancelled, "ORDER_CLOSED"),
    ] {
        let closed = store.close(&tenant(), order.id, ending, NOW).await;
        assert_eq!(reason(closed), expected);
    }
    let (closed, categories) = store.order(&tenant(), order.id).await.unwrap();
    assert_eq!(closed.state, State::Closed(Ending::Settled));
    assert!(categories.is_empty());
    let refused = fixture.put(&order, "s3", &[(NAME, "Ada")]).await;
    assert_eq!(reason(refused), "ORDER_CLOSED");
    let (_, categories) = store.order(&tenant(), open.id).await.unwrap();
    assert_eq!(categories, [NAME]);

    let to_destroy = store.to_destroy(&tenant(), None, None, 10).await.unwrap();
    assert!(to_destroy == [closed]);
    let recorded = store.destruction_recorded(&tenant(), &[order.id]).await;
    recorded.unwrap();
    assert!(
        store
            .to_destroy(&tenant(), None, None, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn an_order_expires_when_its_time_is_over() {
    let fixture = Fixture::new().await;
    let order = fixture.open("o1", 1, 1).await.unwrap();
    fixture.put(&order, "s1", &[(NAME, "Ada")]).await.unwrap();
    for (now, state) in [
        (order.expires_at - 1, State::Open),
        (order.expires_at, State::Closed(Ending::Expired)),
    ] {
        fixture.store.expire(&tenant(), now).await.unwrap();
        let (order, _) = fixture.store.order(&tenant(), order.id).await.unwrap();
        assert_eq!(order.state, state);
    }
    let (_, categories) = fixture.store.order(&tenant(), order.id).await.unwrap();
    assert!(categories.is_empty());
}

#[tokio::test]
async fn an_erased_person_has_no_open_order_and_gets_no_other() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    for (request_id, id) in [("o1", 1), ("o2", 2)] {
        fixture.open(request_id, id, 1).await.unwrap();
    }
    let settled = OrderId(Uuid::from_u128(1));
    let settled = store.close(&tenant(), settled, Ending::Settled, NOW).await;
    settled.unwrap();
    for _ in 0..2 {
        let orders = store.erase(&tenant(), SUBJECT, NOW).await.unwrap();
        let states: Vec<_> = orders
            .iter()
            .map(|order| (order.id.0.as_u128(), order.state))
            .collect();
        let expected = [Ending::Settled, Ending::Erased].map(State::Closed);
        assert_eq!(states, [(1, expected[0]), (2, expected[1])]);
    }
    assert_eq!(reason(fixture.open("o3", 3, 1).await), "SUBJECT_ERASED");
    let stranger = SubjectId(Uuid::from_u128(9));
    assert!(
        store
            .erase(&tenant(), stranger, NOW)
            .await
            .unwrap()
            .is_empty()
    );
    let to_destroy = store
        .to_destroy(&tenant(), Some(SUBJECT), None, 10)
        .await
        .unwrap();
    assert_eq!(to_destroy.len(), 2);
    for (after, later) in [(1, Some(2)), (2, None)] {
        let after = Some(OrderId(Uuid::from_u128(after)));
        let page = store.to_destroy(&tenant(), Some(SUBJECT), after, 1).await;
        let first = page.unwrap().first().map(|it| it.id.0.as_u128());
        assert_eq!(first, later);
    }
    let strangers = store.to_destroy(&tenant(), Some(stranger), None, 10).await;
    assert!(strangers.unwrap().is_empty());
}

#[tokio::test]
async fn opening_and_erasing_at_once_leaves_no_order_open() {
    let fixture = Arc::new(Fixture::new().await);
    let mut opens = JoinSet::new();
    for id in 0..50 {
        let fixture = fixture.clone();
        opens.spawn(async move { reason(fixture.open(&format!("o{id}"), id, 1).await) });
    }
    let erased = fixture.store.erase(&tenant(), SUBJECT, NOW).await.unwrap();
    for answer in opens.join_all().await {
        assert!(["none", "SUBJECT_ERASED"].contains(&answer), "{answer}");
    }
    let after = fixture.store.erase(&tenant(), SUBJECT, NOW).await.unwrap();
    assert!(after == erased);
}

#[test]
fn a_failing_database_is_unavailable_only_if_that_may_pass() {
    let unavailable = || DbErr::ConnectionAcquire(ConnAcquireErr::Timeout);
    for (error, expected) in [
        (
            Error::from(RequestError::Db(DbErr::RecordNotInserted)),
            "INTERNAL",
        ),
        (
            Error::from(RequestError::Db(unavailable())),
            "STORE_UNAVAILABLE",
        ),
        (broken(unavailable()), "STORE_UNAVAILABLE"),
    ] {
        assert_eq!(error.reason(), expected);
    }
}
