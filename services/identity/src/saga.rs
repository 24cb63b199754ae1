//! What carries an erasure through, however often it is interrupted.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use chassis::{KeyStore, RequestKey, Stop, Tenant, now_ms};
use client::{DestroyedKeys, Guard, KeyOwner, parse_id};
use grant::SigningKey;
use proto::disclosure_audit::{Certificate, KeyDestruction, RecordRequest, record_request::Event};
use tokio::time::{sleep, timeout};
use uuid::Uuid;
use vault::Owner;

use crate::{
    erasure::{Erasure, KeyGone, Outcome, Step},
    error::Error,
    metrics::Metrics,
    peers::Peers,
    store::Store,
    subject::State,
};

/// How often unfinished erasures are looked for.
const INTERVAL: Duration = Duration::from_secs(2);

/// How long a caller waits at most for the end of an erasure. Then it goes on by itself. With the
/// next, and what the database takes, well below the 5 seconds that callers wait by default.
const CALL_WAIT: Duration = Duration::from_secs(2);

/// How long a caller waits at most for consent to quarantine, before the erasure begins without.
const QUARANTINE_WAIT: Duration = Duration::from_secs(1);

/// Between two attempts within one call, since consent's evidence takes moments to reach the log,
/// and between two to quarantine somebody late.
const PAUSE: Duration = Duration::from_millis(200);

/// How many erasures are taken up at a time.
const ERASURES_MAX: u64 = 1000;

/// Does the steps of erasures. Any number of replicas may: each step can be done twice, and the
/// store takes each outcome in once.
#[derive(Clone)]
pub(crate) struct Saga {
    pub(crate) metrics: Metrics,
    /// How long an erasure may take before it is overdue.
    pub(crate) deadline_ms: i64,
    pub(crate) store: Store,
    pub(crate) keys: KeyStore,
    pub(crate) guard: Arc<Guard>,
    pub(crate) peers: Peers,
    pub(crate) certificate_key: Arc<SigningKey>,
}

impl Saga {
    /// Destroys what must be destroyed before this service may serve: keys that the log knows to
    /// be gone, and that a restored backup has brought back. A person whom the backup knows as
    /// active is erased again, and gets a certificate again.
    pub(crate) async fn replay_destroyed(&self) -> Result<(), Error> {
        for tenant in self.keys.tenants().await? {
            let mut destroyed = DestroyedKeys::new(&self.peers.log, tenant.as_str());
            while let Some(keys) = destroyed.next_page().await {
                let subject = |owner| match owner {
                    KeyOwner::Subject(subject) => Some(subject),
                    KeyOwner::Order(_) => None,
                };
                let subjects: Vec<Uuid> = keys.iter().filter_map(|it| subject(it.owner)).collect();
                self.destroy_again(&tenant, &subjects).await?;
            }
        }
        Ok(())
    }

    async fn destroy_again(&self, tenant: &Tenant, subjects: &[Uuid]) -> Result<(), Error> {
        let owners: Vec<Owner> = subjects.iter().copied().map(Owner::Subject).collect();
        // Looked at first: nearly always they are gone, and destroying rewrites files.
        let present = self.keys.present(tenant, &owners).await?;
        self.keys.destroy_many(tenant, &present).await?;
        for person in self.store.not_erased(tenant, subjects).await? {
            match person.state {
                State::Active => {
                    let erasure = Erasure::requested(now_ms());
                    self.begin(tenant, person.subject, None, &erasure).await?;
                }
                // Registered again by the same request, the person would get a key again.
                State::Pending => {
                    let owner = Owner::Subject(person.subject);
                    self.keys.destroy(tenant, &owner).await?;
                }
                State::Erasing | State::Erased => {}
            }
        }
        Ok(())
    }

    /// Begins an erasure, unless one has begun before.
    pub(crate) async fn begin(
        &self,
        tenant: &Tenant,
        subject: Uuid,
        request: Option<&RequestKey>,
        erasure: &Erasure,
    ) -> Result<(), Error> {
        let begun = self
            .store
            .begin_erasure(tenant, subject, request, erasure)
            .await?;
        if begun {
            self.metrics.started();
        }
        Ok(())
    }

    /// Carries all erasures on until the process stops. A failure is tried again.
    pub(crate) async fn run(self, stop: Stop) -> anyhow::Result<()> {
        while !stop.is_requested() {
            tokio::select! {
                () = stop.requested() => {}
                () = async { self.finish_all().await; sleep(INTERVAL).await } => {}
            }
        }
        Ok(())
    }

    /// Quarantines whoever could not be before the erasure began, until the process stops. It waits
    /// for consent alone: others may still open something until it is done.
    pub(crate) async fn run_quarantines(self, stop: Stop) -> anyhow::Result<()> {
        while !stop.is_requested() {
            tokio::select! {
                () = stop.requested() => {}
                () = async { self.quarantine_all().await; sleep(PAUSE).await } => {}
            }
        }
        Ok(())
    }

    async fn quarantine_all(&self) {
        let next = Some(Step::Quarantine);
        let waiting = self.store.unfinished_erasures(next, ERASURES_MAX).await;
        for (tenant, subject) in waiting.unwrap_or_default() {
            let quarantined = async {
                self.peers.quarantine(tenant.as_str(), subject).await?;
                let outcome = Outcome::Quarantined;
                let store = &self.store;
                store.advance_erasure(&tenant, subject, outcome).await
            };
            // Consent is away, for the others too. `run` asks for each, and says so.
            if quarantined.await.is_err() {
                return;
            }
        }
    }

