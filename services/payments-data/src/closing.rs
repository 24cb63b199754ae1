//! What follows the end of an order: its key is destroyed, and the log is told.

use std::{sync::Arc, time::Duration};

use chassis::{KeyStore, Stop, Tenant, now_ms};
use client::{Connection, DestroyedKeys, KeyOwner};
use prometheus_client::metrics::gauge::Gauge;
use tokio::{sync::Notify, time::timeout};
use vault::Owner;

use crate::{
    error::Error,
    order::{Ending, Order, OrderId, SubjectId},
    peers,
    store::Store,
};

/// How many orders are taken up at a time; the log takes at most 1,000 in one batch.
pub(crate) const ORDERS_MAX: u64 = 100;

/// How often orders are looked for whose time is over, or whose key a stopped process left behind.
const SWEEP_INTERVAL: Duration = Duration::from_secs(2);

/// How long the answer to a request is kept.
const REQUESTS_KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

/// Ends orders. The end is written down first, then the key goes, then the log is told; wherever a
/// process dies, the sweep of any replica goes on from there, and every step done twice is done once.
#[derive(Clone)]
pub(crate) struct Closing {
    store: Store,
    keys: KeyStore,
    log: Connection,
    closed: Arc<Notify>,
    outbox: Gauge,
}

impl Closing {
    pub(crate) fn new(store: Store, keys: KeyStore, log: Connection, outbox: Gauge) -> Self {
        Self {
            store,
            keys,
            log,
            closed: Arc::default(),
            outbox,
        }
    }

    /// Closes one order. When it answers the key is gone; the log is told soon after, so that
    /// closing does not depend on it.
    pub(crate) async fn close(
        &self,
        tenant: &Tenant,
        id: OrderId,
        ending: Ending,
    ) -> Result<Order, Error> {
        let order = self.store.close(tenant, id, ending, now_ms()).await?;
        self.keys.destroy(tenant, &Owner::Order(id.0)).await?;
        self.closed.notify_one();
        Ok(order)
    }

    /// Ends all orders of a person. When it answers, every key is gone and the log says so: what an
    /// erasure certifies must be there first. The answer is every order there ever was.
    pub(crate) async fn erase(
        &self,
        tenant: &Tenant,
        subject: SubjectId,
    ) -> Result<Vec<Order>, Error> {
        let orders = self.store.erase(tenant, subject, now_ms()).await?;
        self.finish(tenant, Some(subject)).await?;
        Ok(orders)
    }

    /// Destroys what must be destroyed before this service may serve: keys that the log knows to
    /// be gone, and that a restored backup has brought back.
    pub(crate) async fn replay_destroyed(&self) -> Result<(), Error> {
        for tenant in self.keys.tenants().await? {
            let mut destroyed = DestroyedKeys::new(&self.log, tenant.as_str());
            while let Some(page) = destroyed.next_page().await {
                let orders = page.iter().filter_map(|key| match key.owner {
                    KeyOwner::Order(order) => Some(Owner::Order(order)),
                    KeyOwner::Subject(_) => None,
                });
                let orders: Vec<Owner> = orders.collect();
                self.destroy_present(&tenant, &orders).await?;
            }
        }
        Ok(())
    }

    /// Expires orders and finishes endings until the process stops. A failure is tried again.
    pub(crate) async fn sweep(self, stop: Stop) -> anyhow::Result<()> {
        while !stop.is_requested() {
            if let Err(error) = self.sweep_once().await {
                tracing::warn!(%error, "orders that ended are not finished yet");
            }
            tokio::select! {
                () = stop.requested() => {}
                _ = timeout(SWEEP_INTERVAL, self.closed.notified()) => {}
            }
        }
        Ok(())
    }

    pub(crate) async fn sweep_once(&self) -> Result<(), Error> {
        self.store
            .forget_requests(now_ms() - REQUESTS_KEPT_MS)
            .await?;
        let (mut swept, mut waiting) = (Ok(()), 0);
        for tenant in self.keys.tenants().await? {
            // No tenant waits for another's trouble; the first is what is told.
            swept = swept.and(self.sweep_tenant(&tenant).await);
            waiting += self.store.count_to_destroy(&tenant).await?;
        }
        self.outbox.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        swept
    }

    async fn sweep_tenant(&self, tenant: &Tenant) -> Result<(), Error> {
        self.store.expire(tenant, now_ms()).await?;
        self.finish(tenant, None).await
    }

    /// Destroys the keys of orders that have ended, and then tells the log. All keys go first: a
    /// log that does not answer keeps none of them.
    async fn finish(&self, tenant: &Tenant, subject: Option<SubjectId>) -> Result<(), Error> {
        self.destroy_all(tenant, subject).await?;
        loop {
            let orders = self.store.to_destroy(tenant, subject, None, ORDERS_MAX);
            let orders = orders.await?;
            if orders.is_empty() {
                return Ok(());
            }
            // Once more: an order may have ended since, and what the log is told must be so.
            self.keys.destroy_many(tenant, &owners(&orders)).await?;
            peers::record_destroyed(&self.log, tenant.as_str(), &orders).await?;
            let ids: Vec<OrderId> = orders.iter().map(|order| order.id).collect();
            self.store.destruction_recorded(tenant, &ids).await?;
        }
    }

    async fn destroy_all(&self, tenant: &Tenant, subject: Option<SubjectId>) -> Result<(), Error> {
        let mut after = None;
        loop {
            let orders = self.store.to_destroy(tenant, subject, after, ORDERS_MAX);
            let orders = orders.await?;
            let Some(last) = orders.last() else {
                return Ok(());
            };
            after = Some(last.id);
            self.destroy_present(tenant, &owners(&orders)).await?;
        }
    }

    /// Destroys those keys that are there. Looked at first: nearly always they are gone, and
    /// destroying rewrites files.
    async fn destroy_present(&self, tenant: &Tenant, owners: &[Owner]) -> Result<(), Error> {
        let present = self.keys.present(tenant, owners).await?;
        self.keys.destroy_many(tenant, &present).await?;
        Ok(())
    }
}

fn owners(orders: &[Order]) -> Vec<Owner> {
    orders.iter().map(|it| Owner::Order(it.id.0)).collect()
}
