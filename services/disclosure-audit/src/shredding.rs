//! Shredding a subject: bar it, destroy its audit key, enter the destruction in the log.

use chassis::{KeyStore, Tenant, now_ms};
use uuid::Uuid;
use vault::Owner;

use crate::NAME;
use crate::batch::{Candidate, Recorded};
use crate::error::Error;
use crate::event::{Event, KeyDestruction};
use crate::recorder::Recorder;
use crate::store::{Store, by_tenant};

const SUBJECTS_PER_PAGE: u64 = 1_000;

/// What became of the subject's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shredded {
    pub(crate) key_id: Uuid,
    pub(crate) recorded: Recorded,
}

/// Does the three steps in the only safe order. Each can be repeated, so whoever was cut off
/// between two of them calls again.
///
/// `None` when the subject never had a key: it is barred all the same.
pub(crate) async fn shred(
    store: &Store,
    key_store: &KeyStore,
    recorder: &Recorder,
    tenant: &Tenant,
    subject: Uuid,
) -> Result<Option<Shredded>, Error> {
    store.bar_subject(tenant, subject, now_ms()).await?;
    let Some(key) = key_store.destroy(tenant, &Owner::Subject(subject)).await? else {
        return Ok(None);
    };
    let destruction = KeyDestruction {
        key_id: key.key_id,
        owner_kind: "subject".to_owned(),
        owner_id: subject,
    };
    let event = Event::KeyDestroyed(destruction);
    // Without a request id: a key is destroyed once, and the log knows it by the key's own id for
    // longer than any request is remembered.
    let candidate = Candidate::new(tenant.clone(), NAME.to_owned(), None, event);
    let recorded = recorder.record_one(candidate).await?;
    Ok(Some(Shredded {
        key_id: key.key_id,
        recorded,
    }))
}

/// Destroys again every key of a barred subject that is there all the same: the keys were restored
/// from a backup that is older than the shredding.
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
