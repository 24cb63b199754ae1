//! AccountDisclosures: the subject's entries, opened a chunk at a time until the page is full.

use chassis::{Caller, KeyError, StoredKey, now_ms};
use prost_types::Timestamp;
use proto::disclosure_audit as pb;
use proto::disclosure_audit::{AccountDisclosuresRequest, AccountDisclosuresResponse};
use uuid::Uuid;
use vault::Owner;

use super::{
    Api, PAGE_SIZE_MAX, admits, context, milliseconds, page_size, place, subject_id, timestamp,
};
use crate::accounting::{Line, Listing, Run, Wanted, push_run};
use crate::batch::SubjectHead;
use crate::error::Error;
use crate::event::Addressee;
use crate::seal::open;

/// What the lines of a page say together, at most, in bytes: clients take four mebibytes at once.
const PAGE_BYTES_MAX: usize = 2 << 20;

/// One subject's entries, to be read by somebody who may.
pub(super) struct Account {
    pub(super) subject: Uuid,
    caller: Caller,
    pub(super) head: SubjectHead,
    pub(super) wanted: Wanted,
}

/// Some of its lines.
#[derive(Default)]
pub(super) struct Page {
    pub(super) lines: Vec<Line>,
    /// What was passed over.
    pub(super) unlisted: Vec<Run>,
    /// Where the next page begins; `None` on the last.
    pub(super) next: Option<u64>,
}

pub(super) async fn account(
    api: &Api,
    caller: &Caller,
    request: &AccountDisclosuresRequest,
) -> Result<AccountDisclosuresResponse, Error> {
    let wanted = wanted(request.include_uses, request.from, request.until)?;
    let size = page_size(request.page_size, 100)? as usize;
    let from = place(&request.page_token)?;
    let account = Account::open(api, caller, &request.subject_id, wanted).await?;
    let page = account.page(api, from, size).await?;
    let commitment = account.head.commitment.map(Vec::from);
    Ok(AccountDisclosuresResponse {
        records: page.lines.into_iter().map(record).collect(),
        next_page_token: page.next.map(|it| it.to_string()).unwrap_or_default(),
        newest_sequence: account.head.sequence,
        newest_commitment: commitment.unwrap_or_default(),
        unlisted: page.unlisted.into_iter().map(range).collect(),
    })
}

