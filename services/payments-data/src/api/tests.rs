//! The door with its memory and its keys, and no other service to be reached.

use chassis::{Callers, Database, DatabaseUrl, KeyError};
use client::{Connection, Material};
use grant::KeyBundle;
use prometheus_client::metrics::gauge::Gauge;
use proto::payments_data::{OrderValue, order_value::Value as Content};
use tempfile::TempDir;
use vault::{FileKeySource, Key, KeyEncryptionKey};

use super::*;
use crate::{NAME, closing::ORDERS_MAX, order::SubjectId, store::MIGRATIONS};

const SUBJECT: SubjectId = SubjectId(Uuid::from_u128(1));

/// The door, and the folder it lives in.
struct Fixture {
    api: Api,
    _folder: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let url = |name| {
            let file = folder.path().join(name);
            DatabaseUrl::from(format!("sqlite://{}", file.display()))
        };
        let database = Database::open(&url("orders.db"), MIGRATIONS, "migrations").await;
        let store = Store::new(database.unwrap());
        let line = FileKeySource::line(&KeyEncryptionKey::new("1", Key::generate()));
        let source = FileKeySource::parse(std::str::from_utf8(line.expose()).unwrap()).unwrap();
        let keys = KeyStore::open(&url("keys.db"), Arc::new(source)).await;
        let keys = keys.unwrap();
        let nobody = nobody();
        let bundle = KeyBundle::new(Vec::new()).unwrap();
        let api = Api {
            store: store.clone(),
            keys: keys.clone(),
            guard: Guard::new(NAME, bundle, nobody.clone(), nobody.clone()),
            closing: Closing::new(store, keys, nobody, Gauge::default()),
            metrics: VaultMetrics::new("released"),
        };
        Self {
            api,
            _folder: folder,
        }
    }

    async fn open(&self, tenant: &str, request_id: &str) -> Result<Order, Error> {
        let request = OpenOrderRequest {
            request_id: request_id.to_owned(),
            subject_id: SUBJECT.0.to_string(),
            merchant: "shop.example".to_owned(),
            ..Default::default()
        };
        self.api.open(&caller_of(tenant), request).await
    }

    async fn is_destroyed(&self, tenant: &Tenant, order: OrderId) -> bool {
        let key = self.api.keys.key(tenant, &Owner::Order(order.0)).await;
        matches!(key, Err(KeyError::Destroyed { .. }))
    }
}

/// A connection on which nobody answers.
fn nobody() -> Connection {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let material = Material {
        certificate_pem: own.cert.pem().into_bytes(),
        key_pem: own.signing_key.serialize_pem().into_bytes(),
        authority_pem: own.cert.pem().into_bytes(),
    };
    client::connect("https://127.0.0.1:1", &material).unwrap()
}

fn tenant(name: &str) -> Tenant {
    Tenant::parse(name).unwrap()
}

fn caller_of(name: &str) -> Caller {
    let shop = "spiffe://example.org/shop";
    let callers = Callers::parse(
        r#"
        [[caller]]
        id = "spiffe://example.org/shop"
        kind = "workload"
        tenants = ["*"]
        methods = ["vow.payments_data.v1.PaymentsDataService/*"]
        "#,
    );
    let method = "vow.payments_data.v1.PaymentsDataService/OpenOrder";
    let callers = callers.unwrap();
    callers.admit(shop, tenant(name), method).unwrap()
}

#[tokio::test]
async fn a_log_that_does_not_answer_saves_no_key_of_an_erased_person() {
    let fixture = Fixture::new().await;
    let mut opened = Vec::new();
    for number in 0..=ORDERS_MAX {
        let order = fixture.open("acme", &format!("o{number}")).await;
        opened.push(order.unwrap().id);
    }
    let erased = fixture.api.closing.erase(&tenant("acme"), SUBJECT).await;
    let refused = erased.err().map(|error| error.reason());
    assert_eq!(refused, Some("PEER_UNAVAILABLE"));
    for order in opened {
        assert!(fixture.is_destroyed(&tenant("acme"), order).await);
    }
}

#[tokio::test]
async fn the_sweep_goes_on_after_a_tenant_whose_record_is_refused() {
    let fixture = Fixture::new().await;
    let mut closed = Vec::new();
    for name in ["acme", "other"] {
        let (tenant, order) = (tenant(name), fixture.open(name, "o1").await.unwrap());
        let store = &fixture.api.store;
        let settled = store.close(&tenant, order.id, Ending::Settled, now_ms());
        settled.await.unwrap();
        closed.push((tenant, order.id));
    }
    let swept = fixture.api.closing.sweep_once().await;
    let refused = swept.err().map(|error| error.reason());
    assert_eq!(refused, Some("PEER_UNAVAILABLE"));
    for (tenant, order) in closed {
        assert!(fixture.is_destroyed(&tenant, order).await);
    }
}

#[tokio::test]
async fn only_an_order_that_is_opened_keeps_the_key_made_for_it() {
    let fixture = Fixture::new().await;
    let (api, tenant) = (&fixture.api, tenant("acme"));
    let stranger = SubjectId(Uuid::from_u128(2));
    api.store.erase(&tenant, stranger, now_ms()).await.unwrap();
    for (id, subject, content, expected, is_destroyed) in [
        (1, SUBJECT, "this", None, false),
        // The same request again, as when two of them come at once.
        (2, SUBJECT, "this", None, true),
        (3, SUBJECT, "that", Some("IDEMPOTENCY_CONFLICT"), true),
        (4, stranger, "this", Some("SUBJECT_ERASED"), true),
    ] {
        let id = OrderId(Uuid::from_u128(id));
        let opening = Opening::new(subject, "shop.example".to_owned(), 1, None, now_ms());
        let caller = caller_of("acme");
        let content = content.to_owned();
        let request_key = api.request_key(&caller, "OpenOrder", "o1", &content);
        let request_key = request_key.await.unwrap();
        let opened = api.enter(&tenant, id, opening.unwrap(), &request_key).await;
        assert_eq!(opened.err().map(|error| error.reason()), expected);
        assert_eq!(fixture.is_destroyed(&tenant, id).await, is_destroyed);
    }
}

#[tokio::test]
async fn a_collection_repeated_after_the_end_of_its_order_gets_its_answer_again() {
    let fixture = Fixture::new().await;
    let (api, tenant) = (&fixture.api, tenant("acme"));
    let order = fixture.open("acme", "o1").await.unwrap().id;
    let caller = caller_of("acme");
    let values = vec![OrderValue {
        category: "user.name".to_owned(),
        value: Some(Content::Text("Ada".to_owned())),
    }];
    for (request_id, is_over, expected) in [
        ("s1", false, Ok(vec!["user.name".to_owned()])),
        ("s1", true, Ok(vec!["user.name".to_owned()])),
        ("s2", true, Err("ORDER_CLOSED")),
    ] {
        if is_over {
            let settled = api.closing.close(&tenant, order, Ending::Settled).await;
            settled.unwrap();
        }
        let content = String::new();
        let request = api.request_key(&caller, "StoreOrderData", request_id, &content);
        let request = request.await.unwrap();
        let kept = values::keep(api, &tenant, order, SUBJECT, values.clone(), &request).await;
        assert_eq!(kept.map_err(|error| error.reason()), expected);
    }
}
