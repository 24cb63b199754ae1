//! How the snapshot follows the database, whichever replica writes there.
//!
//! A round reads every tenant's newest revision and takes in what is new. Rounds run every 100 ms,
//! after every commit of this process, and whenever a call has to know the newest state.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chassis::clock;
use client::Fresh;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{error::Error, metrics::Metrics, snapshot::Snapshot, store::Store};

/// How long a change of another replica may go unseen by a call that does not ask for the newest.
const ROUND_EVERY: Duration = Duration::from_millis(100);

/// How long a call waits for the newest state.
const FRESH_WITHIN: Duration = Duration::from_secs(2);

/// How old the snapshot may be, for want of an answer from the database, before it answers no more.
const AGE_MAX: Duration = Duration::from_secs(30);

/// The snapshot and what keeps it up to date.
pub(crate) struct Follower {
    store: Store,
    snapshot: Snapshot,
    rounds: Fresh<()>,
    reached_at: Mutex<Instant>,
    metrics: Metrics,
    /// Tells streams that some tenant has moved on.
    moved: watch::Sender<()>,
}

impl Follower {
    /// Loads the whole state.
    pub(crate) async fn open(store: Store, metrics: Metrics) -> Result<Self, Error> {
        let follower = Self {
            store,
            snapshot: Snapshot::default(),
            rounds: Fresh::new(),
            reached_at: Mutex::new(Instant::now()),
            metrics,
            moved: watch::Sender::new(()),
        };
        follower.round().await?;
        Ok(follower)
    }

    /// Follows until it is dropped. An outage of the database is waited out: meanwhile whatever
    /// must be fresh is refused, and after [`AGE_MAX`] everything.
    pub(crate) async fn run(&self) {
        let mut ticks = interval(ROUND_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_following = true;
        loop {
            ticks.tick().await;
            let was_following = is_following;
            is_following = self.fresh().await.is_ok();
            if was_following && !is_following {
                tracing::warn!("the database is not followed");
            }
        }
    }

    /// The snapshot, if it is young enough to answer from.
    pub(crate) fn snapshot(&self) -> Result<&Snapshot, Error> {
        let reached_at = *self
            .reached_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if reached_at.elapsed() > AGE_MAX {
            return Err(Error::StoreUnavailable);
        }
        Ok(&self.snapshot)
    }

    /// The snapshot with everything that was committed before this call.
    pub(crate) async fn fresh(&self) -> Result<&Snapshot, Error> {
        match timeout(FRESH_WITHIN, self.rounds.read(self.round())).await {
            Ok(round) => round.map(|()| &self.snapshot),
            Err(_) => Err(Error::NotFresh),
        }
    }

    /// The snapshot with at least a revision of a tenant, from memory if it is there.
    pub(crate) async fn at_least(&self, tenant: &str, revision: u64) -> Result<&Snapshot, Error> {
        let snapshot = self.snapshot()?;
        if snapshot.revision(tenant) >= revision {
            return Ok(snapshot);
        }
        let snapshot = self.fresh().await?;
        if snapshot.revision(tenant) < revision {
            return Err(Error::RevisionUnknown);
        }
        Ok(snapshot)
    }

    /// Waits until a tenant is known behind a revision, and gives the revision it is known at.
    pub(crate) async fn behind(&self, tenant: &str, revision: u64) -> u64 {
        let mut moved = self.moved.subscribe();
        loop {
            let reached = self.snapshot.revision(tenant);
            if reached > revision {
                return reached;
            }
            moved
                .changed()
                .await
                .expect("the sender is a field of the follower");
        }
    }

    async fn round(&self) -> Result<(), Error> {
        let began = Instant::now();
        for (tenant, newest) in self.store.revisions().await? {
            let known = self.snapshot.revision(&tenant);
            if known == newest {
                continue;
            }
            if known > newest {
                // Only a restored backup takes a commit back. What was answered from it stands
                // nowhere any more, so nothing may be answered from it again.
                tracing::error!("the database is older than what was read from it");
                return Err(Error::Internal);
            }
            let delta = self.store.delta(&tenant, known).await?;
            self.snapshot.apply(delta).map_err(|_| {
                tracing::error!("a published policy does not compile with this program");
                Error::Internal
            })?;
            self.moved.send_replace(());
        }
        *self
            .reached_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = began;
        self.metrics.followed(clock::now_ms());
        Ok(())
    }
}
