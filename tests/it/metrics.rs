//! Every figure is exported by whom it should be, as documented, and callers cannot make more of them.

use std::collections::{BTreeMap, BTreeSet};

use client::Connection;

use proto::consent::GetRevisionRequest;
use tonic::{client::Grpc, codegen::http::uri::PathAndQuery};

use crate::{
    suite::{
        Database, client_material,
        separate::{SERVICES, Separate, http_get},
    },
    traces::{Collector, walk},
};

/// The page that lists them.
const PAGE: &str = include_str!("../../docs/metrics.md");

/// Series that one process may have.
const SERIES_MAX: usize = 2_000;

/// A metric as it is documented or exported.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Metric {
    kind: String,
    labels: BTreeSet<String>,
    help: String,
}

/// What one process exports.
struct Scrape {
    metrics: BTreeMap<String, Metric>,
    series: BTreeSet<String>,
    text: String,
}

#[tokio::test]
async fn the_documented_figures_are_those_that_are_exported_and_callers_make_no_more() {
    let collector = Collector::start().await;
    let endpoint = collector.address();
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ];
    let suite = Separate::start_with(Database::Sqlite, 1, &environment).await;
    walk(&suite).await;
    flood(&suite, 0).await;
    let before = scrapes(&suite).await;
    for (service, scrape) in &before {
        let documented = documented(service);
        let names: Vec<_> = documented.keys().collect();
        let exported: Vec<_> = scrape.metrics.keys().collect();
        assert_eq!(names, exported, "docs/metrics.md and {service}");
        for (name, metric) in &documented {
            let exported = &scrape.metrics[name];
            assert_eq!(metric.help, exported.help, "{service} {name}");
            assert_eq!(metric.kind, exported.kind, "{service} {name}");
            let labels = &metric.labels;
            assert!(
                exported.labels.is_subset(labels),
                "{service} {name}: {exported:?}"
            );
        }
        let count = scrape.series.len();
        assert!(count < SERIES_MAX, "{service} has {count} series");
        for value in ["ada@example.org", "4242424242424242", "canary"] {
            assert!(
                !scrape.text.contains(value),
                "{value} in the metrics of {service}"
            );
        }
    }
    let all: BTreeMap<_, _> = before.values().flat_map(|it| it.metrics.clone()).collect();
    for (name, metric) in &all {
        let seen: BTreeSet<_> = before
            .values()
            .filter_map(|it| it.metrics.get(name))
            .flat_map(|it| it.labels.clone())
            .collect();
        let documented = SERVICES.iter().find_map(|it| documented(it).remove(name));
        let labels = documented.expect("it was found").labels;
        assert_eq!(labels, seen, "the labels of {name}: {metric:?}");
    }
    for round in 1..4 {
        flood(&suite, round).await;
    }
    for (service, scrape) in scrapes(&suite).await {
        let more: Vec<_> = scrape.series.difference(&before[service].series).collect();
        assert!(
            more.is_empty(),
            "callers made series in {service}: {more:?}"
        );
    }
    exemplars_lead_to_traces(&before, &collector).await;
}

/// Calls that name what does not exist: methods, tenants, purposes, grants. Each round another.
async fn flood(suite: &Separate, round: u32) {
    let own = client_material(&suite.material(), "shop");
    let addresses = suite.addresses(0);
    for address in [
        &addresses.disclosure_audit,
        &addresses.consent,
        &addresses.payments_data,
        &addresses.identity,
    ] {
        let connection = client::connect(address, &own).expect("it is an address");
        for strange in 0..20 {
            for path in [
                format!("/vow.consent.v1.ConsentService/Canary{round}x{strange}"),
                format!("/canary{round}.x{strange}/Canary"),
                "/vow.consent.v1.ConsentService/GetRevision".to_owned(),
            ] {
                let tenant = format!("canary-{round}-{strange}");
                let _ = strange_call(connection.clone(), path, &tenant).await;
            }
        }
    }
}

async fn strange_call(
    connection: Connection,
    path: String,
    tenant: &str,
) -> Result<(), tonic::Status> {
    let mut client = Grpc::new(connection);
    client.ready().await.expect("it is made at the first call");
    let path = PathAndQuery::try_from(path).expect("it is a path");
    let codec = tonic_prost::ProstCodec::<GetRevisionRequest, GetRevisionRequest>::default();
    let request = client::request(tenant, GetRevisionRequest {});
    client.unary(request, path, codec).await.map(drop)
}

