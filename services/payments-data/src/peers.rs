//! Calls to the log: what is told it of releases and of keys that are gone.

use client::{Connection, release_context};
use grant::{Action, Grant};
use proto::disclosure_audit::{
    self as log, KeyDestruction, RecordBatchRequest, RecordRequest,
    disclosure_audit_service_client::DisclosureAuditServiceClient, record_outcome::Outcome,
    record_request::Event,
};

use crate::{error::Error, order::Order, release::Release};

/// How often a batch is offered to a log that does not answer, within one call.
const ATTEMPTS: u32 = 3;

/// The event of a release that is about to happen, to be recorded before it does.
pub(crate) fn release_event(release: &Release, grant: Grant) -> RecordRequest {
    let context = release_context(&grant);
    let (recipient_id, recipient_kind) = match grant.action {
        Action::Disclose {
            recipient,
            recipient_kind,
        } => (recipient, recipient_kind),
        Action::Use | Action::Collect { .. } => Default::default(),
    };
    let event = log::Release {
        subject_id: release.subject.0.to_string(),
        holder: grant.holder,
        recipient_id,
        recipient_kind,
        purpose: grant.purpose,
        categories: release.categories.clone(),
        clauses: grant.clauses,
        policy_version: grant.policy_version,
        revision: grant.revision,
        grant_id: grant.jti.to_string(),
        order_id: release.order.0.to_string(),
        context,
    };
    RecordRequest {
        request_id: release.record_id(),
        event: Some(Event::Release(event)),
    }
}

/// Enters in the log that the keys of these orders, at most 1,000, are gone. Said twice it is
/// entered once.
pub(crate) async fn record_destroyed(
    connection: &Connection,
    tenant: &str,
    orders: &[Order],
) -> Result<(), Error> {
    let batch = RecordBatchRequest {
        events: orders.iter().map(destruction_event).collect(),
    };
    let answer = client::retry(ATTEMPTS, || {
        let mut log = DisclosureAuditServiceClient::new(connection.clone());
        let ask = client::request(tenant, batch.clone());
        async move { log.record_batch(ask).await }
    })
    .await;
    let outcomes = match answer {
        Ok(answer) => answer.into_inner().outcomes,
        Err(status) => {
            tracing::warn!(code = ?status.code(), "the log did not take destroyed keys");
            return Err(Error::PeerUnavailable);
        }
    };
    match outcomes.len() == orders.len() && outcomes.iter().all(is_recorded) {
        true => Ok(()),
        false => Err(Error::PeerUnavailable),
    }
}

/// An entry has an id. An answer without one is some other server's.
fn is_recorded(outcome: &log::RecordOutcome) -> bool {
    match &outcome.outcome {
        Some(Outcome::Recorded(entry)) => {
            client::parse_id(&entry.entry_id).is_some_and(|id| !id.is_nil())
        }
        Some(Outcome::Refused(_)) | None => false,
    }
}

fn destruction_event(order: &Order) -> RecordRequest {
    let destruction = KeyDestruction {
        key_id: order.key_id.to_string(),
        owner_kind: "order".to_owned(),
        owner_id: order.id.0.to_string(),
    };
    RecordRequest {
        request_id: format!("destroyed-{}", order.key_id),
        event: Some(Event::KeyDestruction(destruction)),
    }
}
