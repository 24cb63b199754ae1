//! The destroyed keys of one vault as the log has them, so that a restored backup revives none.

use std::time::Duration;

use proto::disclosure_audit::{
    KeyDestruction, ListDestroyedKeysRequest,
    disclosure_audit_service_client::DisclosureAuditServiceClient,
};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{Connection, request};

/// Between two attempts to reach the log: a suite started as a whole needs a moment.
const PAUSE: Duration = Duration::from_millis(250);

/// A key that this service once recorded as destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DestroyedKey {
    /// The key's own id.
    pub key_id: Uuid,
    /// Whose key it was.
    pub owner: KeyOwner,
}

/// Whose key it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOwner {
    /// A person's.
    Subject(Uuid),
    /// An order's.
    Order(Uuid),
}

/// Why the list is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The log did not answer.
    #[error("the log does not answer")]
    Unavailable,
    /// The log's answer cannot be read; a key it means may still be here.
    #[error("the log's list of destroyed keys makes no sense")]
    Nonsense,
}

/// Every destroyed key that this service recorded in the tenant, oldest first. One attempt.
pub async fn destroyed_keys(
    log: &Connection,
    tenant: &str,
) -> Result<Vec<DestroyedKey>, ReplayError> {
    let mut client = DisclosureAuditServiceClient::new(log.clone());
    let mut keys = Vec::new();
    let mut page_token = String::new();
    loop {
        let ask = ListDestroyedKeysRequest {
            page_size: 0,
            page_token: page_token.clone(),
        };
        let page = client
            .list_destroyed_keys(request(tenant, ask))
            .await
            .map_err(|_| ReplayError::Unavailable)?
            .into_inner();
        for key in page.keys {
            keys.push(
                key.destruction
                    .and_then(parse)
                    .ok_or(ReplayError::Nonsense)?,
            );
        }
        if page.next_page_token.is_empty() {
            return Ok(keys);
        }
        if page.next_page_token == page_token {
            return Err(ReplayError::Nonsense);
        }
        page_token = page.next_page_token;
    }
}

/// The same, asked until the log answers: a vault does not serve before it knows. Drop it to stop.
pub async fn destroyed_keys_once_known(log: &Connection, tenant: &str) -> Vec<DestroyedKey> {
    let mut said = false;
    loop {
        match destroyed_keys(log, tenant).await {
            Ok(keys) => return keys,
            Err(error) if !said => tracing::warn!(%error, "waiting for the destroyed keys"),
            Err(_) => {}
        }
        said = true;
        sleep(PAUSE).await;
    }
}

fn parse(destruction: KeyDestruction) -> Option<DestroyedKey> {
    let key_id = Uuid::parse_str(&destruction.key_id).ok()?;
    let owner = Uuid::parse_str(&destruction.owner_id).ok()?;
    let owner = match destruction.owner_kind.as_str() {
        "subject" => KeyOwner::Subject(owner),
        "order" => KeyOwner::Order(owner),
        _ => return None,
    };
    Some(DestroyedKey { key_id, owner })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destruction_is_read_whole_or_not_at_all() {
        let [key_id, owner] = [1, 2].map(Uuid::from_u128);
        let (key, whose) = (key_id.to_string(), owner.to_string());
        for (key, kind, whose, parsed) in [
            (
                key.as_str(),
                "subject",
                whose.as_str(),
                Some(KeyOwner::Subject(owner)),
            ),
            (&key, "order", &whose, Some(KeyOwner::Order(owner))),
            (&key, "tenant", &whose, None),
            (&key, "order", "", None),
            ("", "order", &whose, None),
        ] {
            let destruction = KeyDestruction {
                key_id: key.to_owned(),
                owner_kind: kind.to_owned(),
                owner_id: whose.to_owned(),
            };
            let parsed = parsed.map(|owner| DestroyedKey { key_id, owner });
            assert_eq!(parse(destruction), parsed, "{kind}");
        }
    }
}
