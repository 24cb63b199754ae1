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

use crate::{
    error::Error,
    metrics::Metrics,
    snapshot::{DEFAULT_TENANT, Delta, Snapshot},
    store::Store,
};

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
        // The default tenant is read first and shown last. When a version of it is seen, whatever
        // others published before it is seen too, so that nobody takes for the version of a tenant
        // what came after the tenant's own first one and has the same name.
        let newest = self.store.revision(DEFAULT_TENANT).await?;
        let default = self.news(DEFAULT_TENANT, newest).await?;
        for (tenant, newest) in self.store.revisions().await? {
            if tenant != DEFAULT_TENANT
                && let Some(delta) = self.news(&tenant, newest).await?
            {
                self.show(delta)?;
            }
        }
        if let Some(delta) = default {
            self.show(delta)?;
        }
        *self
            .reached_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = began;
        self.metrics.followed(clock::now_ms());
        Ok(())
    }

    /// What became of a tenant that the snapshot does not have, when its newest revision is this.
    async fn news(&self, tenant: &str, newest: u64) -> Result<Option<Delta>, Error> {
        let known = self.snapshot.revision(tenant);
        if known == newest {
            return Ok(None);
        }
        if known > newest {
            // Only a restored backup takes a commit back. What was answered from it stands
            // nowhere any more, so nothing may be answered from it again.
            tracing::error!("the database is older than what was read from it");
            return Err(Error::Internal);
        }
        self.store.delta(tenant, known).await.map(Some)
    }

    fn show(&self, delta: Delta) -> Result<(), Error> {
        self.snapshot.apply(delta).map_err(|_| {
            tracing::error!("a published policy does not compile with this program");
            Error::Internal
        })?;
        self.moved.send_replace(());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chassis::{Stop, Tenant};
    use tokio::task::JoinSet;
    use uuid::Uuid;

    use super::*;
    use crate::{
        store::{
            Writer,
            fixture::{GIVE, POLICY, Portal, choose, enrol, publish, store},
        },
        watch::{From, Message, watch},
    };

    const PERSONS: u128 = 60;

    #[tokio::test]
    async fn a_follower_of_concurrent_writers_misses_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path()).await;
        let opened = Follower::open(store.clone(), Metrics::default()).await;
        let follower = Arc::new(opened.unwrap());
        let following = follower.clone();
        let running = tokio::spawn(async move { following.run().await });
        let tenant = "default".to_owned();
        let watching = watch(
            follower.clone(),
            store.clone(),
            tenant,
            From::Now,
            std::future::pending(),
        );
        let mut messages = watching.await.unwrap();
        assert_eq!(messages.recv().await, Some(Ok(Message::Start(0))));

        let writer = Arc::new(Writer::start(store.clone()));
        let mut writers = JoinSet::new();
        for (person, tenant) in (1..=PERSONS).flat_map(|it| [(it, "default"), (it, "other")]) {
            let writer = writer.clone();
            writers.spawn(async move {
                let (portal, person) = (Portal::new(tenant), Uuid::from_u128(person));
                let tenant = Tenant::parse(tenant).unwrap();
                for wish in [enrol(person, "US"), choose(person, GIVE)] {
                    writer.write(&tenant, portal.once(wish)).await.unwrap();
                }
            });
        }
        while let Some(written) = writers.join_next().await {
            written.unwrap();
        }
        for expected in 1..=2 * PERSONS as u64 {
            match messages.recv().await {
                Some(Ok(Message::Change(change))) => assert_eq!(change.revision, expected),
                other => panic!("expected revision {expected}, got {other:?}"),
            }
        }
        let snapshot = follower.fresh().await.unwrap();
        for tenant in ["default", "other"] {
            assert_eq!(snapshot.revision(tenant), 2 * PERSONS as u64);
        }
        running.abort();
    }

    #[tokio::test]
    async fn what_was_committed_before_is_known_and_what_was_never_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path()).await;
        let follower = Follower::open(store.clone(), Metrics::default()).await;
        let follower = follower.unwrap();
        let enrolled = Portal::new("default").once(enrol(Uuid::from_u128(1), "US"));
        store.commit("default", vec![enrolled], 0).await.unwrap();
        // Nothing runs the follower here: only asking for it makes it look.
        for (revision, known) in [(0, Ok(0)), (1, Ok(1)), (2, Err(Error::RevisionUnknown))] {
            let snapshot = follower.at_least("default", revision).await;
            assert_eq!(snapshot.map(|it| it.revision("default")), known);
        }
    }

    #[tokio::test]
    async fn a_stream_ends_when_the_process_stops() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path()).await;
        let follower = Follower::open(store.clone(), Metrics::default()).await;
        let (tenant, stop) = ("default".to_owned(), Stop::new());
        let asked = stop.clone();
        let stopping = async move { asked.requested().await };
        let follower = Arc::new(follower.unwrap());
        let messages = watch(follower, store, tenant, From::Now, stopping).await;
        let mut messages = messages.unwrap();
        assert_eq!(messages.recv().await, Some(Ok(Message::Start(0))));
        stop.request();
        assert_eq!(messages.recv().await, None);
    }

    /// A round takes in every tenant, so that a tenant which is judged by the policy of `default`
    /// is judged by its newest one, whichever replica published it.
    #[tokio::test]
    async fn the_newest_state_of_a_tenant_has_the_newest_default_policy() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path()).await;
        let follower = Follower::open(store.clone(), Metrics::default()).await;
        let follower = follower.unwrap();
        for number in [1, 2] {
            let text = format!("{POLICY}# {number}\n");
            let published = Portal::new("default").once(publish(&text));
            store.commit("default", vec![published], 0).await.unwrap();
            let current = follower.fresh().await.unwrap().current("acme", 0);
            assert_eq!(current.unwrap().name.number, number);
        }
    }

    #[tokio::test]
    async fn a_stream_begins_where_it_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path()).await;
        let portal = Portal::new("default");
        for (person, at) in [(1, 1_000), (2, 2_000), (3, 3_000)] {
            let enrolled = portal.once(enrol(Uuid::from_u128(person), "US"));
            store.commit("default", vec![enrolled], at).await.unwrap();
        }
        let follower = Follower::open(store.clone(), Metrics::default()).await;
        let follower = Arc::new(follower.unwrap());
        for (from, start) in [
            (From::Now, Ok(3)),
            (From::After(0), Ok(0)),
            (From::After(3), Ok(3)),
            (From::After(4), Err(Error::RevisionUnknown)),
            (From::Since(1_000), Ok(0)),
            (From::Since(1_001), Ok(1)),
            (From::Since(3_001), Ok(3)),
        ] {
            let (follower, store) = (follower.clone(), store.clone());
            let stop = std::future::pending();
            let messages = watch(follower, store, "default".to_owned(), from, stop).await;
            let begun = match messages {
                Ok(mut messages) => messages.recv().await.unwrap(),
                Err(error) => Err(error),
            };
            assert_eq!(begun, start.map(Message::Start));
        }
    }
}
