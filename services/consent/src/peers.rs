//! Calls to disclosure-audit: who a recipient is, and the delivery of evidence.

use chassis::Tenant;
use client::Connection;
use proto::disclosure_audit::{
    ConsentChange, GetRecipientRequest, PolicyPublication, RecordBatchRequest, RecordRequest,
    disclosure_audit_service_client::DisclosureAuditServiceClient, record_outcome::Outcome,
    record_request,
};
use tonic::Code;

use crate::{
    book::{Event, Evidence},
    error::Error,
    recipient::Recipient,
};

/// disclosure-audit, as this service needs it.
#[derive(Clone)]
pub(crate) struct DisclosureAudit {
    connection: Connection,
}

impl DisclosureAudit {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// A registration as it is now, never from memory: ended a moment ago is ended.
    pub(crate) async fn recipient(
        &self,
        tenant: &Tenant,
        recipient_id: &str,
    ) -> Result<Option<Recipient>, Error> {
        let ask = GetRecipientRequest {
            recipient_id: recipient_id.to_owned(),
        };
        let ask = client::request(tenant.as_str(), ask);
        let answer = match self.service().get_recipient(ask).await {
            Ok(answer) => answer.into_inner(),
            Err(status) if status.code() == Code::NotFound => return Ok(None),
            Err(_) => return Err(Error::PeerUnavailable),
        };
        let registration = answer.recipient.ok_or(Error::PeerUnavailable)?;
        let ends = [registration.expires_at, registration.ended_at];
        let ends = ends.into_iter().flatten().map(|it| milliseconds(&it));
        Ok(Some(Recipient {
            kind: registration.kind,
            purposes: registration.purposes,
            categories: registration.categories,
            // A registration that never ends does not exist, so one without an end is none.
            ends_at: ends.min().ok_or(Error::PeerUnavailable)?,
        }))
    }

    /// Delivers evidence, and gives the revisions of what has arrived. What the log has already is
    /// told apart there by its id; of a person whose audit key is gone nothing can be kept.
    pub(crate) async fn deliver(
        &self,
        tenant: &str,
        evidence: &[Evidence],
    ) -> Result<Vec<u64>, Error> {
        let events = evidence.iter().map(record).collect();
        let batch = client::request(tenant, RecordBatchRequest { events });
        let answer = self.service().record_batch(batch).await;
        let outcomes = answer
            .map_err(|_| Error::PeerUnavailable)?
            .into_inner()
            .outcomes;
        if outcomes.len() != evidence.len() {
            return Err(Error::PeerUnavailable);
        }
        let has_arrived = |outcome: Option<Outcome>| match outcome {
            Some(Outcome::Recorded(recorded)) => !recorded.entry_id.is_empty(),
            Some(Outcome::Refused(refusal)) => refusal.reason == "SUBJECT_SHREDDED",
            None => false,
        };
        let delivered = evidence.iter().zip(outcomes);
        Ok(delivered
            .filter_map(|(sent, it)| has_arrived(it.outcome).then_some(sent.revision))
            .collect())
    }

    fn service(&self) -> DisclosureAuditServiceClient<Connection> {
        DisclosureAuditServiceClient::new(self.connection.clone())
    }
}

fn record(evidence: &Evidence) -> RecordRequest {
    let policy_version = evidence.policy_version.clone();
    let event = match &evidence.event {
        Event::Published { digest } => {
            record_request::Event::PolicyPublication(PolicyPublication {
                policy_version,
                digest: digest.to_vec(),
            })
        }
        Event::Chosen { scope, state } => record_request::Event::ConsentChange(ConsentChange {
            subject_id: scope.subject.to_string(),
            state: state.name().to_owned(),
            purpose: scope.purpose.clone(),
            recipient_id: scope.recipient.clone().unwrap_or_default(),
            policy_version,
            revision: evidence.revision,
        }),
    };
    RecordRequest {
        request_id: evidence.id.to_string(),
        event: Some(event),
    }
}

fn milliseconds(timestamp: &prost_types::Timestamp) -> i64 {
    timestamp
        .seconds
        .saturating_mul(1_000)
        .saturating_add(i64::from(timestamp.nanos) / 1_000_000)
}
