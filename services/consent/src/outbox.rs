//! The delivery of evidence to the log, after the transaction that wrote it and apart from it.

use std::time::Duration;

use tokio::{sync::Notify, time::timeout};

use crate::{error::Error, metrics::Metrics, peers::DisclosureAudit, store::Store};

/// How long evidence waits that nobody announced: another replica's, or what was left by an outage.
const ROUND_EVERY: Duration = Duration::from_secs(1);

/// How many events go in one call.
const PAGE: u64 = 500;

/// The outbox and its way out. Several processes may empty one outbox: the log knows each event by
/// its id and takes it once.
pub(crate) struct Outbox {
    store: Store,
    log: DisclosureAudit,
    metrics: Metrics,
    filled: Notify,
}

impl Outbox {
    pub(crate) fn new(store: Store, log: DisclosureAudit, metrics: Metrics) -> Self {
        Self {
            store,
            log,
            metrics,
            filled: Notify::new(),
        }
    }

    /// Says that there is something to deliver.
    pub(crate) fn announce(&self) {
        self.filled.notify_one();
    }

    /// Delivers until it is dropped. What cannot be delivered stays and is tried again.
    pub(crate) async fn run(&self) {
        let mut is_delivering = true;
        loop {
            // Whether it was announced or is merely time makes no difference.
            let _ = timeout(ROUND_EVERY, self.filled.notified()).await;
            let was_delivering = is_delivering;
            is_delivering = self.empty().await.is_ok();
            if was_delivering && !is_delivering {
                tracing::warn!("evidence waits: it cannot be delivered");
            }
        }
    }

    /// Delivers all that waits now.
    async fn empty(&self) -> Result<(), Error> {
        let backlog = self.store.backlog().await?;
        self.metrics.evidence_waits(&backlog);
        for waiting in &backlog {
            self.empty_of(&waiting.tenant, u64::MAX).await?;
        }
        Ok(())
    }

    /// Delivers what waits of one tenant up to a revision. An event that the log refuses stays
    /// behind and hinders none of the others.
    pub(crate) async fn empty_of(&self, tenant: &str, up_to: u64) -> Result<(), Error> {
        let mut after = 0;
        while after < up_to {
            let page = self.store.evidence(tenant, after, PAGE).await?;
            let Some(last) = page.last() else {
                break;
            };
            after = last.revision;
            let arrived = self.log.deliver(tenant, &page).await?;
            if arrived.len() < page.len() {
                tracing::warn!("the log refused evidence");
            }
            if !arrived.is_empty() {
                self.store.delivered(tenant, &arrived).await?;
            }
        }
        Ok(())
    }
}
