//! `use.payment-only-for-its-order`: what comes with an order serves that order, is counted, and ends with it.

use client::Clients;
use tonic::Code;

use crate::suite::{Suite, acts::*, databases};

const CLAUSE: &str = "use.payment-only-for-its-order";
const NUMBER: &str = "4242424242424242";

#[tokio::test]
async fn permits_the_processor_exactly_the_fields_it_needs() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, subject, order) = paid_order(&suite, 2).await;
        let question = to_processor(&subject, &order, &[CARD, NAME]);
        let (grant, decision) = authorize(&mut shop, question)
            .await
            .expect("it is necessary");
        assert_eq!(decision.clauses, [CLAUSE]);
        let released = release(&mut shop, &order, &grant)
            .await
            .expect("it is granted");
        assert_eq!(
            released.values,
            [order_card(NUMBER), order_text(NAME, "Ada")]
        );
        assert_eq!(released.releases_left, 1);
        let entry = released.record.expect("it is recorded").entry_id;
        receipt(&mut shop, &entry).await.expect("it can be proved");

        let question = of_order(disclose(&subject, "swift", PAYMENT, &[ADDRESS]), &order);
        let (grant, _) = authorize(&mut shop, question)
            .await
            .expect("a carrier needs it");
        let released = release(&mut shop, &order, &grant)
            .await
            .expect("it is granted");
        assert_eq!(released.values, [order_text(ADDRESS, "1 Lovelace Road")]);
    }
}

#[tokio::test]
async fn refuses_another_order_with_the_same_grant() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, subject, order) = paid_order(&suite, 3).await;
        let other = open_order(&mut shop, &subject, 3).await.order_id;
        let values = vec![order_card(NUMBER)];
        store_order_data(&mut shop, &subject, &other, values)
            .await
            .expect("it is open");
        let question = to_processor(&subject, &order, &[CARD]);
        let (grant, _) = authorize(&mut shop, question)
            .await
            .expect("it is necessary");
        let answer = release(&mut shop, &other, &grant).await;
        assert_refused(answer, Code::PermissionDenied, "OTHER_ORDER");
        assert_eq!(
            account(&mut shop, &subject)
                .await
                .expect("she may know")
                .len(),
            0
        );
    }
}

#[tokio::test]
async fn refuses_fields_a_recipient_does_not_need() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, subject, order) = paid_order(&suite, 3).await;
        for (recipient, category) in [
            ("card-house", EMAIL),
            ("card-house", ADDRESS),
            ("swift", CARD),
        ] {
            let question = of_order(disclose(&subject, recipient, PAYMENT, &[category]), &order);
            let answer = authorize(&mut shop, question).await;
            let status = assert_refused(answer, Code::PermissionDenied, "FIELD_NOT_NECESSARY");
            assert_eq!(clauses_of(&status), CLAUSE);
        }
    }
}

#[tokio::test]
async fn refuses_order_data_for_no_order() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, subject, _) = paid_order(&suite, 3).await;
        let answer = authorize(
            &mut shop,
            disclose(&subject, "card-house", PAYMENT, &[CARD]),
        )
        .await;
        let status = assert_refused(answer, Code::PermissionDenied, "ORDER_REQUIRED");
        assert_eq!(clauses_of(&status), CLAUSE);
    }
}

#[tokio::test]
async fn refuses_more_releases_than_the_order_allows() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, subject, order) = paid_order(&suite, 1).await;
        let question = to_processor(&subject, &order, &[CARD]);
        let (grant, _) = authorize(&mut shop, question)
            .await
            .expect("it is necessary");
        let racers = (0..20).map(|_| {
            let (mut shop, order, grant) = (shop.clone(), order.clone(), grant.clone());
            tokio::spawn(async move { release(&mut shop, &order, &grant).await })
        });
        let mut released = 0;
        for racer in racers.collect::<Vec<_>>() {
            match racer.await.expect("it does not panic") {
                Ok(_) => released += 1,
                Err(status) => {
                    assert_refused::<()>(
                        Err(status),
                        Code::FailedPrecondition,
                        "RELEASES_EXHAUSTED",
                    );
                }
            }
        }
        assert_eq!(released, 1);
        assert_eq!(
            account(&mut shop, &subject)
                .await
                .expect("she may know")
                .len(),
            1
        );
    }
}

