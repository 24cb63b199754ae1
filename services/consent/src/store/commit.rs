//! The one write transaction: the wishes of many callers of one tenant, committed together.

use std::collections::{HashMap, HashSet};

use chassis::{
    RequestKey,
    requests::{self, RequestId},
};
use sea_orm::{DatabaseTransaction, DbErr};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Store, acceptances, changes, consents, failed, outbox, parsed, policies, revisions, subjects,
};
use crate::{
    book::{Book, Entries, PolicyHead},
    error::Error,
    snapshot::DEFAULT_TENANT,
    subject::PolicyName,
    wish::{Wish, Written},
};

/// One caller's wish, as it is to be written.
pub(crate) struct Write {
    /// By which the same wish is known when it comes again.
    pub(crate) request: RequestKey,
    /// A fresh random id for the record of it.
    pub(crate) record: Uuid,
    /// What is wished.
    pub(crate) wish: Wish,
}

impl Store {
    /// Fulfils the wishes of one tenant in their order, in one transaction, at a time in Unix
    /// milliseconds. A refused wish does not hinder the others; a failed transaction fails all.
    ///
    /// The tenant's revision row is held from before anything is read until the commit: whoever
    /// reads revision n reads everything up to n, and nobody can commit n + 1 before n.
    pub(crate) async fn commit(
        &self,
        tenant: &str,
        writes: Vec<Write>,
        now: i64,
    ) -> Result<Vec<Result<Written, Error>>, Error> {
        let tx = self.database.begin().await.map_err(failed)?;
        let revision = revisions::lock(&tx, tenant).await.map_err(failed)?;
        let mut book = open(&tx, tenant, revision, &writes, now).await?;
        let mut requests = Requests::of(&tx, &writes).await?;
        let answers = writes
            .into_iter()
            .map(|it| requests.answer(&mut book, it))
            .collect();
        requests.remember(&tx, now).await.map_err(failed)?;
        let newest = book.revision();
        if newest > revision {
            let written = write_down(&tx, tenant, book.entries, newest).await;
            written.map_err(failed)?;
        }
        tx.commit().await.map_err(failed)?;
        Ok(answers)
    }
}

/// Reads as much of the tenant as the wishes are about.
async fn open(
    tx: &DatabaseTransaction,
    tenant: &str,
    revision: u64,
    writes: &[Write],
    now: i64,
) -> Result<Book, Error> {
    let mut book = Book::open(tenant, revision, now);
    if writes
        .iter()
        .any(|it| matches!(it.wish, Wish::Publish { .. }))
    {
        book = match newest_policy(tx, tenant).await? {
            Some(current) => book.with_current(current),
            None => book.with_inherited(inherited(tx, tenant).await?),
        };
    }
    let concerned: HashSet<Uuid> = writes.iter().filter_map(|it| it.wish.subject()).collect();
    if concerned.is_empty() {
        return Ok(book);
    }
    let known = subjects::known(tx, tenant, concerned.into_iter().collect()).await;
    let forgotten: Vec<Uuid> = writes
        .iter()
        .filter(|it| matches!(it.wish, Wish::Forget { .. }))
        .filter_map(|it| it.wish.subject())
        .collect();
    let waiting = match forgotten.as_slice() {
        [] => Vec::new(),
        _ => outbox::oldest_of(tx, tenant, forgotten)
            .await
            .map_err(failed)?,
    };
    Ok(book.with_subjects(parsed(known.map_err(failed)?)?, waiting))
}

async fn newest_policy(
    tx: &DatabaseTransaction,
    tenant: &str,
) -> Result<Option<PolicyHead>, Error> {
    let newest = policies::newest(tx, tenant).await.map_err(failed)?;
    let newest = newest.map(<(PolicyHead, String)>::try_from).transpose()?;
    Ok(newest.map(|(head, _)| head))
}

