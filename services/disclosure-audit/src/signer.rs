//! The task that signs checkpoints, at most half a second after the log grew.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chassis::{Stop, now_ms};
use ledger::NoteKey;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::error::Error;
use crate::metrics::Metrics;
use crate::store::{SignedCheckpoint, Store};

/// Half of what is promised, so that one slow commit does not break the promise.
const INTERVAL: Duration = Duration::from_millis(250);

/// Whom the signer tells what is signed.
pub(crate) struct Told {
    /// The newest checkpoint that may be shown.
    pub(crate) shown: watch::Sender<Option<SignedCheckpoint>>,
    /// How many entries the last checkpoint covers that this replica signed.
    pub(crate) signed_here: watch::Sender<u64>,
}

/// Signs what was committed until the process stops, and for as long as the log agrees with itself.
///
/// Every replica runs it; the lock on the head leaves the signature to one of them.
///
/// # Errors
/// The stored tree does not continue the last checkpoint, or another key or name signed that one.
/// Nothing more is signed then, and the process stops: a log that answers but cannot prove is worse than none.
pub(crate) async fn run(
    store: Arc<Store>,
    key: Arc<NoteKey>,
    metrics: Metrics,
    told: Told,
    stop: Stop,
) -> anyhow::Result<()> {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.requested() => return Ok(()),
        }
        match sign(&store, &key, &metrics, &told).await {
            Ok(()) => {}
            // The store has said why; the next tick tries again.
            Err(Error::LogUnavailable | Error::LogFault) => {}
            Err(error) => {
                metrics.verification_failed();
                return Err(error).context("signing a checkpoint");
            }
        }
    }
}

async fn sign(store: &Store, key: &NoteKey, metrics: &Metrics, told: &Told) -> Result<(), Error> {
    let signed = store.sign(key, now_ms()).await?;
    metrics.covered(signed);
    if let Some(oldest) = signed.oldest_recorded_at {
        metrics.signed(now_ms() - oldest);
        told.signed_here.send_replace(signed.size);
    }
    told.shown.send_replace(store.checkpoint().await?);
    Ok(())
}
