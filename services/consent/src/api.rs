//! The door: each call is parsed, asked and answered.

mod acceptances;
mod changes;
mod comparison;
mod conformance;
mod consents;
mod decisions;
mod parse;
mod policies;
mod subjects;

use std::{pin::Pin, sync::Arc};

use chassis::{Caller, KeyStore, RequestKey, Stop};
use prost::Message;
use prost_types::Timestamp;
use proto::consent::{consent_service_server::ConsentService, *};
use tokio_stream::Stream;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    error::Error,
    follow::Follower,
    grants::Signer,
    metrics::Metrics,
    outbox::Outbox,
    peers::DisclosureAudit,
    store::{self, Store, Write, Writer},
    tally::Tally,
    wish::{Wish, Written},
};

/// What the calls are answered with.
pub(crate) struct Api {
    pub(crate) store: Store,
    pub(crate) keys: KeyStore,
    pub(crate) follower: Arc<Follower>,
    pub(crate) writer: Writer,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) log: DisclosureAudit,
    pub(crate) signer: Signer,
    pub(crate) metrics: Metrics,
    pub(crate) tally: Tally,
    pub(crate) stop: Stop,
}

impl Api {
    /// Writes a wish, once for one request id, and answers when it is durable.
    async fn write(
        &self,
        caller: &Caller,
        method: &'static str,
        request_id: &str,
        content: &impl Message,
        wish: Wish,
    ) -> Result<Written, Error> {
        let index = self.keys.blind_index(&caller.tenant).await;
        let index = index.map_err(|_| Error::StoreUnavailable)?;
        let content = content.encode_to_vec();
        let request = RequestKey::new(caller, method, request_id, &index, &content);
        let (record, kind) = (Uuid::new_v4(), wish.kind());
        let write = Write {
            request: request.map_err(store::refused)?,
            record,
            wish,
        };
        let written = self.writer.write(&caller.tenant, write).await?;
        // An older record answers a repetition, and was counted when it was made.
        if written.record == record {
            self.metrics.changed(kind);
        }
        self.outbox.announce();
        // The write stands, whatever this says; it only makes the next call here see it.
        let _ = self.follower.fresh().await;
        Ok(written)
    }
}

type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

#[tonic::async_trait]
impl ConsentService for Api {
    async fn publish_policy(
        &self,
        request: Request<PublishPolicyRequest>,
    ) -> Result<Response<PublishPolicyResponse>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let answer = self.publish(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn compare_policies(
        &self,
        request: Request<ComparePoliciesRequest>,
    ) -> Result<Response<ComparePoliciesResponse>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let answer = self.compare(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn get_policy(
        &self,
        request: Request<GetPolicyRequest>,
    ) -> Result<Response<GetPolicyResponse>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let answer = self.policy(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn list_policy_versions(
        &self,
        request: Request<ListPolicyVersionsRequest>,
    ) -> Result<Response<ListPolicyVersionsResponse>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let answer = self.policy_versions(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn get_conformance(
        &self,
        request: Request<GetConformanceRequest>,
    ) -> Result<Response<GetConformanceResponse>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let answer = self.conformance(&caller).await?;
        Ok(Response::new(answer))
    }

    async fn enrol_subject(
        &self,
        request: Request<EnrolSubjectRequest>,
    ) -> Result<Response<EnrolSubjectResponse>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let answer = self.enrol(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn accept_policy(
        &self,
        request: Request<AcceptPolicyRequest>,
    ) -> Result<Response<AcceptPolicyResponse>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let answer = self.accept(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn record_notice(
        &self,
        request: Request<RecordNoticeRequest>,
    ) -> Result<Response<RecordNoticeResponse>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let answer = self.notify(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn record_use(
        &self,
        request: Request<RecordUseRequest>,
    ) -> Result<Response<RecordUseResponse>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let answer = self.go_on(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn list_acceptances(
        &self,
        request: Request<ListAcceptancesRequest>,
    ) -> Result<Response<ListAcceptancesResponse>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let answer = self.acceptances(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn grant_consent(
        &self,
        request: Request<GrantConsentRequest>,
    ) -> Result<Response<GrantConsentResponse>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let answer = self.grant_consent(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn refuse_consent(
        &self,
        request: Request<RefuseConsentRequest>,
    ) -> Result<Response<RefuseConsentResponse>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let answer = self.refuse_consent(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn withdraw_consent(
        &self,
        request: Request<WithdrawConsentRequest>,
    ) -> Result<Response<WithdrawConsentResponse>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let answer = self.withdraw_consent(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn list_consents(
        &self,
        request: Request<ListConsentsRequest>,
    ) -> Result<Response<ListConsentsResponse>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let answer = self.consents(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn check(
        &self,
        request: Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let answer = self.check(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn authorize(
        &self,
        request: Request<AuthorizeRequest>,
    ) -> Result<Response<AuthorizeResponse>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let answer = self.authorize(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn get_revision(
        &self,
        request: Request<GetRevisionRequest>,
    ) -> Result<Response<GetRevisionResponse>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let answer = self.revision(&caller).await?;
        Ok(Response::new(answer))
    }

    type WatchStream = WatchStream;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<WatchStream>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let stream = self.watch(&caller, request.into_inner()).await?;
        Ok(Response::new(Box::pin(stream)))
    }

    async fn quarantine_subject(
        &self,
        request: Request<QuarantineSubjectRequest>,
    ) -> Result<Response<QuarantineSubjectResponse>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let answer = self.quarantine(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn forget_subject(
        &self,
        request: Request<ForgetSubjectRequest>,
    ) -> Result<Response<ForgetSubjectResponse>, Status> {
        let caller = chassis::caller(&request)?.clone();
        let answer = self.forget(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }
}

/// A time in Unix milliseconds as the wire has it.
fn timestamp(milliseconds: i64) -> Timestamp {
    Timestamp {
        seconds: milliseconds.div_euclid(1_000),
        nanos: (milliseconds.rem_euclid(1_000) * 1_000_000) as i32,
    }
}
