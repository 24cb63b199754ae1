//! Requests that were carried out: the same request again gets the same answer, once carried out.

mod table;

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbErr};
use sha2::{Digest, Sha256};
use vault::BlindIndex;

use crate::{Caller, Migration, Sql, Tenant};

/// The longest request id, in characters.
const ID_LENGTH_MAX: usize = 128;

/// The table of requests. Add it to a service's migrations.
pub const MIGRATION: Migration = Migration {
    version: 1_000_001,
    name: "requests",
    sql: Sql::Same(include_str!("requests/requests.sql")),
};

/// By what a request is known when it comes again. It holds nothing that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    tenant: Tenant,
    caller: String,
    request: Vec<u8>,
    method: String,
    content: Vec<u8>,
}

/// Who asked, and by which id: unique per tenant and caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    tenant: Tenant,
    caller: String,
    request: Vec<u8>,
}

/// Why a request is not carried out, or not again.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The request id is empty or longer than 128 characters: reason `REQUEST_ID_INVALID`.
    #[error("the request id is missing or too long")]
    Invalid,
    /// The id was used for another method or other content: reason `IDEMPOTENCY_CONFLICT`.
    #[error("the request id was used with other content")]
    Conflict,
    /// The database failed.
    #[error("the requests cannot be read")]
    Db(#[source] DbErr),
}

impl RequestKey {
    /// The key of a request. `content` is the encoded message.
    ///
    /// Id and content are kept as entries of the tenant's blind index, an HMAC under a key that
    /// lies elsewhere: what people send can be guessed, and so can an id that a caller has made of
    /// something personal. A plain digest would let anybody with the table test a guess.
    pub fn new(
        caller: &Caller,
        method: &str,
        request_id: &str,
        index: &BlindIndex,
        content: &[u8],
    ) -> Result<RequestKey, RequestError> {
        if !(1..=ID_LENGTH_MAX).contains(&request_id.chars().count()) {
            return Err(RequestError::Invalid);
        }
        let digest = hex::encode(Sha256::digest(content));
        let tenant = caller.tenant.clone();
        let entry = |category, value| index.entry(tenant.as_str(), category, value).to_vec();
        let request = entry("request id", request_id);
        let content = entry("request content", &digest);
        Ok(RequestKey {
            tenant,
            caller: caller.id.clone(),
            request,
            method: method.to_owned(),
            content,
        })
    }

    /// What another request must not have in common with it.
    pub fn id(&self) -> RequestId {
        RequestId {
            tenant: self.tenant.clone(),
            caller: self.caller.clone(),
            request: self.request.clone(),
        }
    }
}

/// The answer that was given to this request before, if it was carried out.
pub async fn replay(
    connection: &impl ConnectionTrait,
    key: &RequestKey,
) -> Result<Option<Vec<u8>>, RequestError> {
    let found = table::find(connection, key)
        .await
        .map_err(RequestError::Db)?;
    match found {
        None => Ok(None),
        Some(row) if row.method == key.method && row.content == key.content => Ok(Some(row.answer)),
        Some(_) => Err(RequestError::Conflict),
    }
}

/// Writes down, in the transaction that carries the request out, what to answer the next time.
/// `answer` holds no personal values; `now` is in Unix milliseconds.
///
/// When the same request is carried out elsewhere at this moment, one of the two fails with a
/// unique violation: roll back and [`replay`].
pub async fn remember(
    transaction: &impl ConnectionTrait,
    key: &RequestKey,
    answer: &[u8],
    now: i64,
) -> Result<(), DbErr> {
    table::insert(transaction, key, answer, now).await
}

/// Those of the ids that were used before, each with the request it was used for and its answer:
/// [`replay`] for many.
pub async fn used(
    connection: &impl ConnectionTrait,
    ids: &BTreeSet<RequestId>,
) -> Result<Vec<(RequestKey, Vec<u8>)>, DbErr> {
    table::find_all(connection, ids).await
}

/// [`remember`] for many.
pub async fn remember_all<'a>(
    transaction: &impl ConnectionTrait,
    answered: impl IntoIterator<Item = (&'a RequestKey, Vec<u8>)>,
    now: i64,
) -> Result<(), DbErr> {
    table::insert_all(transaction, answered, now).await
}

/// [`remember_all`] where it is not known whether one of them was carried out before: says whether all
/// are new. If not, roll back and look for them with [`used`].
pub async fn remember_new<'a>(
    transaction: &impl ConnectionTrait,
    answered: impl IntoIterator<Item = (&'a RequestKey, Vec<u8>)>,
    now: i64,
) -> Result<bool, DbErr> {
    table::insert_new(transaction, answered, now).await
}

