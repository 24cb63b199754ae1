//! One request is one trace across the services, and only the calls of the architecture happen.

mod collector;

use std::{collections::BTreeSet, time::Duration};

pub use collector::Collector;
use collector::Span;

use crate::suite::{acts::*, databases, separate::Separate};

/// Who calls whom, and what: the arrows of ARCHITECTURE.md.
const EDGES: [(&str, &str, &str); 14] = [
    (
        "consent",
        "disclosure-audit",
        "vow.disclosure_audit.v1.DisclosureAuditService/GetRecipient",
    ),
    (
        "consent",
        "disclosure-audit",
        "vow.disclosure_audit.v1.DisclosureAuditService/RecordBatch",
    ),
    (
        "payments-data",
        "consent",
        "vow.consent.v1.ConsentService/GetRevision",
    ),
    (
        "payments-data",
        "consent",
        "vow.consent.v1.ConsentService/Watch",
    ),
    (
        "payments-data",
        "disclosure-audit",
        "vow.disclosure_audit.v1.DisclosureAuditService/Record",
    ),
    (
        "payments-data",
        "disclosure-audit",
        "vow.disclosure_audit.v1.DisclosureAuditService/RecordBatch",
    ),
    (
        "identity",
        "consent",
        "vow.consent.v1.ConsentService/EnrolSubject",
    ),
    (
        "identity",
        "consent",
        "vow.consent.v1.ConsentService/GetRevision",
    ),
    ("identity", "consent", "vow.consent.v1.ConsentService/Watch"),
    (
        "identity",
        "consent",
        "vow.consent.v1.ConsentService/QuarantineSubject",
    ),
    (
        "identity",
        "consent",
        "vow.consent.v1.ConsentService/ForgetSubject",
    ),
    (
        "identity",
        "payments-data",
        "vow.payments_data.v1.PaymentsDataService/EraseSubjectOrders",
    ),
    (
        "identity",
        "disclosure-audit",
        "vow.disclosure_audit.v1.DisclosureAuditService/Record",
    ),
    (
        "identity",
        "disclosure-audit",
        "vow.disclosure_audit.v1.DisclosureAuditService/ShredSubject",
    ),
];

/// Edges that a request need not wait for, so that they may be in no request's trace.
const APART: [&str; 2] = ["RecordBatch", "Watch"];

#[tokio::test]
async fn one_request_is_one_trace_and_only_the_known_edges_exist() {
    for database in databases() {
        let collector = Collector::start().await;
        let environment = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address()),
            ("OTEL_TRACES_SAMPLER", "parentbased_always_on".into()),
            ("OTEL_BSP_SCHEDULE_DELAY", "100".into()),
        ];
        let environment: Vec<_> = environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let suite = Separate::start_with(database, 1, &environment).await;
        walk(&suite).await;

        let wanted: BTreeSet<_> = EDGES
            .iter()
            .filter(|(_, _, method)| !APART.iter().any(|it| method.ends_with(it)))
            .collect();
        let mut found = BTreeSet::new();
        for _ in 0..100 {
            found = edges(&collector.spans());
            if wanted.iter().all(|(from, to, method)| {
                found.contains(&(from.to_string(), to.to_string(), method.to_string()))
            }) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        for (from, to, method) in wanted {
            let edge = ((*from).to_owned(), (*to).to_owned(), (*method).to_owned());
            assert!(
                found.contains(&edge),
                "{from} never called {to} {method} in one trace: {found:?}"
            );
        }
        for (from, to, method) in &found {
            assert!(
                EDGES
                    .iter()
                    .any(|it| it == &(from.as_str(), to.as_str(), method.as_str())),
                "{from} called {to} {method}, which the architecture does not know"
            );
        }
    }
}

/// Everything that makes one service call another.
async fn walk(suite: &Separate) {
    let (mut shop, mut operator) = (suite.client(0, "shop"), suite.client(0, "operator"));
    for (id, kind, purpose, category) in [
        ("letterpress", "service_provider", NEWSLETTER, EMAIL),
        ("card-house", "payment_processor", PAYMENT, CARD),
    ] {
        register_recipient(&mut operator, id, kind, purpose, &[category])
            .await
            .expect("it may be");
    }
    let subject = register(&mut shop).await;
    collect_typed(&mut shop, &subject, &[(EMAIL, "ada@example.org")]).await;
    let about = scope(&subject, NEWSLETTER, "letterpress");
    grant_consent(&mut shop, about)
        .await
        .expect("anybody may agree");
    let question = disclose(&subject, "letterpress", NEWSLETTER, &[EMAIL]);
    let (grant, _) = authorize(&mut shop, question).await.expect("she agreed");
    reveal(&mut shop, &grant).await.expect("it is granted");
    let order = open_order(&mut shop, &subject, 3).await.order_id;
    store_order_data(
        &mut shop,
        &subject,
        &order,
        vec![order_card("4242424242424242")],
    )
    .await
    .expect("it is open");
    let question = of_order(disclose(&subject, "card-house", PAYMENT, &[CARD]), &order);
    let (grant, _) = authorize(&mut shop, question)
        .await
        .expect("it is necessary");
    release(&mut shop, &order, &grant)
        .await
        .expect("it is granted");
    erase(&mut shop, &subject).await;
}

/// A server span whose parent is a client span of another service, both in one trace.
fn edges(spans: &[Span]) -> BTreeSet<(String, String, String)> {
    let mut edges = BTreeSet::new();
    for callee in spans.iter().filter(|it| it.is_server) {
        let caller = spans
            .iter()
            .find(|it| it.id == callee.parent && it.trace == callee.trace && !it.is_server);
        if let Some(caller) = caller {
            edges.insert((
                caller.service.clone(),
                callee.service.clone(),
                callee.name.clone(),
            ));
        }
    }
    edges
}