/// The highest number that a tenant inherits when it publishes its first policy. The row of the
/// default tenant is held with the tenant's own, so that nothing more is published there before
/// this is committed. Nobody takes the two in the other order.
async fn inherited(tx: &DatabaseTransaction, tenant: &str) -> Result<u64, Error> {
    if tenant == DEFAULT_TENANT {
        return Ok(0);
    }
    let held = revisions::lock(tx, DEFAULT_TENANT).await;
    held.map_err(failed)?;
    let newest = newest_policy(tx, DEFAULT_TENANT).await?;
    Ok(newest.map_or(0, |it| it.number))
}

/// The requests that were carried out, before or in this transaction, with what came of them.
struct Requests {
    carried_out: HashMap<RequestId, (RequestKey, Written)>,
    /// Those of this transaction.
    new: Vec<RequestId>,
}

impl Requests {
    /// Reads which of the requests were carried out before.
    async fn of(tx: &DatabaseTransaction, writes: &[Write]) -> Result<Self, Error> {
        let ids = writes.iter().map(|it| it.request.id()).collect();
        let mut carried_out = HashMap::new();
        for (request, answer) in requests::used(tx, &ids).await.map_err(failed)? {
            carried_out.insert(request.id(), (request, decode(&answer)?));
        }
        Ok(Self {
            carried_out,
            new: Vec::new(),
        })
    }

    /// The answer to one wish: the first one, when it came before.
    fn answer(&mut self, book: &mut Book, write: Write) -> Result<Written, Error> {
        let id = write.request.id();
        match self.carried_out.get(&id) {
            Some((request, written)) if *request == write.request => Ok(written.clone()),
            Some(_) => Err(Error::IdempotencyConflict),
            None => {
                let written = book.fulfil(write.wish, write.record)?;
                self.new.push(id.clone());
                self.carried_out
                    .insert(id, (write.request, written.clone()));
                Ok(written)
            }
        }
    }

    /// Writes down those of this transaction.
    async fn remember(&self, tx: &DatabaseTransaction, now: i64) -> Result<(), DbErr> {
        if self.new.is_empty() {
            return Ok(());
        }
        let new = self.new.iter().filter_map(|it| self.carried_out.get(it));
        let answered = new.map(|(request, written)| (request, encode(written)));
        requests::remember_all(tx, answered, now).await
    }
}

/// Writes all that the book says, each table in one statement, and then the revision.
async fn write_down(
    tx: &DatabaseTransaction,
    tenant: &str,
    entries: Entries,
    newest: u64,
) -> Result<(), DbErr> {
    changes::insert(tx, tenant, &entries.changes).await?;
    let erased = entries.erased();
    if !entries.policies.is_empty() {
        policies::insert(tx, tenant, entries.policies).await?;
    }
    if !entries.subjects.is_empty() {
        subjects::upsert(tx, tenant, entries.subjects.into_values()).await?;
    }
    if !entries.consents.is_empty() {
        consents::upsert(tx, tenant, entries.consents.into_values()).await?;
    }
    if !entries.acceptances.is_empty() {
        acceptances::insert(tx, tenant, entries.acceptances).await?;
    }
    if !entries.evidence.is_empty() {
        outbox::insert(tx, tenant, entries.evidence).await?;
    }
    // Last, so that nothing stays of what was written in the same batch. Evidence that is left is
    // younger than the erasure's call: the person's audit key is destroyed next, and nobody could
    // ever read it.
    if !erased.is_empty() {
        consents::delete_of(tx, tenant, erased.clone()).await?;
        acceptances::delete_of(tx, tenant, erased.clone()).await?;
        outbox::delete_of(tx, tenant, erased).await?;
    }
    revisions::advance(tx, tenant, newest).await
}

/// [`Written`] as the table of requests keeps it.
#[derive(Serialize, Deserialize)]
struct Answer {
    revision: u64,
    at: i64,
    record: Uuid,
    policy: Option<(String, u64)>,
}