/// What is asked for.
pub(super) fn wanted(
    uses: bool,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Result<Wanted, Error> {
    let time = |field, wire: Option<Timestamp>| {
        let read = |it| milliseconds(it).ok_or(Error::ArgumentInvalid { field });
        wire.map(read).transpose()
    };
    let (from, until) = (time("from", from)?, time("until", until)?);
    if from.zip(until).is_some_and(|(from, until)| until < from) {
        return Err(Error::ArgumentInvalid { field: "until" });
    }
    Ok(Wanted { uses, from, until })
}

impl Account {
    /// Whose it is, and how far it goes; who may see it is asked for each page.
    pub(super) async fn open(
        api: &Api,
        caller: &Caller,
        subject: &str,
        wanted: Wanted,
    ) -> Result<Self, Error> {
        let subject = subject_id(subject)?;
        Ok(Self {
            head: api.store.subject_head(&caller.tenant, subject).await?,
            subject,
            caller: caller.clone(),
            wanted,
        })
    }

    /// Refuses whoever may not see it, and what nobody can.
    pub(super) async fn admit(&self, api: &Api) -> Result<(), Error> {
        self.key(api).await.map(drop)
    }

    /// The key, if the caller may still have what it opens; `None` when nobody has recorded anything
    /// of the subject.
    async fn key(&self, api: &Api) -> Result<Option<StoredKey>, Error> {
        let tenant = &self.caller.tenant;
        let head = api.store.subject_head(tenant, self.subject).await?;
        admits(&self.caller, head.standing)?;
        match api
            .key_store
            .key(tenant, &Owner::Subject(self.subject))
            .await
        {
            Ok(key) => Ok(Some(key)),
            Err(KeyError::Missing) if head.sequence == 0 => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The lines from a place in the log on. Each page asks for the key anew: a person may have been
    /// forgotten since the one before.
    pub(super) async fn page(&self, api: &Api, mut from: u64, size: usize) -> Result<Page, Error> {
        let mut page = Page::default();
        let Some(key) = self.key(api).await? else {
            return Ok(page);
        };
        let (tenant, now) = (&self.caller.tenant, now_ms());
        let mut bytes = 0;
        loop {
            let entries = api
                .store
                .entries_of(tenant, self.subject, from, PAGE_SIZE_MAX)
                .await?;
            let is_last = (entries.len() as u64) < PAGE_SIZE_MAX;
            for stored in entries {
                let opening = open(&key.key, &stored.entry, &stored.sealed)?;
                let listing = self
                    .wanted
                    .list(stored.entry.id, stored.index, &opening, now)?;
                match listing {
                    Listing::Unlisted(number) => push_run(&mut page.unlisted, number),
                    Listing::Line(_) if page.lines.len() == size || bytes > PAGE_BYTES_MAX => {
                        page.next = Some(stored.index);
                        return Ok(page);
                    }
                    Listing::Line(line) => {
                        bytes += opening.payload.len();
                        page.lines.push(*line);
                    }
                }
                from = stored.index + 1;
            }
            if is_last {
                return Ok(page);
            }
        }
    }
}

fn range(run: Run) -> pb::SequenceRange {
    pb::SequenceRange {
        first: run.first,
        last: run.last,
    }
}

/// Renders one line of an accounting.
fn record(line: Line) -> pb::DisclosureRecord {
    let recipient = line.recipient.as_ref();
    let of_recipient = |member: fn(&Addressee) -> &String| {
        recipient.map(|it| member(it).clone()).unwrap_or_default()
    };
    let release = line.release;
    let previous = line.previous_commitment.as_deref().map(unhex);
    pb::DisclosureRecord {
        entry_id: line.entry_id.to_string(),
        index: line.index,
        recorded_at: Some(timestamp(line.recorded_at)),
        release: Some(pb::Release {
            subject_id: release.subject_id.to_string(),
            holder: release.holder,
            recipient_id: of_recipient(|it| &it.id),
            recipient_kind: of_recipient(|it| &it.kind),
            purpose: release.purpose,
            categories: release.categories,
            clauses: release.clauses,
            policy_version: release.policy_version,
            revision: release.revision,
            grant_id: release.grant_id.to_string(),
            order_id: release
                .order_id
                .map(|it| it.to_string())
                .unwrap_or_default(),
            context: release.context.map(|it| context::render(*it)),
        }),
        recipient_name: of_recipient(|it| &it.name),
        recipient_country: of_recipient(|it| &it.country),
        subject_sequence: line.subject_sequence,
        previous_commitment: previous.unwrap_or_default(),
        occurred_at: Some(timestamp(line.occurred_at)),
        releasing_agent: line.releasing_agent,
        custodian: line.custodian,
        authorizers: line.authorizers,
    }
}

/// The bytes of what this service wrote as hex.
fn unhex(text: &str) -> Vec<u8> {
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().filter_map(byte).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::{Semaphore, watch};

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
            shown: watch::channel(None).1,
            waiting: Arc::new(Semaphore::new(1)),
        };
        let caller = crate::api::tests::caller();
        for (subject, answer) in [
            (1, Err(Error::LogCorrupt)),
            (2, Ok(AccountDisclosuresResponse::default())),
        ] {
            let request = AccountDisclosuresRequest {
                subject_id: Uuid::from_u128(subject).to_string(),
                ..AccountDisclosuresRequest::default()
            };
            assert_eq!(account(&api, &caller, &request).await, answer);
        }
    }

    #[test]
    fn a_period_has_two_times_in_their_order() {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        for (from, until, refused) in [
            (None, None, None),
            (at(1), at(1), None),
            (at(2), at(1), Some("until")),
            (at(-1), None, Some("from")),
            (None, at(-1), Some("until")),
        ] {
            let field = match wanted(false, from, until) {
                Err(Error::ArgumentInvalid { field }) => Some(field),
                _ => None,
            };
            assert_eq!(field, refused, "{from:?} {until:?}");
        }
    }

    #[test]
    fn hex_becomes_the_bytes_it_was() {
        assert_eq!(unhex(&crate::event::hex(&[0, 7, 255])), [0, 7, 255]);
    }
}
