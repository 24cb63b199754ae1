//! Certificates of a new authority replace the old ones in running processes, and no call fails.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use client::{Clients, Material};
use proto::{
    consent::GetPolicyRequest, disclosure_audit::GetCheckpointRequest, identity::GetSubjectRequest,
    payments_data::GetOrderRequest,
};
use tonic::Code;

use crate::suite::{
    Database, VOW, acts, client_material,
    separate::{SERVICES, Separate},
};

/// More than it takes a process to notice.
const NOTICED: Duration = Duration::from_secs(20);

/// Connections end so fast here that every call to a peer soon needs a new handshake.
const SHORT_LIVED: (&str, &str) = ("VOW_CONNECTION_AGE_SECONDS", "2");

#[tokio::test]
async fn a_new_authority_takes_over_while_calls_go_on() {
    let suite = Separate::start_with(Database::Sqlite, 1, &[SHORT_LIVED]).await;
    let (folder, next) = (suite.material(), suite.material().join("next"));
    let made = Command::new(VOW).arg("init").arg(&next).output();
    assert!(made.expect("the program runs").status.success());
    let read = |folder: &Path, name: &str| fs::read(folder.join(name)).expect("init made it");
    let both = [read(&folder, "ca.pem"), read(&next, "ca.pem")].concat();
    let believing = |folder: &Path, authority: &[u8]| Material {
        authority_pem: authority.to_vec(),
        ..client_material(folder, "shop")
    };
    let connect = |material: &Material| {
        Clients::connect(&suite.addresses(0), material, "default").expect("it is material")
    };
    let (old, new) = (believing(&folder, &both), believing(&next, &both));
    let load = Load::start(connect(&old));

    // All believe both authorities.
    fs::write(folder.join("ca.pem"), &both).expect("it can be written");
    wait_until(|| async { reached(&connect(&new)).await == 4 }).await;

    // All prove themselves by the new one.
    for service in SERVICES {
        for file in ["certificate.pem", "certificate.key"] {
            let name = format!("{service}/{file}");
            fs::write(folder.join(&name), read(&next, &name)).expect("it can be written");
        }
    }
    let new_alone = believing(&next, &read(&next, "ca.pem"));
    wait_until(|| async { reached(&connect(&new_alone)).await == 4 }).await;
    load.go_on_as(connect(&new)).await;

    // Nobody believes the old one any more.
    fs::write(folder.join("ca.pem"), read(&next, "ca.pem")).expect("it can be written");
    wait_until(|| async { reached(&connect(&old)).await == 0 }).await;
    load.go_on_as(connect(&new_alone)).await;
    load.stop().await;

    // What cannot be used is not.
    fs::write(folder.join("ca.pem"), "nothing").expect("it can be written");
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(reached(&connect(&new_alone)).await, 4);
}

/// Calls that cross from service to service, one after the other, of which none may fail.
struct Load {
    caller: Arc<Mutex<Clients>>,
    made: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Load {
    fn start(caller: Clients) -> Load {
        let caller = Arc::new(Mutex::new(caller));
        let (made, stop) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let task = tokio::spawn({
            let (caller, made, stop) = (caller.clone(), made.clone(), stop.clone());
            async move {
                while !stop.load(Ordering::Relaxed) {
                    let mut caller = caller.lock().expect("nobody panicked").clone();
                    acts::register(&mut caller).await;
                    made.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Load {
            caller,
            made,
            stop,
            task,
        }
    }

    /// Another certificate from now on; some calls are made with it.
    async fn go_on_as(&self, caller: Clients) {
        *self.caller.lock().expect("nobody panicked") = caller;
        let enough = self.made.load(Ordering::Relaxed) + 20;
        wait_until(|| async {
            assert!(!self.task.is_finished(), "a call failed");
            self.made.load(Ordering::Relaxed) >= enough
        })
        .await;
    }

    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("no call failed");
    }
}

/// How many of the four services a caller gets an answer from.
async fn reached(caller: &Clients) -> usize {
    let (mut consent, mut audit) = (caller.consent.clone(), caller.audit.clone());
    let (mut identity, mut payments) = (caller.identity.clone(), caller.payments.clone());
    let nobody = acts::new_id();
    let policy = consent.get_policy(caller.request(GetPolicyRequest::default()));
    let checkpoint = audit.get_checkpoint(caller.request(GetCheckpointRequest::default()));
    let subject = identity.get_subject(caller.request(GetSubjectRequest {
        subject_id: nobody.clone(),
    }));
    let order = payments.get_order(caller.request(GetOrderRequest { order_id: nobody }));
    let codes = [
        policy.await.err().map(|it| it.code()),
        checkpoint.await.err().map(|it| it.code()),
        subject.await.err().map(|it| it.code()),
        order.await.err().map(|it| it.code()),
    ];
    let lost = codes
        .iter()
        .filter(|it| **it == Some(Code::Unavailable))
        .count();
    codes.len() - lost
}

async fn wait_until<F: Future<Output = bool>>(is_so: impl Fn() -> F) {
    let waited = tokio::time::timeout(NOTICED, async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    waited.await.expect("it is noticed in time");
}
