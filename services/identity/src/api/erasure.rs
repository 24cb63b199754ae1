//! Erasing a person, and saying how far that is.

use chassis::{Caller, RequestKey, now_ms};
use proto::identity::{EraseSubjectRequest, Erasure, GetErasureRequest};

use super::{Api, wire};
use crate::error::Error;

/// Begins the erasure, and answers with the certificate when all is done in time.
pub(super) async fn erase(
    api: &Api,
    caller: &Caller,
    message: EraseSubjectRequest,
) -> Result<Erasure, Error> {
    let subject = wire::subject_id(&message.subject_id)?;
    let tenant = &caller.tenant;
    let index = api.keys.blind_index(tenant).await?;
    let (id, content) = (&message.request_id, subject.as_bytes());
    let request = RequestKey::new(caller, "EraseSubject", id, &index, content)?;
    api.store
        .begin_erasure(tenant, subject, Some(&request), now_ms())
        .await?;
    api.saga.finish_within_call(tenant, subject).await;
    let erasure = api.store.erasure(tenant, subject).await?;
    Ok(wire::erasure(subject, erasure.ok_or(Error::Internal)?))
}

/// How far an erasure is.
pub(super) async fn progress(
    api: &Api,
    caller: &Caller,
    message: &GetErasureRequest,
) -> Result<Erasure, Error> {
    let subject = wire::subject_id(&message.subject_id)?;
    let erasure = api.store.erasure(&caller.tenant, subject).await?;
    Ok(wire::erasure(
        subject,
        erasure.ok_or(Error::ErasureUnknown)?,
    ))
}
