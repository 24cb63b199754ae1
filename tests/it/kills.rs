//! Killed like by a power switch, under load: every acknowledged record is there afterwards, and proved.

use std::{
    collections::BTreeSet,
    env, fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use client::Clients;
use ledger::{ProofFile, VerifierKey};

use crate::suite::{Suite, acts::*, databases, published::Published};

/// How often the program is killed on each database: `VOW_TEST_KILLS`, or enough for every run of the tests.
fn kills() -> u64 {
    env::var("VOW_TEST_KILLS")
        .ok()
        .and_then(|it| it.parse().ok())
        .unwrap_or(5)
}

#[tokio::test]
async fn every_acknowledged_record_survives_the_kill_and_is_proved() {
    for database in databases() {
        let mut suite = Suite::start_on(database).await;
        let key = fs::read_to_string(suite.material().join("log.vkey")).expect("init made it");
        let key = VerifierKey::parse(key.trim()).expect("it is a key");
        let (mut shop, mut operator) = (suite.shop(), suite.operator());
        register_recipient(
            &mut operator,
            "letterpress",
            "service_provider",
            NEWSLETTER,
            &[EMAIL],
        )
        .await
        .expect("it is a provider");
        let subject = register(&mut shop).await;
        collect_typed(&mut shop, &subject, &[(EMAIL, "ada@example.org")]).await;
        let about = scope(&subject, NEWSLETTER, "letterpress");
        grant_consent(&mut shop, about)
            .await
            .expect("anybody may agree");

        let mut acknowledged = BTreeSet::new();
        let mut size_before = 0;
        let mut published = Published::of(&suite);
        for kill in 0..kills() {
            let load = Load::start(&suite, &subject);
            // Under way for certain, and each time a little later in what it does.
            load.until_acknowledged(5).await;
            tokio::time::sleep(Duration::from_millis(37 * (kill % 7))).await;
            suite.kill();
            let new = load.stop().await;
            acknowledged.extend(new);
            suite.restart().await;
            shop = suite.shop();
            size_before =
                assert_all_there(&mut shop, &subject, &acknowledged, &key, size_before).await;
            published = published.again(&suite);
            // At once: nothing of what is published may be lost, and none of it goes back.
            published.follow().await;
            published.covers(size_before - 1).await;
            let whole = published.verify_whole("before-the-kill");
            assert!(whole.is_ok(), "{whole:?}");
        }
    }
}

/// Every acknowledged entry is listed once and proved; the log did not shrink. Returns its size.
async fn assert_all_there(
    shop: &mut Clients,
    subject: &str,
    acknowledged: &BTreeSet<(u64, String)>,
    key: &VerifierKey,
    size_before: u64,
) -> u64 {
    let mut listed = BTreeSet::new();
    let mut page_token = String::new();
    loop {
        let request = proto::disclosure_audit::AccountDisclosuresRequest {
            subject_id: subject.into(),
            page_size: 1_000,
            page_token,
            ..Default::default()
        };
        let answer = shop.audit.account_disclosures(shop.request(request)).await;
        let page = answer.expect("she may know").into_inner();
        for record in page.records {
            assert!(
                listed.insert((record.index, record.entry_id)),
                "an entry is listed twice"
            );
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let missing: Vec<_> = acknowledged.difference(&listed).collect();
    assert!(missing.is_empty(), "acknowledged and lost: {missing:?}");

    let mut size = size_before;
    // The oldest, the newest and some between; all were listed above.
    let step = (acknowledged.len() / 10).max(1);
    for (index, entry) in acknowledged.iter().rev().step_by(step) {
        let proof = receipt(shop, entry).await.expect("it can be proved");
        let proof = ProofFile::parse(&proof).expect("it is well formed");
        let verified = proof.verify(key).expect("it holds");
        assert_eq!(verified.index, *index);
        assert!(verified.size >= size_before, "the log shrank");
        size = size.max(verified.size);
    }
    size
}

/// Reveals without a pause until it is stopped, and remembers what was acknowledged.
struct Load {
    acknowledged: Arc<Mutex<BTreeSet<(u64, String)>>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn start(suite: &Suite, subject: &str) -> Self {
        let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
        let tasks = (0..8)
            .map(|_| {
                let acknowledged = acknowledged.clone();
                let (mut shop, subject) = (suite.shop(), subject.to_owned());
                tokio::spawn(async move {
                    loop {
                        let question = disclose(&subject, "letterpress", NEWSLETTER, &[EMAIL]);
                        let Ok((grant, _)) = authorize(&mut shop, question).await else {
                            tokio::time::sleep(Duration::from_millis(10)).await;
                            continue;
                        };
                        if let Ok(revealed) = reveal(&mut shop, &grant).await {
                            let record = revealed.record.expect("a reveal is recorded");
                            let entry = (record.index, record.entry_id);
                            acknowledged.lock().expect("no writer panics").insert(entry);
                        }
                    }
                })
            })
            .collect();
        Self {
            acknowledged,
            tasks,
        }
    }

    async fn until_acknowledged(&self, count: usize) {
        for _ in 0..6_000 {
            if self.acknowledged.lock().expect("no writer panics").len() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the load was acknowledged nothing");
    }

    async fn stop(self) -> BTreeSet<(u64, String)> {
        for task in self.tasks {
            task.abort();
            let _ = task.await;
        }
        self.acknowledged.lock().expect("no writer panics").clone()
    }
}
