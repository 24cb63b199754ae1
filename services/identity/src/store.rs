//! The memory of persons: one method is one question and one transaction.

mod erasures;
mod index_entries;
mod subjects;
mod values;

use chassis::{
    Database, Migration, RequestKey, Tenant, is_lost_race, is_unavailable, remember, replay,
    requests,
};
use sea_orm::{DbErr, SqlErr};
use uuid::Uuid;

use crate::{
    erasure::{Erasure, Outcome, Step},
    error::Error,
    subject::State,
};

/// The schema of this service, in the order it came about.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "subjects",
        sql: include_str!("store/migrations/0001_subjects.sql"),
    },
    requests::MIGRATION,
];

/// A person's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Registered {
    pub(crate) subject: Uuid,
    pub(crate) state: State,
    /// The consent revision of the enrolment; 0 while it is pending.
    pub(crate) revision: u64,
}

/// A sealed value and its provenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredValue {
    pub(crate) category: String,
    pub(crate) version: u32,
    pub(crate) sealed: Vec<u8>,
    pub(crate) point: String,
    pub(crate) act: String,
    pub(crate) collected_by: String,
    pub(crate) collected_at_ms: i64,
    pub(crate) policy_version: String,
}

/// What one collection writes.
pub(crate) struct Collected {
    pub(crate) values: Vec<StoredValue>,
    /// The index entries of those values that can be looked up, by category.
    pub(crate) entries: Vec<(String, [u8; 32])>,
    /// What the caller is answered, now and when it asks again.
    pub(crate) answer: Vec<u8>,
}

/// The persons in their database.
#[derive(Clone)]
pub(crate) struct Store {
    database: Database,
}

impl Store {
    pub(crate) fn new(database: Database) -> Store {
        Store { database }
    }

    /// Enters a new person as pending, unless the same request did before: then that person.
    pub(crate) async fn register(
        &self,
        tenant: &Tenant,
        subject: Uuid,
        request: &RequestKey,
        now_ms: i64,
    ) -> Result<Registered, Error> {
        let transaction = self.database.begin().await.map_err(failed)?;
        if let Some(answer) = replay(&transaction, request).await? {
            let subject = Uuid::from_slice(&answer).map_err(|_| Error::Internal)?;
            let before = subjects::find(&transaction, tenant.as_str(), subject).await?;
            return before.ok_or(Error::Internal);
        }
        subjects::insert(&transaction, tenant.as_str(), subject, now_ms).await?;
        remember(&transaction, request, subject.as_bytes(), now_ms)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(Registered {
            subject,
            state: State::Pending,
            revision: 0,
        })
    }

    /// Makes a pending person active. Any other state stays.
    pub(crate) async fn activate(
        &self,
        tenant: &Tenant,
        subject: Uuid,
        revision: u64,
    ) -> Result<(), Error> {
        let transaction = self.database.begin().await.map_err(failed)?;
        subjects::activate(&transaction, tenant.as_str(), subject, revision).await?;
        transaction.commit().await.map_err(failed)
    }

    /// A person's row.
    pub(crate) async fn subject(
        &self,
        tenant: &Tenant,
        subject: Uuid,
    ) -> Result<Option<Registered>, Error> {
        subjects::find(self.database.read(), tenant.as_str(), subject).await
    }

    /// A person's values, ordered by category.
    pub(crate) async fn values(
        &self,
        tenant: &Tenant,
        subject: Uuid,
    ) -> Result<Vec<StoredValue>, Error> {
        values::of(self.database.read(), tenant.as_str(), subject).await
    }

    /// Stores what `collect` makes of the values stored so far, or answers as the same request was
    /// answered before. The person's row is locked throughout, so that versions do not repeat and
    /// an erasure comes wholly before or wholly after.
    pub(crate) async fn collect(
        &self,
        tenant: &Tenant,
        subject: Uuid,
        request: &RequestKey,
        now_ms: i64,
        collect: impl FnOnce(&[StoredValue]) -> Collected + Send,
    ) -> Result<Vec<u8>, Error> {
        let transaction = self.database.begin().await.map_err(failed)?;
        let name = tenant.as_str();
        let state = subjects::lock(&transaction, name, subject).await?;
        if let Some(answer) = replay(&transaction, request).await? {
            return Ok(answer);
        }
        state.unwrap_or(State::Pending).admits_values()?;
        let collected = collect(&values::of(&transaction, name, subject).await?);
        values::put(&transaction, name, subject, collected.values).await?;
        index_entries::put(&transaction, name, subject, collected.entries).await?;
        remember(&transaction, request, &collected.answer, now_ms)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(collected.answer)
    }

