//! Keys are replaced in steps of one rolling restart each, while calls go on and none fails.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use client::Clients;
use grant::{KeyBundle, SigningKey};
use proto::{
    consent::AgeBand,
    identity::{FindSubjectRequest, RegisterSubjectRequest},
};
use serde_json::Value;
use tokio::sync::watch;
use tonic::{Code, Status};
use vault::{FileKeySource, Key, KeyEncryptionKey};

use crate::suite::{
    Database,
    acts::*,
    postgres,
    separate::{SERVICES, Separate},
};

#[tokio::test]
async fn keys_are_replaced_while_calls_go_on() {
    if postgres::cluster().is_none() {
        return;
    }
    let mut suite = Separate::start(Database::Postgres, 2).await;
    let mut shop = suite.client(0, "shop");
    let subject = register(&mut shop).await;
    collect_typed(&mut shop, &subject, &[(EMAIL, "ada@example.org")]).await;
    let (old_grant, _) = authorize(&mut shop, collect(&subject, "typed", &[NAME]))
        .await
        .expect("the point declares it");
    let load = Load::start([0, 1].map(|it| suite.client(it, "shop")), &subject);
    load.goes_on().await;

    let material = suite.material();
    let signing_key = material.join("consent").join("signing.key");
    let old_key = fs::read_to_string(&signing_key).expect("init made it");
    let old_key = SigningKey::from_pkcs8_pem(&old_key).expect("init made it");
    let new_key = SigningKey::generate();
    let new_lines = SERVICES.map(|service| (service, key_encryption_key()));

    // Known to all before anybody uses it.
    for (service, line) in &new_lines {
        change(&key_encryption_keys(&material, service), |old| {
            format!("{old}{line}")
        });
    }
    let grant_keys = material.join("grant-keys.jwks");
    change(&grant_keys, |old| with(old, &public(&new_key)));
    roll(&mut suite).await;
    load.goes_on().await;

    // Used, while what the old one made still counts.
    for (service, line) in &new_lines {
        let file = key_encryption_keys(&material, service);
        change(&file, |old| format!("{line}{}", old.replace(line, "")));
    }
    change(&signing_key, |_| new_key.to_pkcs8_pem());
    roll(&mut suite).await;
    load.goes_on().await;

    // Nothing is left that needs the old one.
    for (service, line) in &new_lines {
        change(&key_encryption_keys(&material, service), |_| line.clone());
    }
    change(&grant_keys, |old| without(old, &public(&old_key)));
    roll(&mut suite).await;
    load.goes_on().await;
    load.stop().await;

    let refused = store(&mut shop, &old_grant, &[(NAME, "Ada")]).await;
    assert_refused(refused, Code::PermissionDenied, "GRANT_INVALID");
    erase(&mut shop, &subject).await;
}

fn key_encryption_key() -> String {
    let key = KeyEncryptionKey::new("2", Key::generate());
    String::from_utf8(FileKeySource::line(&key).expose().to_vec()).expect("base64 is text")
}

fn key_encryption_keys(material: &Path, service: &str) -> std::path::PathBuf {
    material.join(service).join("key-encryption.keys")
}

fn change(file: &Path, by: impl FnOnce(&str) -> String) {
    let old = fs::read_to_string(file).expect("init made it");
    fs::write(file, by(&old)).expect("it can be written");
}

fn public(key: &SigningKey) -> Value {
    let bundle = KeyBundle::to_json(&[key.jwk("consent")]);
    let bundle: Value = serde_json::from_str(&bundle).expect("it is JSON");
    bundle["keys"][0].clone()
}

fn with(bundle: &str, key: &Value) -> String {
    let mut bundle: Value = serde_json::from_str(bundle).expect("it is JSON");
    let keys = bundle["keys"].as_array_mut().expect("it is a set of keys");
    keys.push(key.clone());
    bundle.to_string()
}

