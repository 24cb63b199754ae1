//! Calls to the other services; their refusals as our errors.

use client::{Connection, parse_id, reason, request};
use proto::{
    consent::{
        self, EnrolSubjectRequest, ForgetSubjectRequest, QuarantineCause, QuarantineSubjectRequest,
        consent_service_client::ConsentServiceClient,
    },
    disclosure_audit::{
        self as log, ShredDelay, ShredSubjectRequest,
        disclosure_audit_service_client::DisclosureAuditServiceClient,
    },
    payments_data::{
        EraseSubjectOrdersRequest, payments_data_service_client::PaymentsDataServiceClient,
    },
};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    erasure::{DelayReason, KeyGone, LogKey, LogKeyDelay},
    error::Error,
    subject::{AgeBand, Facts},
};

/// The services that this one calls, each by a connection that makes itself anew.
#[derive(Clone)]
pub struct Peers {
    /// What each person permitted.
    pub consent: Connection,
    /// What was given with orders.
    pub payments_data: Connection,
    /// The log.
    pub log: Connection,
}

impl Peers {
    /// Makes a person known to the decisions, and returns the revision of that.
    pub async fn enrol(&self, tenant: &str, subject: Uuid, facts: &Facts) -> Result<u64, Error> {
        let age_band = match facts.age_band() {
            AgeBand::From13To15 => consent::AgeBand::AgeBand13To15,
            AgeBand::From16To17 => consent::AgeBand::AgeBand16To17,
            AgeBand::Adult => consent::AgeBand::Adult,
        };
        let ask = EnrolSubjectRequest {
            request_id: format!("enrol {subject}"),
            subject_id: subject.to_string(),
            region: facts.region().to_owned(),
            age_band: age_band.into(),
            accepted_policy_version: facts.accepted_policy_version().to_owned(),
        };
        let answer = self.consent().enrol_subject(request(tenant, ask)).await;
        match answer {
            Ok(answer) => Ok(answer.into_inner().revision),
            Err(status) if says(&status, "POLICY_VERSION_UNKNOWN") => {
                Err(Error::PolicyVersionUnknown)
            }
            Err(status) if status.code() == Code::InvalidArgument => {
                Err(Error::SubjectInvalid("region"))
            }
            Err(status) => Err(unavailable(&status)),
        }
    }

    /// Stops every purpose for the person.
    pub async fn quarantine(&self, tenant: &str, subject: Uuid) -> Result<(), Error> {
        let ask = QuarantineSubjectRequest {
            request_id: format!("quarantine {subject}"),
            subject_id: subject.to_string(),
            cause: QuarantineCause::Erasure.into(),
        };
        match self
            .consent()
            .quarantine_subject(request(tenant, ask))
            .await
        {
            Ok(_) => Ok(()),
            // Nothing is permitted for a person whom consent does not know, or has forgotten.
            Err(status) if says(&status, "SUBJECT_UNKNOWN") || says(&status, "SUBJECT_ERASED") => {
                Ok(())
            }
            Err(status) => Err(unavailable(&status)),
        }
    }

    /// Destroys the keys of the person's orders, and returns their ids.
    pub async fn erase_orders(&self, tenant: &str, subject: Uuid) -> Result<Vec<Uuid>, Error> {
        let ask = EraseSubjectOrdersRequest {
            subject_id: subject.to_string(),
        };
        let answer = PaymentsDataServiceClient::new(self.payments_data.clone())
            .erase_subject_orders(request(tenant, ask))
            .await
            .map_err(|status| unavailable(&status))?
            .into_inner();
        answer
            .destroyed_key_ids
            .iter()
            .map(|id| key_id(id))
            .collect()
    }

    /// Makes consent forget the person. It does so only once all evidence has reached the log.
    pub async fn forget(&self, tenant: &str, subject: Uuid) -> Result<(), Error> {
        let ask = ForgetSubjectRequest {
            request_id: format!("forget {subject}"),
            subject_id: subject.to_string(),
        };
        match self.consent().forget_subject(request(tenant, ask)).await {
            Ok(_) => Ok(()),
            // Consent was restored from before the quarantine: it is told again, and asked again.
            Err(status) if says(&status, "NOT_QUARANTINED") => {
                self.quarantine(tenant, subject).await?;
                Err(Error::PeerUnavailable)
            }
            Err(status) => Err(unavailable(&status)),
        }
    }

    /// Has the key of the person's log entries destroyed, now or as soon as nothing keeps it. There
    /// is none when nothing was recorded.
    pub async fn shred_log(&self, tenant: &str, subject: Uuid) -> Result<LogKey, Error> {
        let ask = ShredSubjectRequest {
            subject_id: subject.to_string(),
        };
        let answer = DisclosureAuditServiceClient::new(self.log.clone())
            .shred_subject(request(tenant, ask))
            .await
            .map_err(|status| unavailable(&status))?
            .into_inner();
        if let Some(delay) = &answer.delay {
            return Ok(LogKey::Kept(log_key_delay(delay)));
        }
        if answer.key_id.is_empty() {
            return Ok(LogKey::None);
        }
        Ok(LogKey::Gone(KeyGone {
            key_id: key_id(&answer.key_id)?,
            index: answer.index,
        }))
    }

    fn consent(&self) -> ConsentServiceClient<Connection> {
        ConsentServiceClient::new(self.consent.clone())
    }
}

fn log_key_delay(delay: &ShredDelay) -> LogKeyDelay {
    let reason = |it| match it {
        log::DelayReason::Hold => Some(DelayReason::Hold),
        log::DelayReason::EvidenceRetention => Some(DelayReason::EvidenceRetention),
        log::DelayReason::Unspecified => None,
    };
    let milliseconds =
        |it: prost_types::Timestamp| it.seconds * 1_000 + i64::from(it.nanos) / 1_000_000;
    LogKeyDelay {
        reasons: delay.reasons().filter_map(reason).collect(),
        until_ms: delay.until.map(milliseconds),
    }
}

fn says(status: &Status, expected: &str) -> bool {
    reason(status).as_deref() == Some(expected)
}

/// An id that is none is a fault of the peer: what it says it destroyed cannot be certified.
fn key_id(text: &str) -> Result<Uuid, Error> {
    parse_id(text).ok_or(Error::PeerUnavailable)
}

/// Every other refusal is between this service and its peer.
fn unavailable(status: &Status) -> Error {
    tracing::warn!(code = ?status.code(), reason = reason(status), "a peer refused or did not answer");
    Error::PeerUnavailable
}
