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
    if api.store.subject_head(tenant, subject).await?.shredded {
        return Err(Error::SubjectShredded);
    }
    let key = match api.key_store.key(tenant, &Owner::Subject(subject)).await {
        Ok(key) => key,
        // Nobody has recorded anything of this subject.
        Err(KeyError::Missing) => return Ok(AccountDisclosuresResponse::default()),
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
