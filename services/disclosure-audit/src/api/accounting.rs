//! AccountDisclosures: the subject's entries, opened a chunk at a time until the page is full.

use chassis::{KeyError, Tenant};
use proto::disclosure_audit::{AccountDisclosuresRequest, AccountDisclosuresResponse};
use vault::Owner;

use super::{Api, PAGE_SIZE_MAX, event, page_size, place, subject_id};
use crate::accounting::line;
use crate::error::Error;
use crate::seal::open;

pub(super) async fn account(
    api: &Api,
    tenant: &Tenant,
    request: &AccountDisclosuresRequest,
) -> Result<AccountDisclosuresResponse, Error> {
    let subject = subject_id(&request.subject_id)?;
    let size = page_size(request.page_size, 100)? as usize;
    let mut from = place(&request.page_token)?;
    let head = api.store.subject_head(tenant, subject).await?;
    if head.shredded {
        return Err(Error::SubjectShredded);
    }
    let key = match api.key_store.key(tenant, &Owner::Subject(subject)).await {
        Ok(key) => key,
        // Nobody has recorded anything of this subject.
        Err(KeyError::Missing) if head.sequence == 0 => {
            return Ok(AccountDisclosuresResponse::default());
        }
        Err(error) => return Err(error.into()),
    };
    let mut records = Vec::new();
    loop {
        let entries = api
            .store
            .entries_of(tenant, subject, from, PAGE_SIZE_MAX)
            .await?;
        let is_last = (entries.len() as u64) < PAGE_SIZE_MAX;
        for stored in entries {
            let opening = open(&key.key, &stored.entry, &stored.sealed)?;
            let line = line(
                stored.entry.id,
                stored.index,
                &opening,
                request.include_uses,
            )?;
            if line.is_some() && records.len() == size {
                let next_page_token = stored.index.to_string();
                return Ok(AccountDisclosuresResponse {
                    records,
                    next_page_token,
                });
            }
            records.extend(line.map(event::disclosure_record));
            from = stored.index + 1;
        }
        if is_last {
            return Ok(AccountDisclosuresResponse {
                records,
                next_page_token: String::new(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;
    use uuid::Uuid;

    use super::*;
    use crate::recorder::tests::{Ground, use_of};

    #[tokio::test]
    async fn a_missing_key_is_an_empty_page_only_where_nothing_was_recorded() {
        let (ground, without_keys) = (Ground::new().await, Ground::new().await);
        let replica = ground.replica().await;
        replica.recorder.record_one(use_of(1)).await.unwrap();
        let api = Api {
            store: replica.store,
            key_store: without_keys.key_store,
            recorder: replica.recorder,
            covered: watch::channel(0).1,
        };
        for (subject, answer) in [
            (1, Err(Error::LogCorrupt)),
            (2, Ok(AccountDisclosuresResponse::default())),
        ] {
            let request = AccountDisclosuresRequest {
                subject_id: Uuid::from_u128(subject).to_string(),
                ..AccountDisclosuresRequest::default()
            };
            assert_eq!(account(&api, &Tenant::default(), &request).await, answer);
        }
    }
}