async fn exemplars_lead_to_traces(scrapes: &BTreeMap<&str, Scrape>, collector: &Collector) {
    let traces: BTreeSet<String> = collector
        .spans()
        .iter()
        .map(|it| it.trace.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    for (service, scrape) in scrapes {
        let marked = "# {trace_id=\"";
        let exemplars: Vec<&str> = scrape
            .text
            .lines()
            .filter(|it| it.starts_with("rpc_server_call_duration_seconds_bucket"))
            .filter_map(|it| it.split_once(marked)?.1.split_once('"').map(|it| it.0))
            .collect();
        assert!(!exemplars.is_empty(), "{service} has exemplars");
        for trace in exemplars {
            assert!(traces.contains(trace), "{service}: no spans of {trace}");
        }
    }
}

async fn scrapes(suite: &Separate) -> BTreeMap<&'static str, Scrape> {
    let mut scrapes = BTreeMap::new();
    for service in SERVICES {
        let answer = http_get(suite.admin(0, service), "/metrics").await;
        let answer = answer.expect("metrics are served");
        let (_, text) = answer.split_once("\r\n\r\n").expect("a head and a body");
        scrapes.insert(service, parse(text));
    }
    scrapes
}

/// Reads OpenMetrics, strictly: what it does not know is a failure.
fn parse(text: &str) -> Scrape {
    let mut scrape = Scrape {
        metrics: BTreeMap::new(),
        series: BTreeSet::new(),
        text: text.to_owned(),
    };
    let body = text.strip_suffix("# EOF\n").expect("it ends as it must");
    let mut family = String::new();
    for line in body.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a name and words");
            family = name.to_owned();
            let metric = Metric {
                kind: String::new(),
                labels: BTreeSet::new(),
                // The encoder ends the sentence.
                help: help.trim_end_matches('.').to_owned(),
            };
            let before = scrape.metrics.insert(family.clone(), metric);
            assert!(before.is_none(), "{name} comes twice");
            continue;
        }
        let metric = scrape.metrics.get_mut(&family).expect("HELP comes first");
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and a type");
            assert_eq!(name, family);
            metric.kind = kind.to_owned();
            continue;
        }
        let sample = line.split(" # ").next().unwrap_or_default();
        let (series, value) = sample.rsplit_once(' ').expect("a series and a value");
        assert!(value.parse::<f64>().is_ok(), "a value: {line}");
        assert!(series.starts_with(&family), "{series} is of {family}");
        assert!(
            scrape.series.insert(series.to_owned()),
            "{series} comes twice"
        );
        let labels = series.split_once('{').map(|it| it.1).unwrap_or_default();
        // No value of a label holds any of these three.
        for label in labels
            .trim_end_matches('}')
            .split(',')
            .filter(|it| !it.is_empty())
        {
            let (label, _) = label.split_once('=').expect("a label and its value");
            if label != "le" {
                metric.labels.insert(label.to_owned());
            }
        }
    }
    scrape
}

/// What the page says of a service: `| name | type | labels | services | meaning |`.
fn documented(service: &str) -> BTreeMap<String, Metric> {
    let mut metrics = BTreeMap::new();
    for line in PAGE.lines().filter(|it| it.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", name, kind, labels, services, help, ""] = cells.as_slice() else {
            panic!("a row has five cells: {line}");
        };
        let is_of_it = *services == "all" || services.split(", ").any(|it| it == service);
        if !is_of_it {
            continue;
        }
        let name = name.trim_matches('`');
        // In text, a counter's samples end in what its family's name does not have.
        let family = match *kind {
            "counter" => name.strip_suffix("_total").expect("a counter ends so"),
            "info" => name.strip_suffix("_info").expect("an info ends so"),
            _ => name,
        };
        let labels = labels.split(", ").filter(|it| !it.is_empty());
        let metric = Metric {
            kind: (*kind).to_owned(),
            labels: labels.map(|it| it.trim_matches('`').to_owned()).collect(),
            help: (*help).to_owned(),
        };
        metrics.insert(family.to_owned(), metric);
    }
    assert!(!metrics.is_empty(), "the page lists what {service} exports");
    metrics
}
