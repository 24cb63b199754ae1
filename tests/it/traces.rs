//! One request is one trace across the services, and only the calls of the architecture happen.

mod collector;

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

pub use collector::Collector;
use collector::Span;

use crate::{
    canaries::search::Place,
    suite::{acts::*, databases, separate::Separate},
};

/// What the architecture says of who calls whom: its one table with a column for methods.
const ARCHITECTURE: &str = include_str!("../../ARCHITECTURE.md");

/// Methods that a request need not wait for, or that come before any request, so that they may be in
/// no request's trace.
const APART: [&str; 3] = ["ListDestroyedKeys", "RecordBatch", "Watch"];

/// Methods that answer from memory.
const WITHOUT_SQL: [&str; 2] = ["Check", "Watch"];

/// What the walk tells of a person.
const PERSONAL: [&str; 2] = ["ada@example.org", "4242424242424242"];

/// Caller, callee, and the method's full name.
type Edge = (String, String, String);

/// Who calls whom, and what: the table of ARCHITECTURE.md.
fn known_edges() -> BTreeSet<Edge> {
    let rows = ARCHITECTURE.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        match cells.as_slice() {
            ["", from, to, method, ""] if method.starts_with("`vow.") => Some((
                (*from).to_owned(),
                (*to).to_owned(),
                method.trim_matches('`').to_owned(),
            )),
            _ => None,
        }
    });
    rows.collect()
}

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
        let subject = walk(&suite).await;

        let known = known_edges();
        assert!(known.len() > 10, "the table of ARCHITECTURE.md is read");
        let is_apart = |it: &&Edge| APART.iter().any(|apart| it.2.ends_with(apart));
        let wanted: BTreeSet<Edge> = known.iter().filter(|it| !is_apart(it)).cloned().collect();
        let mut spans = Vec::new();
        for _ in 0..100 {
            spans = collector.spans();
            if wanted.is_subset(&edges(&spans)) && statements_are_missing(&spans).is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let found = edges(&spans);
        let never: Vec<_> = wanted.difference(&found).collect();
        assert!(
            never.is_empty(),
            "never in one trace: {never:?}, but {found:?}"
        );
        let unknown: Vec<_> = found.difference(&known).collect();
        assert!(
            unknown.is_empty(),
            "the architecture does not know: {unknown:?}"
        );

        let missing = statements_are_missing(&spans);
        assert!(missing.is_empty(), "no statement below: {missing:?}");
        for span in &spans {
            for value in PERSONAL.into_iter().chain([subject.as_str()]) {
                let said = Place::new(&span.name, span.all.as_str()).contains(value);
                assert!(!said, "a span carries {value}: {}", span.all);
            }
        }
    }
}

/// Methods that were called, and below none of whose calls is an SQL statement in the same trace.
fn statements_are_missing(spans: &[Span]) -> BTreeSet<&str> {
    let parents: HashMap<&[u8], &Span> = spans.iter().map(|it| (it.id.as_slice(), it)).collect();
    let mut with_statement = BTreeSet::new();
    for statement in spans.iter().filter(|it| it.all.contains("db.system.name")) {
        // Between the two may be the commit that several calls share.
        let mut above = parents.get(statement.parent.as_slice());
        while let Some(span) = above.filter(|it| it.trace == statement.trace) {
            if span.is_server {
                with_statement.insert(span.name.as_str());
                break;
            }
            above = parents.get(span.parent.as_slice());
        }
    }
    let called = spans.iter().filter(|it| it.is_server);
    called
        .map(|it| it.name.as_str())
        .filter(|it| !WITHOUT_SQL.iter().any(|without| it.ends_with(without)))
        .filter(|it| !with_statement.contains(it))
        .collect()
}

/// Everything that makes one service call another. The answer is the person's id.
pub async fn walk(suite: &Separate) -> String {
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
    subject
}

/// A server span whose parent is a client span of another service, both in one trace.
fn edges(spans: &[Span]) -> BTreeSet<Edge> {
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