    /// The persons with this index entry, at most 100.
    pub(crate) async fn subjects_with(
        &self,
        tenant: &Tenant,
        category: &str,
        entry: [u8; 32],
    ) -> Result<Vec<Uuid>, Error> {
        index_entries::find(self.database.read(), tenant.as_str(), category, entry).await
    }

    /// Begins an erasure: from here on nothing of the person opens, the sealed values and the index
    /// are gone, and the saga has its row. Asked again it changes nothing.
    pub(crate) async fn begin_erasure(
        &self,
        tenant: &Tenant,
        subject: Uuid,
        request: Option<&RequestKey>,
        now_ms: i64,
    ) -> Result<(), Error> {
        let transaction = self.database.begin().await.map_err(failed)?;
        let name = tenant.as_str();
        let state = subjects::lock(&transaction, name, subject).await?;
        if let Some(request) = request
            && replay(&transaction, request).await?.is_none()
        {
            remember(&transaction, request, &[], now_ms)
                .await
                .map_err(failed)?;
        }
        match state {
            None | Some(State::Pending) => return Err(Error::SubjectUnknown),
            Some(State::Active) => {
                subjects::set_state(&transaction, name, subject, State::Erasing).await?;
                values::delete(&transaction, name, subject).await?;
                index_entries::delete(&transaction, name, subject).await?;
                erasures::insert(&transaction, name, subject, &Erasure::requested(now_ms)).await?;
            }
            Some(State::Erasing | State::Erased) => {}
        }
        transaction.commit().await.map_err(failed)
    }

    /// How far a person's erasure is.
    pub(crate) async fn erasure(
        &self,
        tenant: &Tenant,
        subject: Uuid,
    ) -> Result<Option<Erasure>, Error> {
        erasures::find(self.database.read(), tenant.as_str(), subject).await
    }

    /// Takes the outcome of a step in, unless somebody else's was faster.
    pub(crate) async fn advance_erasure(
        &self,
        tenant: &Tenant,
        subject: Uuid,
        outcome: Outcome,
    ) -> Result<(), Error> {
        let transaction = self.database.begin().await.map_err(failed)?;
        let name = tenant.as_str();
        let erasure = erasures::lock(&transaction, name, subject).await?;
        let mut erasure = erasure.ok_or(Error::Internal)?;
        if !erasure.advance(outcome) {
            return Ok(());
        }
        erasures::update(&transaction, name, subject, &erasure).await?;
        if erasure.next == Step::Finished {
            subjects::set_state(&transaction, name, subject, State::Erased).await?;
        }
        transaction.commit().await.map_err(failed)
    }

    /// Forgets the requests carried out before a time in Unix milliseconds.
    pub(crate) async fn forget_requests(&self, before_ms: i64) -> Result<(), Error> {
        requests::sweep(self.database.write(), before_ms)
            .await
            .map_err(failed)
    }

    /// Erasures that are not finished, the oldest first, of every tenant: the one question that
    /// names none, because the saga serves them all.
    pub(crate) async fn unfinished_erasures(
        &self,
        limit: u64,
    ) -> Result<Vec<(Tenant, Uuid)>, Error> {
        let rows = erasures::unfinished(self.database.read(), limit).await?;
        let parse = |(name, subject): (String, Uuid)| match Tenant::parse(&name) {
            Ok(tenant) => Ok((tenant, subject)),
            Err(_) => Err(Error::Internal),
        };
        rows.into_iter().map(parse).collect()
    }
}

/// The only place that reads a database's words. They may hold values, so none of them go further.
fn failed(error: DbErr) -> Error {
    if is_unavailable(&error) {
        return Error::StoreUnavailable;
    }
    // Nothing here is inserted twice but by two replicas that carry the same request out.
    if is_lost_race(&error) || matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
    {
        return Error::LostRace;
    }
    tracing::error!("the database refused a statement");
    Error::Internal
}

#[cfg(test)]
mod tests {
    use chassis::{Caller, Callers, DatabaseUrl};
    use tempfile::TempDir;
    use tokio::join;
    use vault::{BlindIndex, Key};

