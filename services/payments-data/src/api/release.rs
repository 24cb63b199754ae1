//! Giving an order's data out: reserve, record, open, complete, in this order and no other.

use chassis::{Caller, now_ms};
use proto::payments_data::{ReleaseRequest, ReleaseResponse};
use vault::Owner;

use super::{Api, wire};
use crate::{error::Error, peers, release::Release};

/// Releases the wanted fields of an order to the grant's holder.
pub(super) async fn release(
    api: &Api,
    caller: &Caller,
    request: ReleaseRequest,
) -> Result<ReleaseResponse, Error> {
    let id = wire::order_id(&request.order_id)?;
    let tenant = &caller.tenant;
    let grant = api.admit(caller, &request.grant).await?;
    let release = Release::new(&grant, &request.request_id, id, request.categories)?;

    // Counted before anything else can fail: whatever happens from here on, this release is spent.
    let (order, sealed) = api.store.reserve(tenant, &release, now_ms()).await?;
    let event = peers::release_event(&release, grant);
    let record = api.guard.record(tenant.as_str(), event).await?;

    // Read only now: if the order ended while the log was writing, its key is gone and nothing opens.
    let key = api.keys.key(tenant, &Owner::Order(id.0)).await?;
    let mut values = Vec::with_capacity(sealed.len());
    for sealed in &sealed {
        let value = sealed.open(&key.key, tenant.as_str(), &order);
        values.push(wire::value(&value.map_err(|_| Error::Corrupt)?)?);
    }
    api.store.complete(tenant, &release, now_ms()).await?;
    Ok(ReleaseResponse {
        values,
        record: Some(record),
        releases_left: order.releases_left(),
    })
}