#[tokio::test]
async fn permits_the_same_release_again_and_counts_it_once() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, subject, order) = paid_order(&suite, 1).await;
        let question = to_processor(&subject, &order, &[CARD]);
        let (grant, _) = authorize(&mut shop, question.clone())
            .await
            .expect("it is necessary");
        let id = new_id();
        let first = release_as(&mut shop, &id, &order, &grant)
            .await
            .expect("it is granted");
        let again = release_as(&mut shop, &id, &order, &grant)
            .await
            .expect("it is the same");
        assert_eq!(first.values, again.values);
        assert_eq!(first.record, again.record);
        assert_eq!(
            account(&mut shop, &subject)
                .await
                .expect("she may know")
                .len(),
            1
        );

        let (other_grant, _) = authorize(&mut shop, question)
            .await
            .expect("it is necessary");
        let answer = release_as(&mut shop, &id, &order, &other_grant).await;
        assert_refused(answer, Code::AlreadyExists, "IDEMPOTENCY_CONFLICT");
    }
}

#[tokio::test]
async fn refuses_once_the_order_is_settled_or_cancelled() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, subject, settled) = paid_order(&suite, 3).await;
        let cancelled = open_order(&mut shop, &subject, 3).await.order_id;
        store_order_data(&mut shop, &subject, &cancelled, vec![order_card(NUMBER)])
            .await
            .expect("it is open");
        settle(&mut shop, &settled).await.expect("it is open");
        let request = proto::payments_data::CancelOrderRequest {
            order_id: cancelled.clone(),
        };
        shop.payments
            .cancel_order(shop.request(request))
            .await
            .expect("it is open");
        for order in [settled, cancelled] {
            let question = to_processor(&subject, &order, &[CARD]);
            let (grant, _) = authorize(&mut shop, question)
                .await
                .expect("it is necessary");
            let answer = release(&mut shop, &order, &grant).await;
            assert_refused(answer, Code::FailedPrecondition, "ORDER_CLOSED");
            let answer =
                store_order_data(&mut shop, &subject, &order, vec![order_card(NUMBER)]).await;
            assert_refused(answer, Code::FailedPrecondition, "ORDER_CLOSED");
        }
    }
}

#[tokio::test]
async fn refuses_a_card_that_cannot_be_one() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, subject, order) = paid_order(&suite, 3).await;
        for number in ["4242424242424241", "4242", "4242-4242-4242-424x", ""] {
            let answer =
                store_order_data(&mut shop, &subject, &order, vec![order_card(number)]).await;
            let status = assert_refused(answer, Code::InvalidArgument, "VALUE_INVALID");
            assert!(
                number.is_empty() || !format!("{status:?}").contains(number),
                "{status:?}"
            );
        }
    }
}

fn to_processor(subject: &str, order: &str, categories: &[&str]) -> proto::consent::Question {
    of_order(disclose(subject, "card-house", PAYMENT, categories), order)
}

/// A person with an order that holds a card, a name and an address, and the two parties that serve it.
async fn paid_order(suite: &Suite, releases_max: u32) -> (Clients, String, String) {
    let (mut shop, mut operator) = (suite.shop(), suite.operator());
    for (id, kind, categories) in [
        ("card-house", "payment_processor", [NAME, CARD]),
        ("swift", "carrier", [NAME, ADDRESS]),
    ] {
        register_recipient(&mut operator, id, kind, PAYMENT, &categories)
            .await
            .expect("it serves orders");
    }
    let subject = register(&mut shop).await;
    let order = open_order(&mut shop, &subject, releases_max).await.order_id;
    let values = vec![
        order_card(NUMBER),
        order_text(NAME, "Ada"),
        order_text(ADDRESS, "1 Lovelace Road"),
    ];
    store_order_data(&mut shop, &subject, &order, values)
        .await
        .expect("it is open");
    (shop, subject, order)
}