fn without(bundle: &str, key: &Value) -> String {
    let mut bundle: Value = serde_json::from_str(bundle).expect("it is JSON");
    let keys = bundle["keys"].as_array_mut().expect("it is a set of keys");
    let before = keys.len();
    keys.retain(|it| it != key);
    assert_eq!(keys.len(), before - 1, "the old key was there");
    bundle.to_string()
}

/// One replica after the other, as a rolling update does.
async fn roll(suite: &mut Separate) {
    for replica in [0, 1] {
        for service in SERVICES.into_iter().rev() {
            suite.stop(replica, service).await;
        }
        for service in SERVICES {
            suite.restart(replica, service).await;
        }
    }
}

/// Calls without a pause, at whichever replica answers.
struct Load {
    /// How many rounds of calls succeeded, and the first failure.
    state: watch::Receiver<(u64, Option<Status>)>,
    stop: Arc<Mutex<bool>>,
    task: tokio::task::JoinHandle<()>,
}

impl Load {
    fn start(mut replicas: [Clients; 2], subject: &str) -> Self {
        let subject = subject.to_owned();
        let (seen, state) = watch::channel((0, None));
        let stop = Arc::new(Mutex::new(false));
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            while !*stopped.lock().expect("no holder panics") {
                let round = round(&mut replicas, &subject).await;
                seen.send_modify(|(rounds, failure)| match round {
                    Ok(()) => *rounds += 1,
                    Err(status) => *failure = failure.take().or(Some(status)),
                });
            }
        });
        Self { state, stop, task }
    }

    /// Waits for some rounds more; no call may have failed.
    async fn goes_on(&self) {
        let mut state = self.state.clone();
        let enough = state.borrow().0 + 5;
        let moved = state.wait_for(|(rounds, failure)| *rounds >= enough || failure.is_some());
        let moved = tokio::time::timeout(Duration::from_secs(60), moved).await;
        let moved = moved.expect("calls are answered").expect("the load runs");
        assert!(moved.1.is_none(), "a call failed: {:?}", moved.1);
    }

    async fn stop(self) {
        *self.stop.lock().expect("no holder panics") = true;
        self.task.await.expect("the load does not panic");
        let state = self.state.borrow();
        assert!(state.1.is_none(), "a call failed: {:?}", state.1);
    }
}

/// A round at the first replica or, while that is unavailable, at the other.
async fn round(replicas: &mut [Clients; 2], subject: &str) -> Result<(), Status> {
    let mut last = Status::unavailable("none was asked");
    for _ in 0..50 {
        for shop in &mut *replicas {
            match calls(shop, subject).await {
                Err(status) if status.code() == Code::Unavailable => last = status,
                done => return done,
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(last)
}

/// Finds a person by the index, replaces a value under her old key, and makes a key for another.
async fn calls(shop: &mut Clients, subject: &str) -> Result<(), Status> {
    let find = FindSubjectRequest {
        category: EMAIL.into(),
        text: "ada@example.org".into(),
    };
    let found = shop.identity.find_subject(shop.request(find)).await;
    let found = found.map_err(during("FindSubject"))?.into_inner();
    assert_eq!(found.subject_ids, [subject]);
    replace_name(shop, subject).await?;
    let newcomer = RegisterSubjectRequest {
        request_id: new_id(),
        region: "US".into(),
        age_band: AgeBand::Adult.into(),
        accepted_policy_version: "v1".into(),
    };
    let newcomer = shop.identity.register_subject(shop.request(newcomer)).await;
    let newcomer = newcomer.map_err(during("RegisterSubject"))?.into_inner();
    replace_name(shop, &newcomer.subject_id).await
}

async fn replace_name(shop: &mut Clients, subject: &str) -> Result<(), Status> {
    let question = collect(subject, "typed", &[NAME]);
    let (grant, _) = authorize(shop, question)
        .await
        .map_err(during("Authorize"))?;
    let stored = store(shop, &grant, &[(NAME, "Ada")]).await;
    stored.map_err(during("Collect"))
}

/// Says in a refusal which call it answered.
fn during(call: &str) -> impl Fn(Status) -> Status {
    move |status| Status::new(status.code(), format!("{call}: {}", status.message()))
}
