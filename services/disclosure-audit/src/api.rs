//! The door: parse, ask, answer.

mod accounting;
mod context;
mod event;
mod export;
mod fhir;
mod holds;
mod receipt;
mod recipient;

use std::pin::Pin;
use std::sync::Arc;

use chassis::{Caller, CallerKind, KeyStore, RequestKey, caller, now_ms};
use futures_util::Stream;
use prost::Message;
use prost_types::Timestamp;
use proto::disclosure_audit::disclosure_audit_service_server::DisclosureAuditService;
use proto::disclosure_audit::record_outcome::Outcome;
use proto::disclosure_audit::{
    AccountDisclosuresRequest, AccountDisclosuresResponse, EndRecipientRequest,
    EndRecipientResponse, ExportDisclosuresRequest, ExportDisclosuresResponse,
    GetCheckpointRequest, GetCheckpointResponse, GetEvidenceRetentionRequest,
    GetEvidenceRetentionResponse, GetReceiptRequest, GetReceiptResponse, GetRecipientRequest,
    GetRecipientResponse, LiftHoldRequest, LiftHoldResponse, ListDestroyedKeysRequest,
    ListDestroyedKeysResponse, ListHoldsRequest, ListHoldsResponse, ListRecipientsRequest,
    ListRecipientsResponse, PlaceHoldRequest, PlaceHoldResponse, RecordBatchRequest,
    RecordBatchResponse, RecordOutcome, RecordRefusal, RecordRequest, RecordResponse,
    RegisterRecipientRequest, RegisterRecipientResponse, SetEvidenceRetentionRequest,
    SetEvidenceRetentionResponse, ShredSubjectRequest, ShredSubjectResponse,
};
use tokio::sync::{Semaphore, watch};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::batch::{Candidate, Recorded, Standing};
use crate::error::Error;
use crate::recorder::Recorder;
use crate::store::{SignedCheckpoint, Store};

const EVENTS_PER_BATCH_MAX: usize = 1_000;
const PAGE_SIZE_MAX: u64 = 1_000;
/// Calls that may wait for a checkpoint at once.
pub(crate) const WAITING_MAX: usize = 128;
/// The last second of the year 9999, the largest time the wire format allows.
const SECONDS_MAX: i64 = 253_402_300_799;

type ExportStream = Pin<Box<dyn Stream<Item = Result<ExportDisclosuresResponse, Status>> + Send>>;

/// What answers the calls.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) store: Arc<Store>,
    pub(crate) key_store: KeyStore,
    pub(crate) recorder: Recorder,
    /// The newest checkpoint that may be shown, as the signer last saw it. If the log was rewound since then, receipts
    /// fail until the signer has seen that too.
    pub(crate) shown: watch::Receiver<Option<SignedCheckpoint>>,
    /// Room for those who wait until one covers theirs: they must not take the room of all calls.
    pub(crate) waiting: Arc<Semaphore>,
}

#[tonic::async_trait]
impl DisclosureAuditService for Api {
    type ExportDisclosuresStream = ExportStream;

    async fn register_recipient(
        &self,
        request: Request<RegisterRecipientRequest>,
    ) -> Result<Response<RegisterRecipientResponse>, Status> {
        let caller = caller(&request)?.clone();
        let request = request.into_inner();
        let key = self.request_key(&caller, "RegisterRecipient", &request.request_id, &request);
        let key = key.await?;
        let recipient = recipient::parse(request.recipient)?;
        let recipient = self
            .store
            .register_recipient(&caller.tenant, &key, recipient, now_ms())
            .await?;
        let recipient = Some(recipient::render(recipient));
        Ok(Response::new(RegisterRecipientResponse { recipient }))
    }

    async fn get_recipient(
        &self,
        request: Request<GetRecipientRequest>,
    ) -> Result<Response<GetRecipientResponse>, Status> {
        let tenant = &caller(&request)?.tenant;
        let found = self
            .store
            .recipient(tenant, &request.get_ref().recipient_id)
            .await?;
        let recipient = recipient::render(found.ok_or(Error::RecipientNotFound)?);
        Ok(Response::new(GetRecipientResponse {
            recipient: Some(recipient),
        }))
    }

