//! From events to durable entries: gather the keys, then let the store sequence a whole batch.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chassis::{BatchError, Batcher, KeyStore, RequestKey, Tenant, now_ms};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::batch::{Candidate, Recorded};
use crate::error::Error;
use crate::event::Event;
use crate::metrics::Metrics;
use crate::seal::{SealingKeys, owner};
use crate::store::{Store, by_tenant};

/// Calls whose events share a transaction at most.
const CALLS_PER_BATCH: usize = 256;
/// Calls that may wait.
const CALLS_WAITING: usize = 1_024;
/// Events that may wait or be written, whatever the calls they came in; more are refused.
const EVENTS_MAX: usize = 8_192;

type Outcomes = Vec<Result<Recorded, Error>>;

/// The events of one call, with the room they take until they are answered.
struct Call {
    candidates: Vec<Candidate>,
    /// Held by the events and not by whoever waits: a caller that gives up does not take its
    /// events back.
    room: OwnedSemaphorePermit,
}

/// The way into the log, shared by all calls: while one batch commits, the next one forms.
#[derive(Clone)]
pub(crate) struct Recorder {
    batcher: Batcher<Call, Outcomes>,
    room: Arc<Semaphore>,
}

impl Recorder {
    /// Starts the one worker.
    pub(crate) fn start(store: Arc<Store>, key_store: KeyStore, metrics: Metrics) -> Self {
        let commit = move |calls| commit(store.clone(), key_store.clone(), metrics.clone(), calls);
        Self {
            batcher: Batcher::start(CALLS_WAITING, CALLS_PER_BATCH, commit),
            room: Arc::new(Semaphore::new(EVENTS_MAX)),
        }
    }

    /// Answers when every event is durable and has its place, or was refused; in their order.
    pub(crate) async fn record(&self, candidates: Vec<Candidate>) -> Result<Outcomes, Error> {
        let count = u32::try_from(candidates.len()).map_err(|_| Error::Overloaded)?;
        let room = self.room.clone().try_acquire_many_owned(count);
        let room = room.map_err(|_| Error::Overloaded)?;
        let answered = self.batcher.submit(Call { candidates, room }).await;
        answered.map_err(|error| match error {
            BatchError::Full => Error::Overloaded,
            BatchError::Stopped => Error::LogUnavailable,
        })
    }

    /// Records one event.
    pub(crate) async fn record_one(&self, candidate: Candidate) -> Result<Recorded, Error> {
        let mut outcomes = self.record(vec![candidate]).await?;
        outcomes.pop().ok_or(Error::LogUnavailable)?
    }
}

async fn commit(
    store: Arc<Store>,
    key_store: KeyStore,
    metrics: Metrics,
    calls: Vec<Call>,
) -> Vec<Outcomes> {
    let counts: Vec<_> = calls.iter().map(|it| it.candidates.len()).collect();
    let (candidates, _rooms): (Vec<_>, Vec<_>) =
        calls.into_iter().map(|it| (it.candidates, it.room)).unzip();
    let batch: Vec<_> = candidates.into_iter().flatten().collect();
    let outcomes = match append(&store, &key_store, &batch).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            if error == Error::LogCorrupt {
                metrics.verification_failed();
            }
            vec![Err(error); batch.len()]
        }
    };
    for (candidate, outcome) in batch.iter().zip(&outcomes) {
        // An older entry answers a repetition, and was counted when it was made.
        if outcome.is_ok_and(|it| it.entry_id == candidate.entry_id) {
            metrics.recorded(&candidate.event, &candidate.recorded_by);
        }
    }
    let mut outcomes = outcomes.into_iter();
    counts
        .into_iter()
        .map(|count| outcomes.by_ref().take(count).collect())
        .collect()
}

async fn append(
    store: &Store,
    key_store: &KeyStore,
    batch: &[Candidate],
) -> Result<Outcomes, Error> {
    // Before the transaction, because keys live in a database of their own; `Store::append` argues
    // why a key that is destroyed in between harms nothing.
    let keys = sealing_keys(key_store, batch).await?;
    store.append(batch, &keys, now_ms()).await
}

