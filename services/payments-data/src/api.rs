//! The door: parses what callers ask for, asks, and answers.

mod release;
mod values;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use chassis::{Caller, KeyStore, RequestKey, Tenant, VaultMetrics, caller, now_ms, now_seconds};
use client::Guard;
use grant::Grant;
use prost::Message;
use proto::payments_data::{
    CancelOrderRequest, CancelOrderResponse, EraseSubjectOrdersRequest, EraseSubjectOrdersResponse,
    GetOrderRequest, GetOrderResponse, OpenOrderRequest, OpenOrderResponse, ReleaseRequest,
    ReleaseResponse, SettleOrderRequest, SettleOrderResponse, StoreOrderDataRequest,
    StoreOrderDataResponse, payments_data_service_server::PaymentsDataService,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;
use vault::Owner;
use zeroize::Zeroizing;

use crate::{
    closing::Closing,
    error::Error,
    order::{Ending, Opening, Order, OrderId},
    store::Store,
};

/// What answers the calls.
pub(crate) struct Api {
    pub(crate) store: Store,
    pub(crate) keys: KeyStore,
    pub(crate) guard: Arc<Guard>,
    pub(crate) closing: Closing,
    pub(crate) metrics: VaultMetrics,
}

impl Api {
    /// The grant of a token that holds for this caller now.
    async fn admit(&self, caller: &Caller, token: &str) -> Result<Grant, Error> {
        let (holder, tenant) = (&caller.id, caller.tenant.as_str());
        let admitted = self.guard.admit(token, holder, tenant, now_seconds()).await;
        admitted.map_err(|error| {
            self.metrics.grant_refused(&error);
            Error::from(error)
        })
    }
}

#[tonic::async_trait]
impl PaymentsDataService for Api {
    async fn open_order(
        &self,
        request: Request<OpenOrderRequest>,
    ) -> Result<Response<OpenOrderResponse>, Status> {
        let caller = caller(&request)?.clone();
        let order = self.open(&caller, request.into_inner()).await?;
        let order = Some(wire::order(&order, Vec::new(), order.opened_at));
        Ok(Response::new(OpenOrderResponse { order }))
    }

    async fn get_order(
        &self,
        request: Request<GetOrderRequest>,
    ) -> Result<Response<GetOrderResponse>, Status> {
        let caller = caller(&request)?;
        let id = wire::order_id(&request.get_ref().order_id)?;
        let (order, categories) = self.store.order(&caller.tenant, id).await?;
        let order = Some(wire::order(&order, categories, now_ms()));
        Ok(Response::new(GetOrderResponse { order }))
    }

    async fn store_order_data(
        &self,
        request: Request<StoreOrderDataRequest>,
    ) -> Result<Response<StoreOrderDataResponse>, Status> {
        let caller = caller(&request)?.clone();
        let categories = values::store(self, &caller, request.into_inner()).await?;
        Ok(Response::new(StoreOrderDataResponse { categories }))
    }

    async fn release(
        &self,
        request: Request<ReleaseRequest>,
    ) -> Result<Response<ReleaseResponse>, Status> {
        let caller = caller(&request)?.clone();
        let answer = release::release(self, &caller, request.into_inner()).await;
        self.metrics
            .answered(answer.as_ref().err().map(Error::reason));
        Ok(Response::new(answer?))
    }

    async fn settle_order(
        &self,
        request: Request<SettleOrderRequest>,
    ) -> Result<Response<SettleOrderResponse>, Status> {
        let caller = caller(&request)?;
        let id = wire::order_id(&request.get_ref().order_id)?;
        let order = self.closing.close(&caller.tenant, id, Ending::Settled);
        let order = order.await?;
        Ok(Response::new(SettleOrderResponse {
            destroyed_key_id: order.key_id.to_string(),
            order: Some(wire::order(&order, Vec::new(), now_ms())),
        }))
    }

    async fn cancel_order(
        &self,
        request: Request<CancelOrderRequest>,
    ) -> Result<Response<CancelOrderResponse>, Status> {
        let caller = caller(&request)?;
        let id = wire::order_id(&request.get_ref().order_id)?;
        let order = self.closing.close(&caller.tenant, id, Ending::Cancelled);
        let order = order.await?;
        Ok(Response::new(CancelOrderResponse {
            destroyed_key_id: order.key_id.to_string(),
            order: Some(wire::order(&order, Vec::new(), now_ms())),
        }))
    }

    async fn erase_subject_orders(
        &self,
        request: Request<EraseSubjectOrdersRequest>,
    ) -> Result<Response<EraseSubjectOrdersResponse>, Status> {
        let caller = caller(&request)?;
        let subject = wire::subject_id(&request.get_ref().subject_id)?;
        let orders = self.closing.erase(&caller.tenant, subject).await?;
        Ok(Response::new(EraseSubjectOrdersResponse {
            destroyed_key_ids: orders.iter().map(|it| it.key_id.to_string()).collect(),
        }))
    }
}

impl Api {
    /// Opens an order. The answer is the order as it was opened, so that a repeated request gets
    /// the same.
    async fn open(&self, caller: &Caller, request: OpenOrderRequest) -> Result<Order, Error> {
        let tenant = &caller.tenant;
        let request_key = self.request_key(caller, "OpenOrder", &request.request_id, &request);
        let request_key = request_key.await?;
        if let Some(before) = self.store.opened_before(tenant, &request_key).await? {
            return Ok(before.as_opened());
        }
        let subject = wire::subject_id(&request.subject_id)?;
        let expires_at = request.expires_at.map(wire::expiry).transpose()?;
        let (merchant, releases_max) = (request.merchant, request.releases_max);
        let opening = Opening::new(subject, merchant, releases_max, expires_at, now_ms())?;
        let id = OrderId(Uuid::new_v4());
        let order = self.enter(tenant, id, opening, &request_key).await?;
        Ok(order.as_opened())
    }

    /// Enters an order, its key first: an order without a key could not be closed as promised.
    async fn enter(
        &self,
        tenant: &Tenant,
        id: OrderId,
        opening: Opening,
        request_key: &RequestKey,
    ) -> Result<Order, Error> {
        let owner = Owner::Order(id.0);
        let key = self.keys.create(tenant, &owner).await?;
        let order = opening.into_order(id, key.id);
        let opened = self.store.open_order(tenant, order, request_key).await;
        // A database that fails may have kept the order all the same; then the key stays.
        let needs_key = match &opened {
            Ok(order) => order.id == id,
            Err(error) => !matches!(error, Error::SubjectErased | Error::IdempotencyConflict),
        };
        if !needs_key {
            self.keys.destroy(tenant, &owner).await?;
        }
        opened
    }

    /// What a write is remembered by. The digest of its content is keyed: values are guessable.
    async fn request_key(
        &self,
        caller: &Caller,
        method: &'static str,
        request_id: &str,
        content: &impl Message,
    ) -> Result<RequestKey, Error> {
        let index = self.keys.blind_index(&caller.tenant).await?;
        let content = Zeroizing::new(content.encode_to_vec());
        Ok(RequestKey::new(
            caller, method, request_id, &index, &content,
        )?)
    }
}
