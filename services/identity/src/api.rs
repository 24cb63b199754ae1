//! The door: parses what callers ask for, asks, and answers.

mod collection;
mod erasure;
mod registration;
mod reveal;
mod wire;

use std::sync::Arc;

use chassis::{Caller, KeyStore, caller, now_seconds};
use client::Guard;
use grant::Grant;
use proto::identity::{
    CollectRequest, CollectResponse, EraseSubjectRequest, EraseSubjectResponse, FindSubjectRequest,
    FindSubjectResponse, GetErasureRequest, GetErasureResponse, GetSubjectRequest,
    GetSubjectResponse, RegisterSubjectRequest, RegisterSubjectResponse, RevealRequest,
    RevealResponse, identity_service_server::IdentityService,
};
use tonic::{Request, Response, Status};

use crate::{error::Error, metrics::Metrics, peers::Peers, saga::Saga, store::Store};

/// What answers the calls.
pub(crate) struct Api {
    pub(crate) store: Store,
    pub(crate) keys: KeyStore,
    pub(crate) guard: Arc<Guard>,
    pub(crate) peers: Peers,
    pub(crate) saga: Saga,
    pub(crate) metrics: Metrics,
}

impl Api {
    /// The grant of a token that holds for this caller now.
    async fn admit(&self, caller: &Caller, token: &str) -> Result<Grant, Error> {
        let (holder, tenant) = (&caller.id, caller.tenant.as_str());
        let admitted = self.guard.admit(token, holder, tenant, now_seconds()).await;
        admitted.map_err(|error| {
            self.metrics.vault.grant_refused(&error);
            Error::from(error)
        })
    }
}

#[tonic::async_trait]
impl IdentityService for Api {
    async fn register_subject(
        &self,
        request: Request<RegisterSubjectRequest>,
    ) -> Result<Response<RegisterSubjectResponse>, Status> {
        let caller = caller(&request)?.clone();
        let answer = registration::register(self, &caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn get_subject(
        &self,
        request: Request<GetSubjectRequest>,
    ) -> Result<Response<GetSubjectResponse>, Status> {
        let caller = caller(&request)?;
        let answer = registration::describe(self, caller, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn collect(
        &self,
        request: Request<CollectRequest>,
    ) -> Result<Response<CollectResponse>, Status> {
        let caller = caller(&request)?.clone();
        let answer = collection::collect(self, &caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn find_subject(
        &self,
        request: Request<FindSubjectRequest>,
    ) -> Result<Response<FindSubjectResponse>, Status> {
        let caller = caller(&request)?;
        let answer = collection::find(self, caller, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn reveal(
        &self,
        request: Request<RevealRequest>,
    ) -> Result<Response<RevealResponse>, Status> {
        let caller = caller(&request)?.clone();
        let answer = reveal::reveal(self, &caller, request.into_inner()).await;
        let refused = answer.as_ref().err().map(Error::reason);
        self.metrics.vault.answered(refused);
        Ok(Response::new(answer?))
    }

    async fn erase_subject(
        &self,
        request: Request<EraseSubjectRequest>,
    ) -> Result<Response<EraseSubjectResponse>, Status> {
        let caller = caller(&request)?.clone();
        let erasure = erasure::erase(self, &caller, request.into_inner()).await?;
        let erasure = Some(erasure);
        Ok(Response::new(EraseSubjectResponse { erasure }))
    }

    async fn get_erasure(
        &self,
        request: Request<GetErasureRequest>,
    ) -> Result<Response<GetErasureResponse>, Status> {
        let caller = caller(&request)?;
        let erasure = erasure::progress(self, caller, request.get_ref()).await?;
        let erasure = Some(erasure);
        Ok(Response::new(GetErasureResponse { erasure }))
    }
}
