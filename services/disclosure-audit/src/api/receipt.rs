//! GetReceipt: the opening or the gap, a checkpoint that covers the entry, and the proof between them.

use std::time::Duration;

use chassis::{Caller, CallerKind, Tenant, now_ms};
use client::context;
use ledger::{Contents, Destruction, Opening};
use tokio::time::timeout;
use uuid::Uuid;

use super::{Api, admits};
use crate::accounting::{Listing, Wanted};
use crate::batch::Standing;
use crate::error::Error;
use crate::receipt::{Destroyed, gap_receipt, receipt as receipt_of};
use crate::seal::{open, owner};
use crate::store::{SignedCheckpoint, StoredEntry};

/// Kept back of the call's time, to answer in.
const TIME_TO_ANSWER: Duration = Duration::from_millis(100);

pub(super) async fn receipt(api: &Api, caller: &Caller, id: Uuid) -> Result<String, Error> {
    let tenant = &caller.tenant;
    let stored = api
        .store
        .entry(tenant, id)
        .await?
        .ok_or(Error::EntryUnknown)?;
    let checkpoint = checkpoint_covering(api, stored.index).await?;
    // After the wait: the key may have been destroyed during it.
    if let Some(subject) = stored.subject {
        let standing = api.store.standing(tenant, subject).await?;
        if standing == Standing::Shredded {
            return gap(api, tenant, subject, &stored).await;
        }
        admits(caller, standing)?;
    }
    let opening = opening(api, tenant, &stored).await?;
    let contents = match may_open(caller, &stored, &opening)? {
        true => Contents::Opening(opening),
        false => Contents::Withheld,
    };
    let places = [stored.index];
    let tiles = api.store.tiles_proving(&places, checkpoint.size).await?;
    receipt_of(stored.entry, contents, stored.index, &checkpoint, |id| {
        tiles.hashes(id)
    })
}

/// Whether this caller may see what an entry says. Of what is recorded of a person, a program is
/// shown what an accounting lists, and nothing of all else: that a disclosure is left out of it by
/// law must not show by being the one thing that is withheld.
fn may_open(caller: &Caller, stored: &StoredEntry, opening: &Opening) -> Result<bool, Error> {
    if caller.kind == CallerKind::Person || stored.subject.is_none() {
        return Ok(true);
    }
    let all = Wanted {
        uses: true,
        ..Wanted::default()
    };
    let listing = all.list(stored.entry.id, stored.index, opening, now_ms())?;
    Ok(matches!(listing, Listing::Line(_)))
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
    let places = [stored.index, record.index];
    let checkpoint = checkpoint_covering(api, stored.index.max(record.index)).await?;
    let tiles = api.store.tiles_proving(&places, checkpoint.size).await?;
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

/// A checkpoint that covers the entry, once there is one; refuses at once where there is no room to wait.
async fn checkpoint_covering(api: &Api, index: u64) -> Result<SignedCheckpoint, Error> {
    let mut shown = api.shown.clone();
    let covers = |it: &SignedCheckpoint| it.size > index;
    if let Some(checkpoint) = shown.borrow().clone().filter(covers) {
        return Ok(checkpoint);
    }
    let room = api.waiting.try_acquire();
    let _room = room.map_err(|_| Error::Overloaded)?;
    let covering = shown.wait_for(|it| it.as_ref().is_some_and(covers));
    match timeout(patience(context::remaining()), covering).await {
        Ok(Ok(checkpoint)) => checkpoint.clone().ok_or(Error::CheckpointPending),
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
