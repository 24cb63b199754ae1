//! Erasing a person, and saying how far that is.

use chassis::{Caller, RequestKey, now_ms};
use proto::identity::{self as pb, EraseSubjectRequest, GetErasureRequest};

use super::{Api, wire};
use crate::{erasure::Erasure, error::Error};

/// Begins the erasure, and answers with the certificate when all is done in time.
///
/// Consent stops every purpose before anybody can see that the erasure has begun: whoever sees it
/// may rely on nothing opening any more. A process that dies between the two leaves a person who is
/// active here and quarantined there. That is harmless, for nothing opens, and the caller, who has
/// no answer, repeats the request and with it the quarantine.
pub(super) async fn erase(
    api: &Api,
    caller: &Caller,
    message: EraseSubjectRequest,
) -> Result<pb::Erasure, Error> {
    let subject = wire::subject_id(&message.subject_id)?;
    let tenant = &caller.tenant;
    let index = api.keys.blind_index(tenant).await?;
    let (id, content) = (&message.request_id, subject.as_bytes());
    let request = RequestKey::new(caller, "EraseSubject", id, &index, content)?;
    let requested_at_ms = now_ms();
    let is_new = api.store.would_begin(tenant, subject, &request).await?;
    let erasure = match is_new && api.saga.quarantine_within_call(tenant, subject).await {
        true => Erasure::quarantined(requested_at_ms),
        // A person's wish does not wait until consent is back: nor does a vault that has no answer
        // of consent open anything. The saga quarantines as soon as there is one.
        false => Erasure::requested(requested_at_ms),
    };
    let request = Some(&request);
    api.saga.begin(tenant, subject, request, &erasure).await?;
    api.saga.finish_within_call(tenant, subject).await;
    let erasure = api.store.erasure(tenant, subject).await?;
    Ok(wire::erasure(subject, erasure.ok_or(Error::Internal)?))
}

/// How far an erasure is.
pub(super) async fn progress(
    api: &Api,
    caller: &Caller,
    message: &GetErasureRequest,
) -> Result<pb::Erasure, Error> {
    let subject = wire::subject_id(&message.subject_id)?;
    let erasure = api.store.erasure(&caller.tenant, subject).await?;
    Ok(wire::erasure(
        subject,
        erasure.ok_or(Error::ErasureUnknown)?,
    ))
}
