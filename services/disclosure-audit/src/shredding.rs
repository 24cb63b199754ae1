//! Shredding a subject: bar it, wait for what delays it, destroy its audit key, enter that in the log.

use std::sync::Arc;
use std::time::Duration;

use chassis::{KeyStore, Stop, Tenant, now_ms};
use ledger::root;
use tokio::time::interval;
use uuid::Uuid;
use vault::Owner;

use crate::NAME;
use crate::batch::{Candidate, Recorded};
use crate::error::Error;
use crate::event::{Covered, Event, KeyDestruction, hex};
use crate::hold::Delay;
use crate::metrics::Metrics;
use crate::recorder::Recorder;
use crate::store::{Store, by_tenant};

const SUBJECTS_PER_PAGE: u64 = 1_000;
/// How often is looked for shreddings that nothing delays any more.
const INTERVAL: Duration = Duration::from_secs(5);
const SUBJECTS_PER_ROUND: u64 = 100;

/// What became of the subject's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shredding {
    /// There is none and there will be none: the subject is barred all the same.
    NoKey,
    /// It is destroyed, as the log says there.
    Shredded { key_id: Uuid, recorded: Recorded },
    /// It is there yet. Nothing is recorded of the subject any more.
    Delayed(Delay),
}

/// Does the steps in the only safe order. Each can be repeated: whoever was cut off between two of
/// them calls again, and [`run`] does.
pub(crate) async fn shred(
    store: &Store,
    key_store: &KeyStore,
    recorder: &Recorder,
    tenant: &Tenant,
    subject: Uuid,
) -> Result<Shredding, Error> {
    if let Some(delay) = store.ask_shredding(tenant, subject, now_ms()).await? {
        return Ok(Shredding::Delayed(delay));
    }
    let Some(key) = key_store.destroy(tenant, &Owner::Subject(subject)).await? else {
        store.finish_shredding(tenant, subject).await?;
        return Ok(Shredding::NoKey);
    };
    // The subject is barred: these are all of its entries for ever.
    let leaves = store.leaves_of(tenant, subject).await?;
    let destruction = KeyDestruction {
        key_id: key.key_id,
        owner_kind: "subject".to_owned(),
        owner_id: subject,
        covers: Some(Covered {
            entries: leaves.len() as u64,
            entries_root: hex(&root(&leaves)),
        }),
    };
    let event = Event::KeyDestroyed(destruction);
    // Without a request id: a key is destroyed once, and the log knows it by the key's own id for
    // longer than any request is remembered.
    let candidate = Candidate::new(tenant.clone(), NAME.to_owned(), None, event);
    let recorded = recorder.record_one(candidate).await?;
    store.finish_shredding(tenant, subject).await?;
    Ok(Shredding::Shredded {
        key_id: key.key_id,
        recorded,
    })
}

/// Shreds whoever waited for it as soon as nothing delays it any more, until the process stops.
/// Several replicas may do it at once.
///
/// # Errors
/// None: what cannot be done now is done in the next round.
pub(crate) async fn run(
    store: Arc<Store>,
    key_store: KeyStore,
    recorder: Recorder,
    metrics: Metrics,
    stop: Stop,
) -> anyhow::Result<()> {
    let mut ticks = interval(INTERVAL);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.requested() => return Ok(()),
        }
        let due = store.due_shreddings(now_ms(), SUBJECTS_PER_ROUND).await;
        for (tenant, subject) in due.unwrap_or_default() {
            // Whatever failed has said why.
            let _ = shred(&store, &key_store, &recorder, &tenant, subject).await;
        }
        if let Ok(waiting) = store.waiting_shreddings().await {
            metrics.shreddings_waiting(waiting);
        }
    }
}

/// Destroys again every key of a shredded subject that is there all the same: the keys were
/// restored from a backup that is older than the shredding.
pub(crate) async fn replay(store: &Store, key_store: &KeyStore) -> Result<(), Error> {
    let mut after = None;
    loop {
        let page = store
            .barred_subjects(after.as_ref(), SUBJECTS_PER_PAGE)
            .await?;
        let Some(last) = page.last().cloned() else {
            return Ok(());
        };
        for (tenant, subjects) in by_tenant(page) {
            let owners: Vec<_> = subjects.into_iter().map(Owner::Subject).collect();
            let restored = key_store.present(&tenant, &owners).await?;
            key_store.destroy_many(&tenant, &restored).await?;
        }
        after = Some(last);
    }
}
