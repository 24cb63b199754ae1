//! GetReceipt: the opening, the first checkpoint that covers the entry, and the proof between them.

use std::time::Duration;

use chassis::Tenant;
use client::context;
use ledger::Opening;
use tokio::time::timeout;
use uuid::Uuid;

use super::Api;
use crate::error::Error;
use crate::receipt;
use crate::seal::{open, owner};
use crate::store::StoredEntry;

/// Kept back of the call's time, to answer in.
const TIME_TO_ANSWER: Duration = Duration::from_millis(100);

pub(super) async fn receipt(api: &Api, tenant: &Tenant, id: Uuid) -> Result<String, Error> {
    let stored = api
        .store
        .entry(tenant, id)
        .await?
        .ok_or(Error::EntryUnknown)?;
    covered(api, stored.index).await?;
    // After the wait: the key may have been destroyed during it.
    let opening = opening(api, tenant, &stored).await?;
    let material = api.store.proof_material(stored.index).await?;
    let (checkpoint, tiles) = material.ok_or(Error::CheckpointPending)?;
    receipt::receipt(stored.entry, opening, stored.index, &checkpoint, |id| {
        tiles.hashes(id)
    })
}

async fn opening(api: &Api, tenant: &Tenant, stored: &StoredEntry) -> Result<Opening, Error> {
    if let Some(subject) = stored.subject
        && api.store.subject_head(tenant, subject).await?.shredded
    {
        return Err(Error::SubjectShredded);
    }
    let key = api.key_store.key(tenant, &owner(stored.subject)).await?;
    open(&key.key, &stored.entry, &stored.sealed)
}

/// Waits until a checkpoint covers the entry.
async fn covered(api: &Api, index: u64) -> Result<(), Error> {
    let mut covered = api.covered.clone();
    let covers = covered.wait_for(|size| *size > index);
    match timeout(patience(context::remaining()), covers).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err(Error::CheckpointPending),
    }
}

/// How long to wait in a call that has this much time left. The door limits every call.
fn patience(remaining: Option<Duration>) -> Duration {
    remaining.unwrap_or_default().saturating_sub(TIME_TO_ANSWER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_waited_for_as_long_as_its_call_lasts() {
        for (remaining, waits) in [(60_000, 59_900), (101, 1), (100, 0), (0, 0)] {
            let remaining = Some(Duration::from_millis(remaining));
            assert_eq!(patience(remaining), Duration::from_millis(waits));
        }
        assert_eq!(patience(None), Duration::ZERO);
    }
}