fn encode(written: &Written) -> Vec<u8> {
    let policy = written.policy.as_ref();
    let answer = Answer {
        revision: written.revision,
        at: written.at,
        record: written.record,
        policy: policy.map(|it| (it.tenant.clone(), it.number)),
    };
    serde_json::to_vec(&answer).expect("numbers and strings have a JSON form")
}

fn decode(answer: &[u8]) -> Result<Written, Error> {
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| Error::Internal)?;
    Ok(Written {
        revision: answer.revision,
        at: answer.at,
        record: answer.record,
        policy: answer
            .policy
            .map(|(tenant, number)| PolicyName { tenant, number }),
    })
}

#[cfg(test)]
mod tests {
    use sea_orm::ConnectionTrait;

    use super::*;
    use crate::{
        consent::Choice,
        store::fixture::{GIVE, Portal, choose, enrol, first_version, forget, publish, store},
        subject::Standing,
    };

    const ANN: Uuid = Uuid::from_u128(1);
    const NOW: i64 = 1_800_000_000_000;

    async fn commit(store: &Store, writes: Vec<Write>) -> Vec<Result<u64, Error>> {
        let answers = store.commit("default", writes, NOW).await.unwrap();
        let answers = answers.into_iter();
        answers.map(|it| it.map(|it| it.revision)).collect()
    }

