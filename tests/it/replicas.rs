//! Two replicas of each service on one PostgreSQL behave as one.

use tonic::Code;

use crate::suite::{
    Database,
    acts::*,
    databases, postgres,
    separate::{SERVICES, Separate},
};

#[tokio::test]
async fn a_withdrawal_at_one_replica_is_obeyed_by_the_next_call_at_the_other() {
    if postgres::cluster().is_none() {
        return;
    }
    // Two of each start at once on empty databases: their migrations must not disturb each other.
    let suite = Separate::start(Database::Postgres, 2).await;
    let (mut here, mut there) = (suite.client(0, "shop"), suite.client(1, "shop"));
    let mut operator = suite.client(1, "operator");
    register_recipient(
        &mut operator,
        "letterpress",
        "service_provider",
        NEWSLETTER,
        &[EMAIL],
    )
    .await
    .expect("it is a provider");
    let subject = register(&mut here).await;
    collect_typed(&mut there, &subject, &[(EMAIL, "ada@example.org")]).await;
    let about = scope(&subject, NEWSLETTER, "letterpress");
    let question = disclose(&subject, "letterpress", NEWSLETTER, &[EMAIL]);
    for _ in 0..20 {
        grant_consent(&mut here, about.clone())
            .await
            .expect("anybody may agree");
        let (grant, _) = authorize(&mut there, question.clone())
            .await
            .expect("she agreed");
        reveal(&mut here, &grant).await.expect("it is granted");
        reveal(&mut there, &grant).await.expect("it is granted");
        withdraw_consent(&mut here, about.clone())
            .await
            .expect("anybody may withdraw");
        let answer = reveal(&mut there, &grant).await;
        assert_refused(answer, Code::FailedPrecondition, "GRANT_SUPERSEDED");
        let answer = authorize(&mut there, question.clone()).await;
        assert_refused(answer, Code::FailedPrecondition, "NO_CONSENT");
        let answer = reveal(&mut here, &grant).await;
        assert_refused(answer, Code::FailedPrecondition, "GRANT_SUPERSEDED");
    }
    let records = account(&mut there, &subject).await.expect("she may know");
    assert_eq!(records.len(), 40);
    let sequences: Vec<_> = records.iter().map(|it| it.subject_sequence).collect();
    assert!(sequences.is_sorted(), "{sequences:?}");
}

#[tokio::test]
async fn an_erasure_survives_the_end_of_every_service_in_turn() {
    for database in databases() {
        let mut suite = Separate::start(database, 1).await;
        for killed in SERVICES {
            erase_while_gone(&mut suite, killed).await;
        }
    }
}

async fn erase_while_gone(suite: &mut Separate, killed: &'static str) {
    let mut shop = suite.client(0, "shop");
    let subject = register(&mut shop).await;
    collect_typed(&mut shop, &subject, &[(EMAIL, "ada@example.org")]).await;
    let order = open_order(&mut shop, &subject, 1).await.order_id;
    store_order_data(&mut shop, &subject, &order, vec![order_text(NAME, "Ada")])
        .await
        .expect("it is open");
    suite.kill(0, killed);
    if killed != "identity" {
        let request = proto::identity::EraseSubjectRequest {
            request_id: new_id(),
            subject_id: subject.clone(),
        };
        let _ = shop.identity.erase_subject(shop.request(request)).await;
    }
    suite.restart(0, killed).await;
    let erasure = erase(&mut shop, &subject).await;
    assert!(!erasure.certificate.is_empty(), "after {killed}");
    let answer = authorize(&mut shop, collect(&subject, "typed", &[NAME])).await;
    assert_refused(answer, Code::FailedPrecondition, "SUBJECT_ERASED");
}