    async fn list_recipients(
        &self,
        request: Request<ListRecipientsRequest>,
    ) -> Result<Response<ListRecipientsResponse>, Status> {
        let tenant = &caller(&request)?.tenant;
        let ListRecipientsRequest {
            page_size: size,
            page_token: after,
        } = request.get_ref();
        let size = page_size(*size, 100)?;
        let mut found = self.store.recipients(tenant, after, size + 1).await?;
        let is_last = truncate(&mut found, size);
        let next = found.last().filter(|_| !is_last).map(|it| it.id.clone());
        Ok(Response::new(ListRecipientsResponse {
            recipients: found.into_iter().map(recipient::render).collect(),
            next_page_token: next.unwrap_or_default(),
        }))
    }

    async fn end_recipient(
        &self,
        request: Request<EndRecipientRequest>,
    ) -> Result<Response<EndRecipientResponse>, Status> {
        let tenant = &caller(&request)?.tenant;
        let id = &request.get_ref().recipient_id;
        let ended = self
            .store
            .update_recipient(tenant, id, |it| it.end(now_ms()))
            .await?;
        Ok(Response::new(EndRecipientResponse {
            recipient: Some(recipient::render(ended)),
        }))
    }

    async fn record(
        &self,
        request: Request<RecordRequest>,
    ) -> Result<Response<RecordResponse>, Status> {
        let caller = caller(&request)?.clone();
        let candidate = self.candidate(&caller, request.into_inner()).await?;
        let recorded = self.recorder.record_one(candidate).await?;
        Ok(Response::new(event::recorded(recorded)))
    }

    async fn record_batch(
        &self,
        request: Request<RecordBatchRequest>,
    ) -> Result<Response<RecordBatchResponse>, Status> {
        let caller = caller(&request)?.clone();
        let events = request.into_inner().events;
        if !(1..=EVENTS_PER_BATCH_MAX).contains(&events.len()) {
            return Err(Error::BatchSize.into());
        }
        let outcomes = self.record_all(&caller, events).await?;
        let outcomes = outcomes.into_iter().map(outcome).collect();
        Ok(Response::new(RecordBatchResponse { outcomes }))
    }

    async fn get_receipt(
        &self,
        request: Request<GetReceiptRequest>,
    ) -> Result<Response<GetReceiptResponse>, Status> {
        let caller = caller(&request)?;
        // What is no id is the id of no entry.
        let id = uuid_from(&request.get_ref().entry_id).ok_or(Error::EntryUnknown)?;
        let proof = receipt::receipt(self, caller, id).await?.into_bytes();
        Ok(Response::new(GetReceiptResponse { proof }))
    }

    async fn get_checkpoint(
        &self,
        _request: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        let checkpoint = match self.store.checkpoint().await? {
            Some(checkpoint) => checkpoint,
            None if self.store.is_empty().await? => return Err(Error::LogEmpty.into()),
            None => return Err(Error::CheckpointPending.into()),
        };
        let checkpoint = checkpoint.note.into_bytes();
        Ok(Response::new(GetCheckpointResponse { checkpoint }))
    }

