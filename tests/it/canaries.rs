//! Distinctive personal values go through every flow, errors included, and are found nowhere afterwards.

pub mod search;

use std::time::Duration;

use search::Place;

use crate::{
    suite::{Suite, acts::*, databases, separate::http_get},
    traces::Collector,
};

const CANARY_NAME: &str = "Zephyrine Canarybird";
const CANARY_EMAIL: &str = "zephyrine.canarybird@example.org";
const CANARY_PHONE: &str = "+14155557391";
const CANARY_ADDRESS: &str = "4913 Birdcage Walk";
const CANARY_CARD: &str = "4539578763621486";
const CANARIES: [&str; 5] = [
    CANARY_NAME,
    CANARY_EMAIL,
    CANARY_PHONE,
    CANARY_ADDRESS,
    CANARY_CARD,
];

#[tokio::test]
async fn personal_values_are_in_no_file_log_span_or_metric() {
    for database in databases() {
        let collector = Collector::start().await;
        let endpoint = collector.address();
        let environment = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_BSP_SCHEDULE_DELAY", "100"),
            ("VOW_LOG", "trace"),
        ];
        let suite = Suite::start_with(database, &environment).await;
        good_flows(&suite).await;
        bad_flows(&suite).await;

        let mut places = search::written(&suite, database);
        for (service, endpoint) in suite.endpoints()["services"]
            .as_object()
            .expect("they are listed")
        {
            let admin = endpoint["admin"].as_str().expect("it has one");
            let port = admin
                .rsplit(':')
                .next()
                .and_then(|it| it.parse().ok())
                .expect("it has a port");
            let metrics = http_get(port, "/metrics")
                .await
                .expect("metrics are served");
            assert!(metrics.contains("# TYPE"), "{service} exports metrics");
            places.push(Place::new(format!("metrics of {service}"), metrics));
        }
        for _ in 0..100 {
            if !collector.spans().is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let spans: String = collector.spans().into_iter().map(|it| it.all).collect();
        assert!(!spans.is_empty(), "spans are exported");
        places.push(Place::new("exported spans", spans));
        for canary in CANARIES {
            for place in &places {
                assert!(!place.contains(canary), "{canary} stands in {}", place.name);
            }
        }
    }
}

#[test]
fn the_search_finds_a_value_that_is_there() {
    let folder = tempfile::TempDir::new().expect("the temporary folder can be written");
    let text = format!("x{}y", CANARY_EMAIL.to_uppercase());
    std::fs::write(folder.path().join("leak"), text).expect("it can be written");
    std::fs::write(folder.path().join("split"), "4539 5787 6362 1486").expect("it can be written");
    std::fs::write(folder.path().join("name Zephyrine Canarybird"), "").expect("it can be written");
    let files = search::files(folder.path());
    for canary in [CANARY_EMAIL, CANARY_CARD, CANARY_NAME] {
        assert!(files.iter().any(|it| it.contains(canary)), "{canary}");
    }
}

async fn good_flows(suite: &Suite) {
    let (mut shop, mut operator) = (suite.shop(), suite.operator());
    for (id, kind, purpose, categories) in [
        ("letterpress", "service_provider", NEWSLETTER, [NAME, EMAIL]),
        ("card-house", "payment_processor", PAYMENT, [NAME, CARD]),
    ] {
        register_recipient(&mut operator, id, kind, purpose, &categories)
            .await
            .expect("it may be");
    }
    for erased in [false, true] {
        let subject = register(&mut shop).await;
        let values = [
            (NAME, CANARY_NAME),
            (EMAIL, CANARY_EMAIL),
            (PHONE, CANARY_PHONE),
            (ADDRESS, CANARY_ADDRESS),
        ];
        collect_typed(&mut shop, &subject, &values).await;
        let about = scope(&subject, NEWSLETTER, "letterpress");
        grant_consent(&mut shop, about.clone())
            .await
            .expect("anybody may agree");
        let question = disclose(&subject, "letterpress", NEWSLETTER, &[NAME, EMAIL]);
        let (grant, _) = authorize(&mut shop, question).await.expect("she agreed");
        let revealed = reveal(&mut shop, &grant).await.expect("it is granted");
        assert_eq!(revealed.values[1].text, CANARY_EMAIL);
        let record = revealed.record.expect("it is recorded");
        receipt(&mut shop, &record.entry_id)
            .await
            .expect("it can be proved");
        withdraw_consent(&mut shop, about)
            .await
            .expect("anybody may withdraw");

        let order = open_order(&mut shop, &subject, 3).await.order_id;
        let values = vec![order_card(CANARY_CARD), order_text(NAME, CANARY_NAME)];
        store_order_data(&mut shop, &subject, &order, values)
            .await
            .expect("it is open");
        let question = of_order(disclose(&subject, "card-house", PAYMENT, &[CARD]), &order);
        let (grant, _) = authorize(&mut shop, question)
            .await
            .expect("it is necessary");
        let released = release(&mut shop, &order, &grant)
            .await
            .expect("it is granted");
        assert_eq!(released.values, [order_card(CANARY_CARD)]);
        if erased {
            erase(&mut shop, &subject).await;
        }
    }
}