    use super::*;
    use crate::erasure::KeyGone;

    const CALLERS: &str = r#"
        [[caller]]
        id = "spiffe://vow.local/workload/shop"
        kind = "workload"
        tenants = ["*"]
        purposes = ["*"]
        methods = ["vow.identity.v1.IdentityService/*"]
    "#;
    const EMAIL: &str = "user.contact.email";

    /// A store of its own on disk, and somebody who calls it.
    struct Fixture {
        store: Store,
        index: BlindIndex,
        caller: Caller,
        _folder: TempDir,
    }

    impl Fixture {
        async fn new() -> Fixture {
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("identity.db");
            let url = DatabaseUrl::from(format!("sqlite://{}", file.display()));
            let database = Database::open(&url, MIGRATIONS, "migrations").await;
            let callers = Callers::parse(CALLERS).expect("a table");
            let shop = "spiffe://vow.local/workload/shop";
            let method = "vow.identity.v1.IdentityService/Collect";
            Fixture {
                store: Store::new(database.expect("a new database")),
                index: BlindIndex::new(Key::generate()),
                caller: callers
                    .admit(shop, Tenant::default(), method)
                    .expect("listed"),
                _folder: folder,
            }
        }

        fn request(&self, id: &str, content: &str) -> RequestKey {
            let content = content.as_bytes();
            RequestKey::new(&self.caller, "Method", id, &self.index, content).expect("a good id")
        }

        async fn register(&self, id: &str, content: &str) -> Result<Registered, Error> {
            let request = self.request(id, content);
            self.store
                .register(&Tenant::default(), Uuid::new_v4(), &request, 1)
                .await
        }

        async fn active_person(&self) -> Uuid {
            let person = self
                .register("registration", "")
                .await
                .expect("registered")
                .subject;
            let activated = self.store.activate(&Tenant::default(), person, 7).await;
            activated.expect("activated");
            person
        }

        async fn collect(&self, person: Uuid, id: &str) -> Result<Vec<u8>, Error> {
            let request = self.request(id, "");
            let version_after = |before: &[StoredValue]| collected(before);
            let store = &self.store;
            store
                .collect(&Tenant::default(), person, &request, 2, version_after)
                .await
        }

        async fn state(&self, person: Uuid) -> State {
            let row = self.store.subject(&Tenant::default(), person).await;
            row.expect("readable").expect("there").state
        }

        async fn found(&self) -> Vec<Uuid> {
            let found = self
                .store
                .subjects_with(&Tenant::default(), EMAIL, [7; 32])
                .await;
            found.expect("readable")
        }
    }

    /// One more version of the e-mail address; the answer is the version.
    fn collected(before: &[StoredValue]) -> Collected {
        let version = before.first().map_or(1, |it| it.version + 1);
        let value = StoredValue {
            category: EMAIL.to_owned(),
            version,
            sealed: vec![1],
            point: "site_registration".to_owned(),
            act: "typed".to_owned(),
            collected_by: "spiffe://vow.local/workload/shop".to_owned(),
            collected_at_ms: 2,
            policy_version: "v1".to_owned(),
        };
        Collected {
            values: vec![value],
            entries: vec![(EMAIL.to_owned(), [7; 32])],
            answer: version.to_be_bytes().to_vec(),
        }
    }

    #[tokio::test]
    async fn the_same_registration_is_the_same_person() {
        let fixture = Fixture::new().await;
        let first = fixture.register("one", "DE").await.expect("registered");
        let again = fixture
            .register("one", "DE")
            .await
            .expect("registered before");
        let other = fixture.register("two", "DE").await.expect("registered");
        assert_eq!(again, first);
        assert_ne!(other.subject, first.subject);
        let conflict = fixture.register("one", "FR").await;
        assert!(matches!(conflict, Err(Error::IdempotencyConflict)));
    }

    #[tokio::test]
    async fn a_person_is_pending_until_consent_knows_it_and_then_stays_active() {
        let fixture = Fixture::new().await;
        let person = fixture
            .register("one", "")
            .await
            .expect("registered")
            .subject;
        assert_eq!(fixture.state(person).await, State::Pending);
        assert!(matches!(
            fixture.collect(person, "early").await,
            Err(Error::SubjectOfGrantUnknown)
        ));
        for revision in [7, 8] {
            let activated = fixture
                .store
                .activate(&Tenant::default(), person, revision)
                .await;
            activated.expect("activated");
        }
        let again = fixture
            .register("one", "")
            .await
            .expect("registered before");
        assert_eq!((again.state, again.revision), (State::Active, 7));
    }