    #[tokio::test]
    async fn a_request_that_comes_again_is_carried_out_once() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path()).await;
        let portal = Portal::new("default");
        let (yes, no) = (choose(ANN, GIVE), choose(ANN, Choice::Refuse));
        let first = vec![
            portal.request("enrol", "ann", enrol(ANN, "US")),
            portal.request("choice", "yes", yes.clone()),
            portal.request("choice", "yes", yes.clone()),
        ];
        assert_eq!(commit(&store, first).await, [Ok(1), Ok(2), Ok(2)]);
        let again = vec![
            portal.request("choice", "yes", yes),
            portal.request("choice", "no", no.clone()),
            portal.request("another", "no", no),
        ];
        assert_eq!(
            commit(&store, again).await,
            [Ok(2), Err(Error::IdempotencyConflict), Ok(3)]
        );
    }

    #[tokio::test]
    async fn a_repeated_request_is_answered_with_the_same_record() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path()).await;
        let portal = Portal::new("default");
        commit(&store, vec![portal.once(enrol(ANN, "US"))]).await;
        let ask = || vec![portal.request("choice", "yes", choose(ANN, GIVE))];
        let first = store.commit("default", ask(), NOW).await.unwrap();
        let again = store.commit("default", ask(), NOW + 1).await.unwrap();
        assert!(first[0].is_ok());
        assert_eq!(first, again);
    }

    #[tokio::test]
    async fn a_refused_wish_leaves_no_trace_and_can_come_again() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path()).await;
        let portal = Portal::new("default");
        let ask = || portal.request("choice", "yes", choose(ANN, GIVE));
        assert_eq!(
            commit(&store, vec![ask()]).await,
            [Err(Error::SubjectUnknown)]
        );
        assert_eq!(store.changes("default", 0, 9, 9).await, Ok(Vec::new()));
        let enrolled = vec![portal.once(enrol(ANN, "US")), ask()];
        assert_eq!(commit(&store, enrolled).await, [Ok(1), Ok(2)]);
    }

    #[tokio::test]
    async fn of_a_forgotten_person_only_the_id_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path()).await;
        let portal = Portal::new("default");
        let stopped = vec![
            portal.once(enrol(ANN, "US")),
            portal.once(choose(ANN, GIVE)),
            portal.once(Wish::Quarantine { subject: ANN }),
        ];
        commit(&store, stopped).await;
        let forget = || vec![portal.once(forget(ANN, 2))];
        assert_eq!(
            commit(&store, forget()).await,
            [Err(Error::EvidencePending)]
        );
        store.delivered("default", &[2]).await.unwrap();
        assert_eq!(commit(&store, forget()).await, [Ok(4)]);

        let left = store.delta("default", 0).await.unwrap();
        assert_eq!(left.consents, []);
        assert_eq!(left.subjects.len(), 1);
        assert_eq!(left.subjects[0].standing, Standing::Erased);
        assert_eq!(
            commit(&store, vec![portal.once(enrol(ANN, "US"))]).await,
            [Err(Error::SubjectErased)]
        );
    }

    #[tokio::test]
    async fn withdrawing_again_and_again_holds_up_no_erasure() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path()).await;
        let portal = Portal::new("default");
        let bob = Uuid::from_u128(2);
        let withdraw = |subject| portal.once(choose(subject, Choice::Withdraw));
        let stopped = vec![
            portal.once(enrol(ANN, "US")),
            portal.once(enrol(bob, "US")),
            withdraw(ANN),
            portal.once(Wish::Quarantine { subject: ANN }),
        ];
        commit(&store, stopped).await;
        let asked = store.newest_evidence_of("default", ANN).await.unwrap();
        assert_eq!(asked, Some(3));
        let forget = || portal.once(forget(ANN, 3));
        assert_eq!(
            commit(&store, vec![withdraw(ANN), withdraw(bob), forget()]).await,
            [Ok(5), Ok(6), Err(Error::EvidencePending)]
        );
        store.delivered("default", &[3]).await.unwrap();
        assert_eq!(
            commit(&store, vec![withdraw(ANN), forget(), withdraw(ANN)]).await,
            [Ok(7), Ok(8), Err(Error::SubjectErased)]
        );
        let waiting = store.evidence("default", 0, 9).await.unwrap();
        let waiting: Vec<u64> = waiting.iter().map(|it| it.revision).collect();
        assert_eq!(waiting, [6], "the evidence of another person");
        assert_eq!(store.newest_evidence_of("default", ANN).await, Ok(None));
        let left = store.delta("default", 0).await.unwrap().consents;
        assert!(left.iter().all(|it| it.scope.subject == bob));
    }

    #[tokio::test]
    async fn a_published_version_is_kept_byte_for_byte() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path()).await;
        let portal = Portal::new("default");
        let texts = ["name = \"one\"\r\n", "name = \"two\""];
        for text in texts {
            commit(&store, vec![portal.once(publish(text))]).await;
        }
        for (number, text) in [(1, Some(texts[0])), (2, Some(texts[1])), (3, None)] {
            let name = PolicyName {
                tenant: "default".to_owned(),
                number,
            };
            let kept = store.policy_text(&name).await.unwrap();
            assert_eq!(kept.as_deref(), text);
        }
    }

    #[tokio::test]
    async fn the_first_version_of_a_tenant_has_a_number_that_default_did_not_use() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path()).await;
        for (tenant, text, number) in [
            ("early", "a", 1),
            ("default", "a", 1),
            ("default", "b", 2),
            ("acme", "b", 3),
            ("default", "c", 3),
            ("acme", "d", 4),
            ("early", "e", 2),
        ] {
            let published = Portal::new(tenant).once(publish(text));
            let answers = store.commit(tenant, vec![published], NOW).await.unwrap();
            let policy = answers[0].clone().unwrap().policy.unwrap();
            assert_eq!((policy.tenant.as_str(), policy.number), (tenant, number));
        }
    }

    #[tokio::test]
    async fn a_version_altered_in_the_database_is_neither_shown_nor_obeyed() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path()).await;
        let portal = Portal::new("default");
        commit(&store, vec![portal.once(publish("name = \"one\""))]).await;
        // Whoever owns the schema can take the trigger away first.
        for sql in [
            "DROP TRIGGER policies_are_not_updated",
            "UPDATE policies SET text = 'name = \"two\"'",
        ] {
            let altered = store.database.write().execute_unprepared(sql).await;
            altered.unwrap();
        }
        let shown = store.policy_text(&first_version()).await;
        assert_eq!(shown, Err(Error::Internal));
        assert!(store.delta("default", 0).await.is_err());
    }
}