    async fn account_disclosures(
        &self,
        request: Request<AccountDisclosuresRequest>,
    ) -> Result<Response<AccountDisclosuresResponse>, Status> {
        let caller = caller(&request)?;
        let answer = accounting::account(self, caller, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn export_disclosures(
        &self,
        request: Request<ExportDisclosuresRequest>,
    ) -> Result<Response<ExportStream>, Status> {
        let caller = caller(&request)?;
        let pieces = export::export(self, caller, request.get_ref()).await?;
        Ok(Response::new(Box::pin(pieces)))
    }

    async fn shred_subject(
        &self,
        request: Request<ShredSubjectRequest>,
    ) -> Result<Response<ShredSubjectResponse>, Status> {
        let caller = caller(&request)?;
        let answer = holds::shredded(self, caller, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn place_hold(
        &self,
        request: Request<PlaceHoldRequest>,
    ) -> Result<Response<PlaceHoldResponse>, Status> {
        let caller = caller(&request)?.clone();
        let hold = Some(holds::place(self, &caller, request.into_inner()).await?);
        Ok(Response::new(PlaceHoldResponse { hold }))
    }

    async fn lift_hold(
        &self,
        request: Request<LiftHoldRequest>,
    ) -> Result<Response<LiftHoldResponse>, Status> {
        let hold = Some(holds::lift(self, caller(&request)?, request.get_ref()).await?);
        Ok(Response::new(LiftHoldResponse { hold }))
    }

    async fn list_holds(
        &self,
        request: Request<ListHoldsRequest>,
    ) -> Result<Response<ListHoldsResponse>, Status> {
        let answer = holds::list(self, caller(&request)?, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn set_evidence_retention(
        &self,
        request: Request<SetEvidenceRetentionRequest>,
    ) -> Result<Response<SetEvidenceRetentionResponse>, Status> {
        let caller = caller(&request)?.clone();
        let retention = holds::set_retention(self, &caller, request.into_inner()).await?;
        let retention = Some(retention);
        Ok(Response::new(SetEvidenceRetentionResponse { retention }))
    }

    async fn get_evidence_retention(
        &self,
        request: Request<GetEvidenceRetentionRequest>,
    ) -> Result<Response<GetEvidenceRetentionResponse>, Status> {
        let retention = Some(holds::retention(self, caller(&request)?).await?);
        Ok(Response::new(GetEvidenceRetentionResponse { retention }))
    }

    async fn list_destroyed_keys(
        &self,
        request: Request<ListDestroyedKeysRequest>,
    ) -> Result<Response<ListDestroyedKeysResponse>, Status> {
        let Caller { id, tenant, .. } = caller(&request)?;
        let ListDestroyedKeysRequest {
            page_size: size,
            page_token,
        } = request.get_ref();
        let (size, from) = (page_size(*size, PAGE_SIZE_MAX)?, place(page_token)?);
        let mut found = self
            .store
            .destroyed_keys(tenant, id, from, size + 1)
            .await?;
        let is_last = truncate(&mut found, size);
        let next = found
            .last()
            .filter(|_| !is_last)
            .map(|(_, it)| it.index + 1);
        Ok(Response::new(ListDestroyedKeysResponse {
            keys: found.into_iter().map(event::destroyed_key).collect(),
            next_page_token: next.map(|it| it.to_string()).unwrap_or_default(),
        }))
    }
}

impl Api {
    async fn candidate(&self, caller: &Caller, request: RecordRequest) -> Result<Candidate, Error> {
        let key = self
            .request_key(caller, "Record", &request.request_id, &request)
            .await?;
        let event = event::parse(request.event)?;
        Ok(Candidate::new(
            caller.tenant.clone(),
            caller.id.clone(),
            Some(key),
            event,
        ))
    }

    /// Records those events that can be read; outcomes come in the order of the events.
    async fn record_all(
        &self,
        caller: &Caller,
        events: Vec<RecordRequest>,
    ) -> Result<Vec<Result<Recorded, Error>>, Error> {
        let mut candidates = Vec::with_capacity(events.len());
        let mut refusals = Vec::with_capacity(events.len());
        for event in events {
            match self.candidate(caller, event).await {
                Ok(candidate) => {
                    candidates.push(candidate);
                    refusals.push(None);
                }
                Err(error) => refusals.push(Some(error)),
            }
        }
        let mut recorded = self.recorder.record(candidates).await?.into_iter();
        let outcome = |refusal: Option<Error>| match refusal {
            Some(error) => Err(error),
            None => recorded.next().unwrap_or(Err(Error::LogUnavailable)),
        };
        Ok(refusals.into_iter().map(outcome).collect())
    }

    async fn request_key(
        &self,
        caller: &Caller,
        method: &'static str,
        request_id: &str,
        content: &impl Message,
    ) -> Result<RequestKey, Error> {
        let index = self.key_store.blind_index(&caller.tenant).await?;
        let content = content.encode_to_vec();
        Ok(RequestKey::new(
            caller, method, request_id, &index, &content,
        )?)
    }
}

fn outcome(outcome: Result<Recorded, Error>) -> RecordOutcome {
    let outcome = match outcome {
        Ok(recorded) => Outcome::Recorded(event::recorded(recorded)),
        Err(error) => {
            let (code, reason) = error.code_and_reason();
            Outcome::Refused(RecordRefusal {
                code: code.into(),
                reason: reason.to_owned(),
                message: error.to_string(),
            })
        }
    };
    RecordOutcome {
        outcome: Some(outcome),
    }
}

/// Whether this caller may read what was recorded of a subject that stands so. While only a delay
/// keeps the key, the subject is gone for every program; a person may have to look yet.
fn admits(caller: &Caller, standing: Standing) -> Result<(), Error> {
    match (standing, caller.kind) {
        (Standing::Open, _) | (Standing::Waiting, CallerKind::Person) => Ok(()),
        _ => Err(Error::SubjectShredded),
    }
}

fn subject_id(text: &str) -> Result<Uuid, Error> {
    uuid_from(text).ok_or(Error::ArgumentInvalid {
        field: "subject_id",
    })
}

/// A UUID in its one spelling, which is also how it is answered.
fn uuid_from(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text)
        .ok()
        .filter(|it| it.to_string() == text)
}

fn page_size(asked: i32, default: u64) -> Result<u64, Error> {
    match u64::try_from(asked) {
        Ok(0) => Ok(default),
        Ok(size @ 1..=PAGE_SIZE_MAX) => Ok(size),
        _ => Err(Error::ArgumentInvalid { field: "page_size" }),
    }
}

/// The place in the log that a page token names; the first page begins at the beginning.
fn place(page_token: &str) -> Result<u64, Error> {
    if page_token.is_empty() {
        return Ok(0);
    }
    // The database counts places up to here.
    let place = page_token.parse().ok();
    place
        .filter(|it| i64::try_from(*it).is_ok())
        .ok_or(Error::ArgumentInvalid {
            field: "page_token",
        })
}

/// Cuts what was read, one more than the page, to the page; says whether it is the last.
fn truncate<T>(found: &mut Vec<T>, size: u64) -> bool {
    let is_last = found.len() as u64 <= size;
    found.truncate(size as usize);
    is_last
}

fn timestamp(milliseconds: i64) -> Timestamp {
    let nanos = milliseconds.rem_euclid(1_000) * 1_000_000;
    Timestamp {
        seconds: milliseconds.div_euclid(1_000),
        nanos: nanos as i32,
    }
}

/// `None` for a time before 1970, or one that the wire format does not allow.
fn milliseconds(timestamp: Timestamp) -> Option<i64> {
    let is_time = (0..=SECONDS_MAX).contains(&timestamp.seconds)
        && (0..1_000_000_000).contains(&timestamp.nanos);
    is_time.then(|| timestamp.seconds * 1_000 + i64::from(timestamp.nanos / 1_000_000))
}

#[cfg(test)]
mod tests {
    use chassis::{Callers, Tenant};

    use super::*;

    fn caller_of_kind(kind: &str) -> Caller {
        let id = "spiffe://vow.local/workload/shop";
        let table =
            format!("[[caller]]\nid = '{id}'\nkind = '{kind}'\ntenants = ['*']\nmethods = ['a/b']");
        let callers = Callers::parse(&table).unwrap();
        callers.admit(id, Tenant::default(), "a/b").unwrap()
    }

    pub(super) fn caller() -> Caller {
        caller_of_kind("workload")
    }

    #[test]
    fn a_page_begins_where_a_place_can_be() {
        assert_eq!(place(""), Ok(0));
        assert_eq!(place("9223372036854775807"), Ok(u64::MAX >> 1));
        for token in ["9223372036854775808", "18446744073709551615", "-1", "a"] {
            assert!(place(token).is_err(), "{token}");
        }
    }

    #[test]
    fn what_only_a_delay_keeps_is_read_by_a_person_and_by_no_program() {
        for (standing, workload, person) in [
            (Standing::Open, true, true),
            (Standing::Waiting, false, true),
            (Standing::Shredded, false, false),
        ] {
            let may = |kind| admits(&caller_of_kind(kind), standing).is_ok();
            assert_eq!((may("workload"), may("person")), (workload, person));
        }
    }
}
