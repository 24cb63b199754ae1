//! Requests that were carried out: the same request again gets the same answer, once carried out.

mod table;

use std::{collections::BTreeSet, fmt::Write};

use sea_orm::{ConnectionTrait, DbErr};
use sha2::{Digest, Sha256};
use vault::BlindIndex;

use crate::{Caller, Migration, Tenant};

/// The longest request id, in bytes.
const ID_LENGTH_MAX: usize = 128;

/// The table of requests. Add it to a service's migrations.
pub const MIGRATION: Migration = Migration {
    version: 1_000_001,
    name: "requests",
    sql: include_str!("requests/requests.sql"),
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
    /// The request id is empty or longer than 128 bytes: reason `REQUEST_ID_INVALID`.
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
    /// The content is kept as an HMAC with a key of the tenant: what people send can be guessed, and
    /// a plain digest would let anybody with the table test a guess. The id is kept as a digest,
    /// because a caller may have made it of something personal.
    pub fn new(
        caller: &Caller,
        method: &str,
        request_id: &str,
        index: &BlindIndex,
        content: &[u8],
    ) -> Result<RequestKey, RequestError> {
        if request_id.is_empty() || request_id.len() > ID_LENGTH_MAX {
            return Err(RequestError::Invalid);
        }
        let digest = hexadecimal(&Sha256::digest(content));
        let tenant = caller.tenant.clone();
        let content = index
            .entry(tenant.as_str(), "request content", &digest)
            .to_vec();
        Ok(RequestKey {
            tenant,
            caller: caller.id.clone(),
            request: Sha256::digest(request_id).to_vec(),
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

/// Writes down, in the transaction that carries the request out, what to answer when it comes again.
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

/// Forgets the requests carried out before a time in Unix milliseconds.
pub async fn sweep(connection: &impl ConnectionTrait, before: i64) -> Result<(), DbErr> {
    table::delete_before(connection, before).await
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}
