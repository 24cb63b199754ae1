//! Holds and evidence retention: what delays a shredding, and what the log says of it.

use chassis::{Caller, now_ms};
use proto::disclosure_audit as pb;

use super::{Api, milliseconds, page_size, subject_id, timestamp, truncate, uuid_from};
use crate::batch::Candidate;
use crate::error::Error;
use crate::event::{Event, Payload};
use crate::hold::{Delay, DelayReason, HoldLift, HoldOrder, RetentionStatement};
use crate::seal::{open, owner};
use crate::shredding::{Shredding, shred};
use crate::store::{Stated, StoredHold};

pub(super) async fn shredded(
    api: &Api,
    caller: &Caller,
    request: &pb::ShredSubjectRequest,
) -> Result<pb::ShredSubjectResponse, Error> {
    let subject = subject_id(&request.subject_id)?;
    let Api {
        store,
        key_store,
        recorder,
        ..
    } = api;
    let shredding = shred(store, key_store, recorder, &caller.tenant, subject).await?;
    Ok(match shredding {
        Shredding::NoKey => pb::ShredSubjectResponse::default(),
        Shredding::Shredded { key_id, recorded } => pb::ShredSubjectResponse {
            key_id: key_id.to_string(),
            entry_id: recorded.entry_id.to_string(),
            index: recorded.index,
            delay: None,
        },
        Shredding::Delayed(delay) => pb::ShredSubjectResponse {
            delay: Some(rendered_delay(delay)),
            ..Default::default()
        },
    })
}

pub(super) async fn place(
    api: &Api,
    caller: &Caller,
    request: pb::PlaceHoldRequest,
) -> Result<pb::Hold, Error> {
    let id = &request.request_id;
    let key = api.request_key(caller, "PlaceHold", id, &request).await?;
    let invalid = Error::EventInvalid { field: "until" };
    let until = request.until.map(|it| milliseconds(it).ok_or(invalid));
    let order = HoldOrder {
        subject_id: subject_id(&request.subject_id)?,
        authority: request.authority,
        reference: request.reference,
        until: until.transpose()?,
    };
    order
        .check()
        .map_err(|field| Error::EventInvalid { field })?;
    if order.until.is_some_and(|it| it <= now_ms()) {
        return Err(invalid);
    }
    let event = Event::HoldPlaced(order);
    let (tenant, by) = (caller.tenant.clone(), caller.id.clone());
    let candidate = Candidate::new(tenant, by, Some(key), event);
    let recorded = api.recorder.record_one(candidate).await?;
    let hold = api.store.hold(&caller.tenant, recorded.entry_id).await?;
    render(api, caller, hold.ok_or(Error::LogCorrupt)?).await
}

pub(super) async fn lift(
    api: &Api,
    caller: &Caller,
    request: &pb::LiftHoldRequest,
) -> Result<pb::Hold, Error> {
    // What is no id is the id of no hold.
    let id = uuid_from(&request.hold_id).ok_or(Error::HoldUnknown)?;
    let hold = api.store.hold(&caller.tenant, id).await?;
    let hold = hold.ok_or(Error::HoldUnknown)?;
    if hold.lifted_at.is_some() {
        return render(api, caller, hold).await;
    }
    let event = Event::HoldLifted(HoldLift {
        hold_id: id,
        subject_id: hold.subject,
    });
    let (tenant, by) = (caller.tenant.clone(), caller.id.clone());
    let candidate = Candidate::new(tenant, by, None, event);
    api.recorder.record_one(candidate).await?;
    let lifted = api.store.hold(&caller.tenant, id).await?;
    render(api, caller, lifted.ok_or(Error::LogCorrupt)?).await
}

pub(super) async fn list(
    api: &Api,
    caller: &Caller,
    request: &pb::ListHoldsRequest,
) -> Result<pb::ListHoldsResponse, Error> {
    let subject = subject_id(&request.subject_id)?;
    let size = page_size(request.page_size, 100)?;
    let from = super::place(&request.page_token)?;
    let mut found = api
        .store
        .holds_of(&caller.tenant, subject, from, size + 1)
        .await?;
    let is_last = truncate(&mut found, size);
    let next = found.last().filter(|_| !is_last).map(|it| it.index + 1);
    let mut holds = Vec::with_capacity(found.len());
    for hold in found {
        holds.push(render(api, caller, hold).await?);
    }
    Ok(pb::ListHoldsResponse {
        holds,
        next_page_token: next.map(|it| it.to_string()).unwrap_or_default(),
    })
}

pub(super) async fn set_retention(
    api: &Api,
    caller: &Caller,
    request: pb::SetEvidenceRetentionRequest,
) -> Result<pb::EvidenceRetention, Error> {
    let (id, days) = (&request.request_id, request.days);
    let method = "SetEvidenceRetention";
    let key = api.request_key(caller, method, id, &request).await?;
    let statement = RetentionStatement { days };
    statement
        .check()
        .map_err(|field| Error::EventInvalid { field })?;
    let event = Event::RetentionSet(statement);
    let (tenant, by) = (caller.tenant.clone(), caller.id.clone());
    let candidate = Candidate::new(tenant, by, Some(key), event);
    let recorded = api.recorder.record_one(candidate).await?;
    Ok(rendered_retention(Stated {
        statement,
        entry_id: recorded.entry_id,
        stated_at: recorded.recorded_at,
    }))
}

pub(super) async fn retention(api: &Api, caller: &Caller) -> Result<pb::EvidenceRetention, Error> {
    let stated = api.store.evidence_retention(&caller.tenant).await?;
    Ok(stated.map(rendered_retention).unwrap_or_default())
}

/// A hold with what its entry in the log says.
async fn render(api: &Api, caller: &Caller, hold: StoredHold) -> Result<pb::Hold, Error> {
    let tenant = &caller.tenant;
    let stored = api.store.entry(tenant, hold.id).await?;
    let stored = stored.ok_or(Error::LogCorrupt)?;
    let key = api.key_store.key(tenant, &owner(None)).await?;
    let opening = open(&key.key, &stored.entry, &stored.sealed)?;
    let payload = Payload::parse(&opening.payload).ok_or(Error::LogCorrupt)?;
    let Event::HoldPlaced(order) = payload.event else {
        return Err(Error::LogCorrupt);
    };
    Ok(pb::Hold {
        hold_id: hold.id.to_string(),
        subject_id: order.subject_id.to_string(),
        authority: order.authority,
        reference: order.reference,
        until: order.until.map(timestamp),
        placed_at: Some(timestamp(payload.recorded_at)),
        lifted_at: hold.lifted_at.map(timestamp),
    })
}

fn rendered_retention(stated: Stated) -> pb::EvidenceRetention {
    pb::EvidenceRetention {
        days: stated.statement.days,
        stated_at: Some(timestamp(stated.stated_at)),
        entry_id: stated.entry_id.to_string(),
    }
}

fn rendered_delay(delay: Delay) -> pb::ShredDelay {
    let reason = |it: &DelayReason| match it {
        DelayReason::Hold => pb::DelayReason::Hold.into(),
        DelayReason::EvidenceRetention => pb::DelayReason::EvidenceRetention.into(),
    };
    pb::ShredDelay {
        reasons: delay.reasons.iter().map(reason).collect(),
        until: delay.until.map(timestamp),
    }
}
