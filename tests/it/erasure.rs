//! Erasure: from its first moment nothing opens, for ever, and every proof still holds.

use std::{fs, path::Path, process::Command};

use client::Clients;
use grant::{ErasureCertificate, KeyBundle};
use tokio::task::JoinSet;
use tonic::Code;

use crate::suite::{Database, Suite, VOW, acts::*, databases};

#[tokio::test]
async fn after_an_erasure_nothing_opens_and_every_proof_holds() {
    for database in databases() {
        let mut suite = Suite::start_on(database).await;
        let (mut shop, mut operator) = (suite.shop(), suite.operator());
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
        grant_consent(&mut shop, about.clone())
            .await
            .expect("anybody may agree");
        let question = disclose(&subject, "letterpress", NEWSLETTER, &[EMAIL]);
        let (email_grant, _) = authorize(&mut shop, question.clone())
            .await
            .expect("she agreed");
        let record = reveal(&mut shop, &email_grant)
            .await
            .expect("it is granted")
            .record;
        let proof = receipt(&mut shop, &record.expect("it is recorded").entry_id).await;
        let proof = proof.expect("it can be proved");
        let order = open_order(&mut shop, &subject, 3).await.order_id;
        store_order_data(
            &mut shop,
            &subject,
            &order,
            vec![order_card("4242424242424242")],
        )
        .await
        .expect("it is open");
        let card = of_order(disclose(&subject, "card-house", PAYMENT, &[CARD]), &order);
        let (card_grant, _) = authorize(&mut shop, card).await.expect("it is necessary");

        let erasure = erase(&mut shop, &subject).await;
        let again = erase(&mut shop, &subject).await;
        assert_eq!(erasure, again);
        let keys = fs::read_to_string(suite.material().join("grant-keys.jwks"));
        let keys = KeyBundle::parse(&keys.expect("init made it")).expect("it is a bundle");
        let certificate =
            ErasureCertificate::verify(&erasure.certificate, &keys).expect("it is signed");
        assert_eq!(certificate.subject.to_string(), subject);
        for service in ["identity", "payments-data", "disclosure-audit"] {
            assert_eq!(certificate.destroyed_keys[service].len(), 1, "{service}");
        }
        let certified = receipt(&mut shop, &erasure.entry_id)
            .await
            .expect("it is in the log");

        // The restart shows that nothing of it lived in memory only.
        for restarted in [false, true] {
            if restarted {
                suite.kill();
                suite.restart().await;
                shop = suite.shop();
            }
            let answer = reveal(&mut shop, &email_grant).await;
            answer.expect_err("her key is gone");
            let answer = release(&mut shop, &order, &card_grant).await;
            answer.expect_err("the order's key is gone");
            let answer = authorize(&mut shop, question.clone()).await;
            assert_refused(answer, Code::FailedPrecondition, "SUBJECT_ERASED");
            let answer = grant_consent(&mut shop, about.clone()).await;
            assert_refused(answer, Code::FailedPrecondition, "SUBJECT_ERASED");
            let answer = account(&mut shop, &subject).await;
            assert_refused(answer, Code::FailedPrecondition, "SUBJECT_SHREDDED");
            let request = proto::identity::FindSubjectRequest {
                category: EMAIL.into(),
                text: "ada@example.org".into(),
            };
            let answer = shop.identity.find_subject(shop.request(request)).await;
            assert_refused(answer, Code::NotFound, "SUBJECT_UNKNOWN");
        }
        for proof in [&proof, &certified] {
            let file = suite.folder().join("receipt.tlog-proof");
            fs::write(&file, proof).expect("the folder can be written");
            let mut verify = Command::new(VOW);
            verify
                .arg("verify")
                .arg(file)
                .arg("--key")
                .arg(suite.material().join("log.vkey"));
            assert!(verify.output().expect("the program runs").status.success());
        }
    }
}

#[tokio::test]
async fn whoever_sees_that_an_erasure_has_begun_releases_nothing_any_more() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, mut operator) = (suite.shop(), suite.operator());
        register_recipient(
            &mut operator,
            "card-house",
            "payment_processor",
            PAYMENT,
            &[CARD],
        )
        .await
        .expect("it may be");
        let watchers: Vec<_> = (0..4).map(|_| suite.shop()).collect();
        for _ in 0..20 {
            let subject = register(&mut shop).await;
            let order = open_order(&mut shop, &subject, 10).await.order_id;
            let card = vec![order_card("4242424242424242")];
            store_order_data(&mut shop, &subject, &order, card)
                .await
                .expect("it is open");
            let question = of_order(disclose(&subject, "card-house", PAYMENT, &[CARD]), &order);
            let (grant, _) = authorize(&mut shop, question).await.expect("necessary");
            release(&mut shop, &order, &grant)
                .await
                .expect("it is granted");

            let mut watching = JoinSet::new();
            for mut watcher in watchers.clone() {
                let (subject, order, grant) = (subject.clone(), order.clone(), grant.clone());
                watching.spawn(async move {
                    until_seen_erasing(&mut watcher, &subject).await;
                    release(&mut watcher, &order, &grant).await
                });
            }
            erase(&mut shop, &subject).await;
            for answer in watching.join_all().await {
                answer.expect_err("it was seen that the erasure had begun");
            }
        }
    }
}

/// Asks without a pause how a person stands.
async fn until_seen_erasing(watcher: &mut Clients, subject: &str) {
    loop {
        let request = proto::identity::GetSubjectRequest {
            subject_id: subject.into(),
        };
        let answer = watcher.identity.get_subject(watcher.request(request)).await;
        let seen = answer.expect("she is registered").into_inner();
        if seen.state() != proto::identity::SubjectState::Active {
            return;
        }
    }
}

#[tokio::test]
async fn a_restored_backup_brings_no_destroyed_key_back() {
    let mut suite = Suite::start_on(Database::Sqlite).await;
    let mut shop = suite.shop();
    let subject = register(&mut shop).await;
    collect_typed(&mut shop, &subject, &[(EMAIL, "ada@example.org")]).await;
    let (data, backup) = (suite.material().join("data"), suite.folder().join("backup"));
    suite.kill();
    copy_files_of("identity", &data, &backup);
    suite.restart().await;
    shop = suite.shop();
    erase(&mut shop, &subject).await;

    suite.kill();
    copy_files_of("identity", &backup, &data);
    suite.restart().await;
    shop = suite.shop();
    let request = proto::identity::GetSubjectRequest {
        subject_id: subject.clone(),
    };
    let answer = shop.identity.get_subject(shop.request(request)).await;
    let seen = answer.expect("the backup knows her").into_inner();
    assert_eq!(seen.values, []);
    assert_ne!(seen.state(), proto::identity::SubjectState::Active);
    let again = erase(&mut shop, &subject).await;
    assert!(!again.certificate.is_empty());
}

/// Puts the files of one service in the place of those that are there.
fn copy_files_of(service: &str, from: &Path, to: &Path) {
    let of_service = |folder: &Path| -> Vec<_> {
        let entries = fs::read_dir(folder).expect("it is a folder").flatten();
        let is_its = |name: &str| name.starts_with(service);
        entries
            .filter(|it| it.file_name().to_str().is_some_and(is_its))
            .collect()
    };
    fs::create_dir_all(to).expect("the folder can be written");
    for old in of_service(to) {
        fs::remove_file(old.path()).expect("it can be removed");
    }
    for file in of_service(from) {
        fs::copy(file.path(), to.join(file.file_name())).expect("it can be copied");
    }
}
