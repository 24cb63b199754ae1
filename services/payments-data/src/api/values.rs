//! Taking in what is given with an order.

use chassis::{Caller, RequestKey, Tenant, now_ms};
use proto::payments_data::{OrderValue, StoreOrderDataRequest};
use vault::Owner;

use super::{Api, wire};
use crate::{
    error::Error,
    order::{OrderId, SubjectId},
    permission,
    store::Collected,
};

/// Stores the values of a request under its order, and answers with all categories stored there.
pub(super) async fn store(
    api: &Api,
    caller: &Caller,
    mut request: StoreOrderDataRequest,
) -> Result<Vec<String>, Error> {
    let id = wire::order_id(&request.order_id)?;
    let tenant = &caller.tenant;
    // The grant is no part of what is remembered: a caller may fetch a fresh one and try again.
    let token = std::mem::take(&mut request.grant);
    let grant = api.admit(caller, &token).await?;
    let request_key = api
        .request_key(caller, "StoreOrderData", &request.request_id, &request)
        .await?;
    let categories = request.values.iter().map(|value| value.category.as_str());
    let subject = permission::to_collect(&grant, id, categories)?;
    keep(api, tenant, id, subject, request.values, &request_key).await
}

/// Stores what a grant permits to collect.
pub(super) async fn keep(
    api: &Api,
    tenant: &Tenant,
    order: OrderId,
    subject: SubjectId,
    values: Vec<OrderValue>,
    request: &RequestKey,
) -> Result<Vec<String>, Error> {
    // Before anything that time changes: the key may be gone and a card expired since.
    if let Some(before) = api.store.stored_before(request).await? {
        return Ok(before);
    }
    let now = now_ms();
    let values = wire::values(values, now)?;
    let key = api.keys.key(tenant, &Owner::Order(order.0)).await?;
    let collected = Collected {
        order,
        subject,
        values: &values,
        request,
    };
    api.store
        .put_values(tenant, &collected, &key.key, now)
        .await
}