/// The same values where they are refused, and where they do not belong at all.
async fn bad_flows(suite: &Suite) {
    let (mut shop, mut operator) = (suite.shop(), suite.operator());
    let subject = register(&mut shop).await;
    let mut refusals = Vec::new();
    for canary in CANARIES {
        let (grant, _) = authorize(&mut shop, collect(&subject, "typed", &[EMAIL]))
            .await
            .expect("declared");
        refusals.extend(store(&mut shop, &grant, &[(NAME, canary)]).await.err());
        refusals.extend(
            store(&mut shop, &grant, &[(EMAIL, &format!("{canary} {canary}"))])
                .await
                .err(),
        );
        refusals.extend(store(&mut shop, canary, &[(EMAIL, canary)]).await.err());
        refusals.extend(
            authorize(&mut shop, collect(canary, canary, &[canary]))
                .await
                .err(),
        );
        refusals.extend(
            authorize(&mut shop, collect_at(&subject, canary, canary, &[canary]))
                .await
                .err(),
        );
        refusals.extend(
            authorize(&mut shop, disclose(&subject, canary, canary, &[canary]))
                .await
                .err(),
        );
        refusals.extend(
            check(&mut shop, use_within(canary, canary, &[canary]), 0)
                .await
                .err(),
        );
        refusals.extend(
            grant_consent(&mut shop, scope(&subject, canary, canary))
                .await
                .err(),
        );
        refusals.extend(reveal(&mut shop, canary).await.err());
        refusals.extend(release_as(&mut shop, canary, canary, canary).await.err());
        refusals.extend(settle(&mut shop, canary).await.err());
        refusals.extend(receipt(&mut shop, canary).await.err());
        refusals.extend(account(&mut shop, canary).await.err());
        let order = open_order(&mut shop, &subject, 1).await.order_id;
        let broken = vec![order_card(&format!("{canary}1")), order_text(NAME, "")];
        refusals.extend(
            store_order_data(&mut shop, &subject, &order, broken)
                .await
                .err(),
        );
        let request = proto::identity::FindSubjectRequest {
            category: canary.into(),
            text: canary.into(),
        };
        refusals.extend(
            shop.identity
                .find_subject(shop.request(request))
                .await
                .err(),
        );
        let request = proto::identity::RegisterSubjectRequest {
            request_id: canary.into(),
            region: canary.into(),
            age_band: 1,
            accepted_policy_version: canary.into(),
        };
        refusals.extend(
            shop.identity
                .register_subject(shop.request(request))
                .await
                .err(),
        );
        let elsewhere = suite.client("shop", canary);
        let request = elsewhere.request(proto::identity::GetSubjectRequest {
            subject_id: canary.into(),
        });
        refusals.extend(elsewhere.identity.clone().get_subject(request).await.err());
        refusals.extend(
            register_recipient(&mut operator, canary, canary, canary, &[canary])
                .await
                .err(),
        );
        let request = proto::consent::PublishPolicyRequest {
            request_id: canary.into(),
            text: format!("[policy]\nname = 7 # {canary}\n"),
            validate_only: false,
        };
        refusals.extend(
            operator
                .consent
                .publish_policy(operator.request(request))
                .await
                .err(),
        );
    }
    assert!(
        refusals.len() > CANARIES.len() * 15,
        "only {} were refused",
        refusals.len()
    );
    for status in refusals {
        let text = format!("{status:?}");
        let place = Place::new("an error", text.clone());
        for canary in CANARIES {
            assert!(!place.contains(canary), "an error echoes {canary}: {text}");
        }
    }
}
