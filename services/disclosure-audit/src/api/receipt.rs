//! GetReceipt: the opening or the gap, a checkpoint that covers the entry, and the proof between them.

use std::time::Duration;

use chassis::{Caller, Tenant};
use client::context;
use ledger::{Destruction, Opening};
use tokio::time::timeout;
use uuid::Uuid;

use super::{Api, admits};
use crate::batch::Standing;
use crate::error::Error;
use crate::receipt::{Destroyed, gap_receipt, receipt as opened_receipt};
use crate::seal::{open, owner};
use crate::store::StoredEntry;

/// Kept back of the call's time, to answer in.
const TIME_TO_ANSWER: Duration = Duration::from_millis(100);

pub(super) async fn receipt(api: &Api, caller: &Caller, id: Uuid) -> Result<String, Error> {
    let tenant = &caller.tenant;
    let stored = api
        .store
        .entry(tenant, id)
        .await?
        .ok_or(Error::EntryUnknown)?;
    covered(api, stored.index).await?;
    // After the wait: the key may have been destroyed during it.
    if let Some(subject) = stored.subject {
        let standing = api.store.standing(tenant, subject).await?;
        if standing == Standing::Shredded {
            return gap(api, tenant, subject, &stored).await;
        }
        admits(caller, standing)?;
    }
    let opening = opening(api, tenant, &stored).await?;
    let material = api.store.proof_material(&[stored.index]).await?;
    let (checkpoint, tiles) = material.ok_or(Error::CheckpointPending)?;
    opened_receipt(stored.entry, opening, stored.index, &checkpoint, |id| {
        tiles.hashes(id)
    })
}

/// The proof of an entry whose key was destroyed, once the log says so.
async fn gap(
    api: &Api,
    tenant: &Tenant,
    subject: Uuid,
    stored: &StoredEntry,
) -> Result<String, Error> {
    let recorded = api.store.destruction_of(tenant, stored.key_id).await?;
    let recorded = recorded.ok_or(Error::SubjectShredded)?;
    let record = api.store.entry(tenant, recorded.entry_id).await?;
    let record = record.ok_or(Error::LogCorrupt)?;
    let opening = opening(api, tenant, &record).await?;
    // One that does not name what it covers is of a version before that: it proves nothing of this.
    Destruction::parse(&opening.payload).ok_or(Error::SubjectShredded)?;
    covered(api, record.index).await?;
    let places = [stored.index, record.index];
    let material = api.store.proof_material(&places).await?;
    let (checkpoint, tiles) = material.ok_or(Error::CheckpointPending)?;
    let destroyed = Destroyed {
        entry: record.entry,
        index: record.index,
        opening,
        leaves: api.store.leaves_of(tenant, subject).await?,
    };
    let read = |id| tiles.hashes(id);
    gap_receipt(stored.entry, stored.index, destroyed, &checkpoint, read)
}

async fn opening(api: &Api, tenant: &Tenant, stored: &StoredEntry) -> Result<Opening, Error> {
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
