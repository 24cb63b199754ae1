//! Which requests were recorded before, and as what.

use std::collections::{BTreeSet, HashMap};

use chassis::RequestKey;
use chassis::requests::{RequestId, remember_new, used};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::failed;
use crate::batch::Recorded;
use crate::error::Error;

/// Those of the ids that were used, with the request they were used for and what it got.
pub(super) async fn known(
    connection: &impl ConnectionTrait,
    ids: BTreeSet<RequestId>,
) -> Result<HashMap<RequestId, (RequestKey, Option<Recorded>)>, Error> {
    let used = used(connection, &ids).await.map_err(failed)?;
    let known = used
        .into_iter()
        .map(|(key, answer)| (key.id(), (key, decode(&answer))));
    Ok(known.collect())
}

/// Whether all of them are new; if not, nothing may be committed.
pub(super) async fn remember(
    transaction: &impl ConnectionTrait,
    requests: &[(RequestKey, Recorded)],
    now: i64,
) -> Result<bool, Error> {
    let answered = requests
        .iter()
        .map(|(key, recorded)| (key, encode(*recorded)));
    remember_new(transaction, answered, now)
        .await
        .map_err(failed)
}

/// 16 bytes of id, 8 of index, 8 of time.
fn encode(recorded: Recorded) -> Vec<u8> {
    let mut bytes = recorded.entry_id.as_bytes().to_vec();
    bytes.extend(recorded.index.to_be_bytes());
    bytes.extend(recorded.recorded_at.to_be_bytes());
    bytes
}

/// `None` for the answer of another method.
fn decode(bytes: &[u8]) -> Option<Recorded> {
    let (id, rest) = bytes.split_first_chunk::<16>()?;
    let (index, recorded_at) = rest.split_first_chunk::<8>()?;
    Some(Recorded {
        entry_id: Uuid::from_bytes(*id),
        index: u64::from_be_bytes(*index),
        recorded_at: i64::from_be_bytes(recorded_at.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_comes_back_as_it_was() {
        let recorded = Recorded {
            entry_id: Uuid::from_u128(1),
            index: u64::MAX,
            recorded_at: 1_700_000_000_123,
        };
        let bytes = encode(recorded);
        assert_eq!(decode(&bytes), Some(recorded));
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length]), None, "{length} bytes");
        }
    }
}
