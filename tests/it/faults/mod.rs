//! Nothing leaves without a durable record: the log is slow, refusing, gone, cut off, or answers nonsense.

mod faulty_log;

use client::Clients;
use faulty_log::{Fault, FaultyLog};
use tonic::Code;

use crate::suite::{acts::*, databases, separate::Separate};

/// A person with a card stored under an order and an e-mail address, and grants for both.
struct Prepared {
    shop: Clients,
    subject: String,
    order: String,
}

#[tokio::test]
async fn nothing_leaves_when_the_log_does_not_make_it_durable() {
    for database in databases() {
        let mut suite = Separate::start(database, 1).await;
        let mut prepared = prepare(&suite).await;

        for fault in [
            Fault::Refuses,
            Fault::Slow,
            Fault::CutsOff,
            Fault::Empty,
            Fault::NotAnEntry,
        ] {
            let log = FaultyLog::start(&suite.material(), fault).await;
            for vault in ["identity", "payments-data"] {
                suite.redirect(vault, "disclosure-audit", log.port()).await;
            }
            assert_nothing_leaves(&mut prepared, &format!("{fault:?}")).await;
            // The control: the fault was met, the vaults did not merely fail before it.
            assert!(
                log.records_asked() >= 2,
                "{fault:?} was asked {} times",
                log.records_asked()
            );
        }
        // The other control: a log that answers well gets the values released, so their absence means something.
        let log = FaultyLog::start(&suite.material(), Fault::None).await;
        for vault in ["identity", "payments-data"] {
            suite.redirect(vault, "disclosure-audit", log.port()).await;
        }
        let (email, card) = grants(&mut prepared).await;
        reveal(&mut prepared.shop, &email)
            .await
            .expect("the record is durable, says the log");
        release(&mut prepared.shop, &prepared.order, &card)
            .await
            .expect("the record is durable");
    }
}

#[tokio::test]
async fn nothing_leaves_while_the_log_or_consent_is_gone_and_all_comes_back() {
    for database in databases() {
        let mut suite = Separate::start(database, 1).await;
        let mut prepared = prepare(&suite).await;
        for gone in ["disclosure-audit", "consent"] {
            let (email, card) = grants(&mut prepared).await;
            suite.kill(0, gone);
            let answer = reveal(&mut prepared.shop, &email).await;
            assert_refused(answer, Code::Unavailable, "PEER_UNAVAILABLE");
            let answer = release(&mut prepared.shop, &prepared.order, &card).await;
            assert_refused(answer, Code::Unavailable, "PEER_UNAVAILABLE");
            suite.restart(0, gone).await;
            let (email, card) = grants(&mut prepared).await;
            reveal(&mut prepared.shop, &email)
                .await
                .expect("it is back");
            release(&mut prepared.shop, &prepared.order, &card)
                .await
                .expect("it is back");
        }
    }
}

#[tokio::test]
async fn a_withdrawal_does_not_wait_for_the_log() {
    for database in databases() {
        let mut suite = Separate::start(database, 1).await;
        let mut prepared = prepare(&suite).await;
        suite.kill(0, "disclosure-audit");
        let about = scope(&prepared.subject, NEWSLETTER, "letterpress");
        withdraw_consent(&mut prepared.shop, about)
            .await
            .expect("nobody else is needed");
        suite.restart(0, "disclosure-audit").await;
        let question = disclose(&prepared.subject, "letterpress", NEWSLETTER, &[EMAIL]);
        let answer = authorize(&mut prepared.shop, question).await;
        assert_refused(answer, Code::FailedPrecondition, "NO_CONSENT");
    }
}

async fn assert_nothing_leaves(prepared: &mut Prepared, fault: &str) {
    let (email, card) = grants(prepared).await;
    let revealed = reveal(&mut prepared.shop, &email).await;
    let status = revealed.expect_err(fault);
    assert!(!format!("{status:?}").contains("example.org"), "{fault}");
    let released = release(&mut prepared.shop, &prepared.order, &card).await;
    let status = released.expect_err(fault);
    assert!(!format!("{status:?}").contains("4242"), "{fault}");
}

async fn grants(prepared: &mut Prepared) -> (String, String) {
    let Prepared {
        shop,
        subject,
        order,
    } = prepared;
    let email = disclose(subject, "letterpress", NEWSLETTER, &[EMAIL]);
    let card = of_order(disclose(subject, "card-house", PAYMENT, &[CARD]), order);
    let (email, _) = authorize(shop, email).await.expect("she agreed");
    let (card, _) = authorize(shop, card).await.expect("it is necessary");
    (email, card)
}

async fn prepare(suite: &Separate) -> Prepared {
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
    let order = open_order(&mut shop, &subject, 100).await.order_id;
    store_order_data(
        &mut shop,
        &subject,
        &order,
        vec![order_card("4242424242424242")],
    )
    .await
    .expect("it is open");
    Prepared {
        shop,
        subject,
        order,
    }
}