/// The key of every sealer in the batch, made where there was none.
async fn sealing_keys(key_store: &KeyStore, batch: &[Candidate]) -> Result<SealingKeys, Error> {
    let sealers: BTreeSet<_> = batch
        .iter()
        .map(|it| (it.tenant.clone(), it.event.subject_id()))
        .collect();
    let mut found = HashMap::new();
    for (tenant, subjects) in by_tenant(sealers) {
        let owners: Vec<_> = subjects.iter().map(|it| owner(*it)).collect();
        let keys = key_store.create_many(&tenant, &owners).await?;
        let sealers = subjects.into_iter().map(|it| (tenant.clone(), it));
        found.extend(sealers.zip(keys.into_iter().map(|key| key.map_err(Error::from))));
    }
    Ok(SealingKeys(found))
}

impl Candidate {
    /// An event with a random id for its entry.
    pub(crate) fn new(
        tenant: Tenant,
        recorded_by: String,
        request: Option<RequestKey>,
        event: Event,
    ) -> Self {
        Self {
            tenant,
            recorded_by,
            request,
            event,
            entry_id: Uuid::new_v4(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use chassis::{Database, DatabaseUrl};
    use ledger::{
        Checkpoint, Contents, Note, NoteKey, ProofFile, SignatureType, prove_inclusion,
        verify_inclusion,
    };
    use tempfile::TempDir;
    use tokio::task::JoinSet;
    use vault::FileKeySource;

    use super::*;
    use crate::event::tests::release;
    use crate::event::{KeyDestruction, Payload};
    use crate::receipt::receipt;
    use crate::seal::open;
    use crate::shredding::{Shredding, replay, shred};
    use crate::store::MIGRATIONS;

    const VAULT: &str = "spiffe://vow.local/workload/identity";

    /// One database, as one or several replicas see it.
    pub(crate) struct Ground {
        _folder: TempDir,
        database: Database,
        pub(crate) key_store: KeyStore,
    }

    pub(crate) struct Replica {
        pub(crate) store: Arc<Store>,
        pub(crate) recorder: Recorder,
    }

    impl Ground {
        pub(crate) async fn new() -> Self {
            let folder = TempDir::new().unwrap();
            let url = |name| {
                DatabaseUrl::from(format!("sqlite://{}", folder.path().join(name).display()))
            };
            let source = FileKeySource::parse(&format!("test {}=", "A".repeat(43))).unwrap();
            Self {
                database: Database::open(&url("log.db"), MIGRATIONS, "migrations")
                    .await
                    .unwrap(),
                key_store: KeyStore::open(&url("keys.db"), Arc::new(source))
                    .await
                    .unwrap(),
                _folder: folder,
            }
        }

        pub(crate) async fn replica(&self) -> Replica {
            let store = Arc::new(Store::open(self.database.clone(), false).await.unwrap());
            let metrics = Metrics::default();
            let recorder = Recorder::start(store.clone(), self.key_store.clone(), metrics);
            Replica { store, recorder }
        }
    }

    impl Replica {
        /// The receipt of an entry as a stranger verifies it.
        async fn verified(&self, ground: &Ground, recorded: Recorded) -> ledger::Verified {
            let tenant = Tenant::default();
            let stored = self
                .store
                .entry(&tenant, recorded.entry_id)
                .await
                .unwrap()
                .unwrap();
            let key = ground
                .key_store
                .key(&tenant, &owner(stored.subject))
                .await
                .unwrap();
            let opening = open(&key.key, &stored.entry, &stored.sealed).unwrap();
            let checkpoint = self.store.checkpoint().await.unwrap().unwrap();
            let places = [stored.index];
            let tiles = self.store.tiles_proving(&places, checkpoint.size);
            let tiles = tiles.await.unwrap();
            let contents = Contents::Opening(opening);
            let read = |id| tiles.hashes(id);
            let file = receipt(stored.entry, contents, stored.index, &checkpoint, read).unwrap();
            let log = log_key().verifier(SignatureType::Ed25519);
            ProofFile::parse(&file).unwrap().verify(&log).unwrap()
        }
    }

    fn log_key() -> NoteKey {
        NoteKey::from_seed("vow.local/log", &[1; 32]).unwrap()
    }

    pub(crate) fn use_of(subject: u128) -> Candidate {
        let release = crate::event::Release {
            subject_id: Uuid::from_u128(subject),
            ..release()
        };
        Candidate::new(Tenant::default(), VAULT.into(), None, Event::Use(release))
    }

    #[tokio::test]
    async fn concurrent_records_of_two_replicas_get_every_place_once_and_all_are_proved() {
        let ground = Ground::new().await;
        let replicas = [ground.replica().await, ground.replica().await];
        let mut calls = JoinSet::new();
        for subject in 0..300 {
            let recorder = replicas[subject % 2].recorder.clone();
            calls.spawn(async move { recorder.record_one(use_of(subject as u128 % 7)).await });
        }
        let mut recorded: Vec<_> = calls
            .join_all()
            .await
            .into_iter()
            .collect::<Result<_, _>>()
            .unwrap();
        recorded.sort_by_key(|it| it.index);
        let places: Vec<_> = recorded.iter().map(|it| it.index).collect();
        assert_eq!(places, (0..300).collect::<Vec<_>>());

        let published = replicas[0].store.sign(&log_key(), now_ms()).await.unwrap();
        assert_eq!(published.size, 300);
        let again = replicas[1].store.sign(&log_key(), now_ms()).await.unwrap();
        assert_eq!((again.size, again.oldest_recorded_at), (300, None));
        for recorded in recorded {
            let verified = replicas[1].verified(&ground, recorded).await;
            assert_eq!((verified.index, verified.size), (recorded.index, 300));
        }
    }

    #[tokio::test]
    async fn a_subjects_sequence_counts_across_batches_and_restarts() {
        let ground = Ground::new().await;
        for expected in 1..=3 {
            let replica = ground.replica().await;
            let recorded = replica.recorder.record_one(use_of(1)).await.unwrap();
            replica.store.sign(&log_key(), now_ms()).await.unwrap();
            let opening = replica.verified(&ground, recorded).await.opening.unwrap();
            let payload = Payload::parse(&opening.payload).unwrap();
            assert_eq!(payload.subject_sequence, Some(expected));
        }
    }

    #[tokio::test]
    async fn after_shredding_nothing_opens_nothing_is_recorded_and_proofs_hold() {
        let ground = Ground::new().await;
        let Replica { store, recorder } = &ground.replica().await;
        let tenant = Tenant::default();
        let recorded = recorder.record_one(use_of(1)).await.unwrap();
        let other = recorder.record_one(use_of(2)).await.unwrap();
        store.sign(&log_key(), now_ms()).await.unwrap();

        let subject = Uuid::from_u128(1);
        let shred = || shred(store, &ground.key_store, recorder, &tenant, subject);
        let shredded = shred().await.unwrap();
        assert_eq!(shred().await, Ok(shredded.clone()), "twice is once");
        let Shredding::Shredded { recorded: end, .. } = shredded else {
            panic!("nothing delays it: {shredded:?}");
        };
        assert_eq!(end.index, 2);
        assert_eq!(
            recorder.record_one(use_of(1)).await,
            Err(Error::SubjectShredded)
        );
        let key = ground.key_store.key(&tenant, &owner(Some(subject))).await;
        assert_eq!(
            key.map(|_| ()).map_err(Error::from),
            Err(Error::SubjectShredded)
        );

        store.sign(&log_key(), now_ms()).await.unwrap();
        let replica = Replica {
            store: store.clone(),
            recorder: recorder.clone(),
        };
        assert_eq!(replica.verified(&ground, other).await.size, 3);
        let destruction = replica.verified(&ground, end).await;
        let payload = Payload::parse(&destruction.opening.unwrap().payload).unwrap();
        assert!(
            matches!(payload.event, Event::KeyDestroyed(KeyDestruction { owner_id, .. })
            if owner_id == subject)
        );
        // The entry that nobody can open any more is proved as before.
        let gone = store
            .entry(&tenant, recorded.entry_id)
            .await
            .unwrap()
            .unwrap();
        let checkpoint = store.checkpoint().await.unwrap().unwrap();
        let places = [gone.index];
        let tiles = store.tiles_proving(&places, checkpoint.size);
        let tiles = tiles.await.unwrap();
        let proof = prove_inclusion(gone.index, checkpoint.size, |id| tiles.hashes(id)).unwrap();
        let note = Note::parse(&checkpoint.note).unwrap();
        let log = log_key().verifier(SignatureType::Ed25519);
        let Checkpoint { size, root, .. } = Checkpoint::open(&note, &log).unwrap();
        let leaf = gone.entry.leaf_hash();
        assert_eq!(
            verify_inclusion(&leaf, gone.index, size, &proof, &root),
            Ok(())
        );
    }

    #[tokio::test]
    async fn a_subject_without_entries_is_barred_all_the_same() {
        let ground = Ground::new().await;
        let Replica { store, recorder } = &ground.replica().await;
        let (tenant, subject) = (Tenant::default(), Uuid::from_u128(1));
        for _ in 0..2 {
            let shredded = shred(store, &ground.key_store, recorder, &tenant, subject).await;
            assert_eq!(shredded, Ok(Shredding::NoKey));
        }
        assert_eq!(
            recorder.record_one(use_of(1)).await,
            Err(Error::SubjectShredded)
        );
    }

    #[tokio::test]
    async fn a_key_that_a_restored_backup_brings_back_is_destroyed_at_the_start() {
        let ground = Ground::new().await;
        let Replica { store, recorder } = &ground.replica().await;
        let (tenant, subject) = (Tenant::default(), Uuid::from_u128(1));
        recorder.record_one(use_of(1)).await.unwrap();
        // Barred, and the key is there: as after a restore of the keys alone.
        let delay = store.ask_shredding(&tenant, subject, now_ms()).await;
        assert_eq!(delay, Ok(None));
        assert!(
            ground
                .key_store
                .key(&tenant, &owner(Some(subject)))
                .await
                .is_ok()
        );
        replay(store, &ground.key_store).await.unwrap();
        assert!(
            ground
                .key_store
                .key(&tenant, &owner(Some(subject)))
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn a_log_that_another_key_or_name_signed_is_not_signed_on() {
        let ground = Ground::new().await;
        let Replica { store, recorder } = &ground.replica().await;
        let others = [("vow.local/log", 2), ("other/log", 1)]
            .map(|(name, seed)| NoteKey::from_seed(name, &[seed; 32]).unwrap());
        assert_eq!(store.check_key(&others[0]).await, Ok(()), "nothing signed");
        recorder.record_one(use_of(1)).await.unwrap();
        store.sign(&log_key(), now_ms()).await.unwrap();
        recorder.record_one(use_of(1)).await.unwrap();
        for other in &others {
            let changed = Error::LogKeyChanged;
            assert_eq!(store.sign(other, now_ms()).await, Err(changed));
            assert_eq!(store.check_key(other).await, Err(changed));
        }
        assert_eq!(store.check_key(&log_key()).await, Ok(()));
        assert_eq!(store.sign(&log_key(), now_ms()).await.unwrap().size, 2);
    }

    #[tokio::test]
    async fn more_events_than_there_is_room_for_are_refused_at_once() {
        let ground = Ground::new().await;
        let recorder = ground.replica().await.recorder;
        let too_many = (0..=EVENTS_MAX).map(|_| use_of(1)).collect();
        assert_eq!(recorder.record(too_many).await, Err(Error::Overloaded));
        assert!(recorder.record_one(use_of(1)).await.is_ok());
    }
}
