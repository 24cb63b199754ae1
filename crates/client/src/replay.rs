//! The destroyed keys of one vault as the log has them, so that a restored backup revives none.

use std::time::Duration;

use proto::disclosure_audit::{
    KeyDestruction, ListDestroyedKeysRequest, ListDestroyedKeysResponse,
    disclosure_audit_service_client::DisclosureAuditServiceClient,
};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{Connection, parse_id, request};

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

/// Why a page is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum ReplayError {
    /// The log did not answer.
    #[error("the log does not answer")]
    Unavailable,
    /// The log's answer cannot be read; a key it means may still be here.
    #[error("the log's list of destroyed keys makes no sense")]
    Nonsense,
}

/// The destroyed keys that this service recorded in one tenant, oldest first and page by page: over
/// the years they outgrow the memory of a service that starts.
pub struct DestroyedKeys {
    log: Connection,
    tenant: String,
    /// The token of the next page; `None` behind the last one.
    next: Option<String>,
}

impl DestroyedKeys {
    /// Begins at the oldest.
    pub fn new(log: &Connection, tenant: &str) -> DestroyedKeys {
        DestroyedKeys {
            log: log.clone(),
            tenant: tenant.to_owned(),
            next: Some(String::new()),
        }
    }

    /// The next page, asked for until the log answers: a vault does not serve before it knows.
    /// `None` behind the last page. Drop it to stop.
    pub async fn next_page(&mut self) -> Option<Vec<DestroyedKey>> {
        let token = self.next.clone()?;
        let mut said = false;
        loop {
            match self.page(&token).await {
                Ok((keys, next)) => {
                    self.next = next;
                    return Some(keys);
                }
                Err(error) if !said => tracing::warn!(%error, "waiting for the destroyed keys"),
                Err(_) => {}
            }
            said = true;
            sleep(PAUSE).await;
        }
    }

    async fn page(&self, token: &str) -> Result<(Vec<DestroyedKey>, Option<String>), ReplayError> {
        let ask = ListDestroyedKeysRequest {
            page_size: 0,
            page_token: token.to_owned(),
        };
        let answer = DisclosureAuditServiceClient::new(self.log.clone())
            .list_destroyed_keys(request(&self.tenant, ask))
            .await
            .map_err(|_| ReplayError::Unavailable)?;
        read(answer.into_inner(), token).ok_or(ReplayError::Nonsense)
    }
}

/// All pages at once.
pub async fn destroyed_keys_once_known(log: &Connection, tenant: &str) -> Vec<DestroyedKey> {
    let mut pages = DestroyedKeys::new(log, tenant);
    let mut keys = Vec::new();
    while let Some(page) = pages.next_page().await {
        keys.extend(page);
    }
    keys
}

/// The keys of the page behind `token`, and the next token unless it is the last page. A page that
/// is followed by itself would never end.
fn read(
    page: ListDestroyedKeysResponse,
    token: &str,
) -> Option<(Vec<DestroyedKey>, Option<String>)> {
    let keys = page.keys.into_iter().map(|it| parse(it.destruction?));
    let keys = keys.collect::<Option<_>>()?;
    let next = page.next_page_token;
    match next.as_str() {
        "" => Some((keys, None)),
        same if same == token => None,
        _ => Some((keys, Some(next))),
    }
}

fn parse(destruction: KeyDestruction) -> Option<DestroyedKey> {
    let key_id = parse_id(&destruction.key_id)?;
    let owner = parse_id(&destruction.owner_id)?;
    let owner = match destruction.owner_kind.as_str() {
        "subject" => KeyOwner::Subject(owner),
        "order" => KeyOwner::Order(owner),
        _ => return None,
    };
    Some(DestroyedKey { key_id, owner })
}

#[cfg(test)]
mod tests {
    use proto::disclosure_audit::DestroyedKey as Listed;

    use super::*;

    #[test]
    fn a_list_goes_on_until_a_page_is_the_last() {
        for (token, next, read_on) in [
            ("", "", Some(None)),
            ("", "9", Some(Some("9"))),
            ("9", "9", None),
            ("9", "", Some(None)),
        ] {
            let page = ListDestroyedKeysResponse {
                keys: Vec::new(),
                next_page_token: next.to_owned(),
            };
            let read_on = read_on.map(|it| (Vec::new(), it.map(str::to_owned)));
            assert_eq!(read(page, token), read_on, "{next:?} behind {token:?}");
        }
    }

    #[test]
    fn a_page_with_a_key_that_cannot_be_read_is_not_read() {
        let page = ListDestroyedKeysResponse {
            keys: vec![Listed::default()],
            next_page_token: String::new(),
        };
        assert_eq!(read(page, ""), None);
    }

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