    /// Makes consent quarantine a person while a caller waits, and says whether it did.
    pub(crate) async fn quarantine_within_call(&self, tenant: &Tenant, subject: Uuid) -> bool {
        let until_quarantined = async {
            while self
                .peers
                .quarantine(tenant.as_str(), subject)
                .await
                .is_err()
            {
                sleep(PAUSE).await;
            }
        };
        timeout(within_call(QUARANTINE_WAIT), until_quarantined)
            .await
            .is_ok()
    }

    /// Works on one erasure while its caller waits. Whether it is finished is for the store to say.
    pub(crate) async fn finish_within_call(&self, tenant: &Tenant, subject: Uuid) {
        let until_finished = async {
            while self.finish(tenant, subject).await.is_err() {
                sleep(PAUSE).await;
            }
        };
        // Running out of time is no failure: `run` goes on.
        let _ = timeout(within_call(CALL_WAIT), until_finished).await;
    }

    async fn finish_all(&self) {
        let late = now_ms() - self.deadline_ms;
        if let Ok(backlog) = self.store.erasure_backlog(late).await {
            self.metrics.waiting(&backlog);
        }
        let unfinished = match self.store.unfinished_erasures(None, ERASURES_MAX).await {
            Ok(unfinished) => unfinished,
            Err(error) => {
                tracing::warn!(%error, "erasures cannot be looked for");
                return;
            }
        };
        let mut waiting = 0;
        for (tenant, subject) in &unfinished {
            if self.finish(tenant, *subject).await.is_err() {
                waiting += 1;
            }
        }
        if waiting > 0 {
            tracing::warn!(count = waiting, "erasures wait for a peer or the database");
        }
    }

    async fn finish(&self, tenant: &Tenant, subject: Uuid) -> Result<(), Error> {
        loop {
            let erasure = self.store.erasure(tenant, subject).await?;
            let erasure = erasure.ok_or(Error::ErasureUnknown)?;
            let Some(outcome) = self.perform(tenant, subject, &erasure).await? else {
                return Ok(());
            };
            let is_last = matches!(outcome, Outcome::Entered(_));
            let advanced = self.store.advance_erasure(tenant, subject, outcome).await?;
            if is_last && advanced {
                self.metrics.completed();
            }
        }
    }

    /// Does the next step; `None` when nothing is left to do.
    async fn perform(
        &self,
        tenant: &Tenant,
        subject: Uuid,
        erasure: &Erasure,
    ) -> Result<Option<Outcome>, Error> {
        let name = tenant.as_str();
        let outcome = match erasure.next {
            Step::Quarantine => {
                self.peers.quarantine(name, subject).await?;
                Outcome::Quarantined
            }
            Step::EraseOrders => {
                Outcome::OrdersErased(self.peers.erase_orders(name, subject).await?)
            }
            Step::DestroyKey => Outcome::KeyDestroyed(self.destroy_key(tenant, subject).await?),
            Step::Forget => {
                self.peers.forget(name, subject).await?;
                Outcome::Forgotten
            }
            Step::ShredLog => Outcome::LogShredded {
                log_key: self.peers.shred_log(name, subject).await?,
                at_ms: now_ms(),
            },
            // Stored before it is entered: a certificate signed again after a crash would say
            // another time, or have another key, and the log would hold two.
            Step::Sign => {
                let certificate = erasure.certificate(name, subject);
                Outcome::Signed(certificate.sign(&self.certificate_key))
            }
            Step::Enter => Outcome::Entered(self.enter(name, erasure).await?),
            Step::Finished => return Ok(None),
        };
        Ok(Some(outcome))
    }

    /// The key goes before the log says so: an entry must never tell of what may still open.
    async fn destroy_key(&self, tenant: &Tenant, subject: Uuid) -> Result<Option<KeyGone>, Error> {
        let Some(destroyed) = self.keys.destroy(tenant, &Owner::Subject(subject)).await? else {
            return Ok(None);
        };
        let destruction = KeyDestruction {
            key_id: destroyed.key_id.to_string(),
            owner_kind: "subject".to_owned(),
            owner_id: subject.to_string(),
        };
        let event = RecordRequest {
            request_id: format!("destroyed-{}", destroyed.key_id),
            event: Some(Event::KeyDestruction(destruction)),
        };
        let entry = self.guard.record(tenant.as_str(), event).await?;
        Ok(Some(KeyGone {
            key_id: destroyed.key_id,
            index: entry.index,
        }))
    }

    async fn enter(&self, tenant: &str, erasure: &Erasure) -> Result<Uuid, Error> {
        let certificate = erasure.certificate.as_ref().ok_or(Error::Internal)?;
        let digest = digest(&SHA256, certificate.as_bytes());
        let event = RecordRequest {
            request_id: format!("certificate-{}", hex::encode(digest)),
            event: Some(Event::Certificate(Certificate {
                kind: "erasure".to_owned(),
                digest: digest.as_ref().to_vec(),
            })),
        };
        let entry = self.guard.record(tenant, event).await?;
        // The guard took only an answer with a readable id.
        parse_id(&entry.entry_id).ok_or(Error::Internal)
    }
}

/// How long to wait at most, so that the call has time left to answer in.
fn within_call(wait: Duration) -> Duration {
    match client::context::remaining() {
        Some(remaining) => wait.min(remaining.saturating_sub(PAUSE)),
        None => wait,
    }
}
