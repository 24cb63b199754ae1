//! Killed like by a power switch, under load: every acknowledged record is there afterwards, and proved.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use client::Clients;
use ledger::{ProofFile, VerifierKey};

use crate::suite::{Suite, acts::*, databases, published::Published};

/// How many times in a row are about one person.
const TIMES_PER_PERSON: u64 = 20;

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
        outlive(&mut suite, kills(), Suite::kill).await;
    }
}

/// Ends the suite under load again and again by `end`, and requires after each time that everything
/// which was acknowledged is there and proved, and that what is published goes on.
pub async fn outlive(suite: &mut Suite, times: u64, mut end: impl FnMut(&mut Suite)) {
    register_printer(suite).await;
    let mut everybody = Vec::new();
    let mut size_before = 0;
    let mut published = Published::of(suite);
    for time in 0..times {
        // Somebody new now and then, so that what is looked through each time does not grow for ever.
        if time % TIMES_PER_PERSON == 0 {
            everybody.push(Person::agree(&mut suite.shop()).await);
        }
        let person = everybody.last_mut().expect("one was just added");
        let load = Load::start(suite, &person.subject);
        // Under way for certain, and each time a little later in what it does.
        load.until_acknowledged(5).await;
        tokio::time::sleep(Duration::from_millis(37 * (time % 7))).await;
        end(suite);
        person.acknowledged.extend(load.stop().await);
        suite.restart().await;
        size_before = size_before.max(person.is_all_there(suite).await);
        published = published.again(suite);
        // At once: nothing of what is published may be lost, and none of it goes back.
        published.follow().await;
        published.covers(size_before - 1).await;
        let whole = published.verify_whole("before-the-end");
        assert!(whole.is_ok(), "{whole:?}");
        say(&format!("{} of {times}, {size_before} entries\n", time + 1));
    }
    for person in &everybody {
        person.is_all_there(suite).await;
    }
}

/// The recipient whom everybody's address goes to.
pub async fn register_printer(suite: &Suite) {
    let mut operator = suite.operator();
    let kind = "service_provider";
    let registered =
        register_recipient(&mut operator, "letterpress", kind, NEWSLETTER, &[EMAIL]).await;
    registered.expect("it is a provider");
}

/// Somebody about whom the newsletter's printer is told, and what was acknowledged of it.
pub struct Person {
    pub subject: String,
    /// Places and ids of entries.
    pub acknowledged: BTreeSet<(u64, String)>,
}

impl Person {
    /// Somebody new.
    pub async fn agree(shop: &mut Clients) -> Self {
        let subject = register(shop).await;
        collect_typed(shop, &subject, &[(EMAIL, "ada@example.org")]).await;
        let about = scope(&subject, NEWSLETTER, "letterpress");
        grant_consent(shop, about).await.expect("anybody may agree");
        Self {
            subject,
            acknowledged: BTreeSet::new(),
        }
    }

    /// Every acknowledged entry is listed once and proved. Returns how large the log is.
    pub async fn is_all_there(&self, suite: &Suite) -> u64 {
        let key = fs::read_to_string(suite.material().join("log.vkey")).expect("init made it");
        let key = VerifierKey::parse(key.trim()).expect("it is a key");
        let mut shop = suite.shop();
        let listed = listed(&mut shop, &self.subject).await;
        let missing: Vec<_> = self.acknowledged.difference(&listed).collect();
        assert!(missing.is_empty(), "acknowledged and lost: {missing:?}");

        let mut size = 0;
        // The oldest, the newest and some between; all were listed above.
        let step = (self.acknowledged.len() / 10).max(1);
        for (index, entry) in self.acknowledged.iter().rev().step_by(step) {
            let proof = receipt(&mut shop, entry).await.expect("it can be proved");
            let proof = ProofFile::parse(&proof).expect("it is well formed");
            let verified = proof.verify(&key).expect("it holds");
            assert_eq!(verified.index, *index);
            size = size.max(verified.size);
        }
        size
    }
}

/// Long runs say how far they are to whoever asks for it with `--nocapture`.
fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Every entry about a person.
async fn listed(shop: &mut Clients, subject: &str) -> BTreeSet<(u64, String)> {
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
            let entry = (record.index, record.entry_id);
            assert!(listed.insert(entry), "an entry is listed twice");
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return listed;
        }
    }
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