    #[tokio::test]
    async fn each_collection_is_one_version_and_a_repeated_one_is_none() {
        let fixture = Fixture::new().await;
        let person = fixture.active_person().await;
        let versions = |answer: Result<Vec<u8>, Error>| answer.expect("collected")[3];
        let (one, two, again) = join!(
            fixture.collect(person, "one"),
            fixture.collect(person, "two"),
            fixture.collect(person, "one"),
        );
        let (one, two, again) = (versions(one), versions(two), versions(again));
        assert_eq!(one, again);
        assert_eq!(one + two, 3);
        let stored = fixture
            .store
            .values(&Tenant::default(), person)
            .await
            .expect("readable");
        assert_eq!(stored.iter().map(|it| it.version).collect::<Vec<_>>(), [2]);
        assert_eq!(fixture.found().await, [person]);
    }

    #[tokio::test]
    async fn another_tenant_sees_nothing() {
        let fixture = Fixture::new().await;
        let person = fixture.active_person().await;
        fixture.collect(person, "one").await.expect("collected");
        let other = Tenant::parse("other").expect("a name");
        let store = &fixture.store;
        assert_eq!(store.subject(&other, person).await.expect("readable"), None);
        assert!(
            store
                .values(&other, person)
                .await
                .expect("readable")
                .is_empty()
        );
        assert!(
            store
                .subjects_with(&other, EMAIL, [7; 32])
                .await
                .expect("readable")
                .is_empty()
        );
        let erased = store.begin_erasure(&other, person, None, 3).await;
        assert!(matches!(erased, Err(Error::SubjectUnknown)));
    }

    #[tokio::test]
    async fn nothing_is_left_or_taken_in_once_an_erasure_has_begun() {
        let fixture = Fixture::new().await;
        let (store, tenant) = (&fixture.store, Tenant::default());
        let person = fixture.active_person().await;
        fixture.collect(person, "one").await.expect("collected");
        for at_ms in [3, 4] {
            let begun = store.begin_erasure(&tenant, person, None, at_ms).await;
            begun.expect("begun, or begun before");
        }
        assert_eq!(fixture.state(person).await, State::Erasing);
        assert!(
            store
                .values(&tenant, person)
                .await
                .expect("readable")
                .is_empty()
        );
        assert!(fixture.found().await.is_empty());
        assert!(matches!(
            fixture.collect(person, "two").await,
            Err(Error::SubjectErased)
        ));
        let erasure = store.erasure(&tenant, person).await.expect("readable");
        assert_eq!(erasure, Some(Erasure::requested(3)));
    }

    #[tokio::test]
    async fn an_erasure_goes_on_from_where_it_was_and_ends_once() {
        let fixture = Fixture::new().await;
        let (store, tenant) = (&fixture.store, Tenant::default());
        let person = fixture.active_person().await;
        store
            .begin_erasure(&tenant, person, None, 3)
            .await
            .expect("begun");
        let key = KeyGone {
            key_id: Uuid::from_u128(1),
            index: 2,
        };
        for outcome in [
            Outcome::Quarantined,
            Outcome::OrdersErased(vec![Uuid::from_u128(3)]),
            Outcome::KeyDestroyed(Some(key)),
            // Somebody else did the same step, and comes late.
            Outcome::KeyDestroyed(None),
            Outcome::Forgotten,
            Outcome::LogShredded {
                audit_key: None,
                at_ms: 5,
            },
            Outcome::Signed("certificate".to_owned()),
            Outcome::Entered(Uuid::from_u128(4)),
        ] {
            let waiting = store.unfinished_erasures(10).await.expect("readable");
            assert_eq!(waiting, [(tenant.clone(), person)]);
            store
                .advance_erasure(&tenant, person, outcome)
                .await
                .expect("taken in");
        }
        assert!(
            store
                .unfinished_erasures(10)
                .await
                .expect("readable")
                .is_empty()
        );
        assert_eq!(fixture.state(person).await, State::Erased);
        let erasure = store
            .erasure(&tenant, person)
            .await
            .expect("readable")
            .expect("there");
        assert_eq!((erasure.next, erasure.own_key), (Step::Finished, Some(key)));
    }
}