/// Forgets the requests carried out before a time in Unix milliseconds.
pub async fn sweep(connection: &impl ConnectionTrait, before: i64) -> Result<(), DbErr> {
    table::delete_before(connection, before).await
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use vault::Key;

    use super::*;
    use crate::{Callers, Database};

    const ADA: &str = "spiffe://vow.local/person/ada";
    const BEN: &str = "spiffe://vow.local/person/ben";

    fn caller(id: &str, tenant: &str) -> Caller {
        let table = format!(
            "[[caller]]\nid = \"{id}\"\nkind = \"person\"\ntenants = [\"*\"]\nmethods = [\"a/b\"]"
        );
        let callers = Callers::parse(&table).expect("the table is sound");
        let tenant = Tenant::parse(tenant).expect("a name");
        callers.admit(id, tenant, "a/b").expect("it is listed")
    }

    async fn new_database(folder: &TempDir) -> Database {
        let url = format!("sqlite://{}", folder.path().join("it.db").display());
        Database::open(&url.into(), &[MIGRATION], "migrations")
            .await
            .expect("a new file")
    }

    #[tokio::test]
    async fn the_same_request_gets_the_same_answer_and_other_content_is_refused() {
        let folder = TempDir::new().expect("a folder");
        let database = new_database(&folder).await;
        let index = BlindIndex::new(Key::generate());
        let key = |id: &str, tenant: &str, method: &str, request: &str, content: &[u8]| {
            RequestKey::new(&caller(id, tenant), method, request, &index, content)
                .expect("the id is good")
        };
        let first = key(ADA, "default", "Collect", "1", b"content");
        assert_eq!(
            replay(database.read(), &first).await.expect("it works"),
            None
        );
        let transaction = database.begin().await.expect("nobody else writes");
        remember(&transaction, &first, b"answer", 5)
            .await
            .expect("it is new");
        transaction.commit().await.expect("the disk takes it");

        let answer = Some(b"answer".to_vec());
        assert_eq!(
            replay(database.read(), &first).await.expect("it works"),
            answer
        );
        for other in [
            key(BEN, "default", "Collect", "1", b"content"),
            key(ADA, "other", "Collect", "1", b"content"),
            key(ADA, "default", "Collect", "2", b"content"),
        ] {
            assert_eq!(
                replay(database.read(), &other).await.expect("it works"),
                None
            );
        }
        for conflict in [
            key(ADA, "default", "Collect", "1", b"other"),
            key(ADA, "default", "Reveal", "1", b"content"),
        ] {
            let refused = replay(database.read(), &conflict).await;
            assert!(matches!(refused, Err(RequestError::Conflict)));
        }
        remember(database.write(), &first, b"answer", 5)
            .await
            .expect_err("it is there");
    }

    #[tokio::test]
    async fn old_requests_are_forgotten() {
        let folder = TempDir::new().expect("a folder");
        let database = new_database(&folder).await;
        let index = BlindIndex::new(Key::generate());
        let key = RequestKey::new(&caller(ADA, "default"), "Collect", "1", &index, b"");
        let key = key.expect("the id is good");
        remember(database.write(), &key, b"answer", 5)
            .await
            .expect("it is new");
        for (before, kept) in [(5, true), (6, false)] {
            sweep(database.write(), before).await.expect("it works");
            let answer = replay(database.read(), &key).await.expect("it works");
            assert_eq!(answer.is_some(), kept, "{before}");
        }
    }

    #[test]
    fn a_request_id_has_1_to_128_characters_however_many_bytes_they_take() {
        let index = BlindIndex::new(Key::generate());
        for (length, is_id) in [(0, false), (1, true), (128, true), (129, false)] {
            for character in ["x", "ü", "🗝"] {
                let id = character.repeat(length);
                let key = RequestKey::new(&caller(ADA, "a"), "m", &id, &index, b"");
                assert_eq!(key.is_ok(), is_id, "{length} times {character}");
            }
        }
    }

    #[test]
    fn a_key_does_not_hold_what_was_sent() {
        let index = BlindIndex::new(Key::generate());
        let key = RequestKey::new(&caller(ADA, "a"), "m", "canary", &index, b"canary");
        let key = key.expect("the id is good");
        let contains = |bytes: &[u8]| bytes.windows(6).any(|it| it == b"canary");
        assert!(!contains(&key.request) && !contains(&key.content));
        for kept in [&key.request, &key.content] {
            assert_ne!(*kept, Sha256::digest(b"canary").to_vec());
        }
        // Whoever guesses right learns nothing without the key.
        let other_index = BlindIndex::new(Key::generate());
        let guess = RequestKey::new(&caller(ADA, "a"), "m", "canary", &other_index, b"canary");
        let guess = guess.expect("the id is good");
        assert_ne!(guess.request, key.request);
        assert_ne!(guess.content, key.content);
    }
}
