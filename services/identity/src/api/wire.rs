//! Our types turned into wire types, and ids read from them.

use client::parse_id;
use prost_types::Timestamp;
use proto::disclosure_audit::{self as log, ShredDelay};
use proto::identity::{self as pb, Provenance, SubjectState};
use uuid::Uuid;

use crate::{
    erasure::{DelayReason, Erasure, LogKeyDelay, Step},
    error::Error,
    store::StoredValue,
};

pub(super) fn subject_id(text: &str) -> Result<Uuid, Error> {
    parse_id(text).ok_or(Error::SubjectIdInvalid)
}

/// That a value is there, and where it came from; not what it is.
pub(super) fn stored_value(value: &StoredValue) -> pb::StoredValue {
    pb::StoredValue {
        category: value.category.clone(),
        version: value.version,
        provenance: Some(Provenance {
            point: value.point.clone(),
            act: value.act.clone(),
            collected_by: value.collected_by.clone(),
            collected_at: Some(timestamp(value.collected_at_ms)),
            policy_version: value.policy_version.clone(),
        }),
    }
}

/// How far an erasure is. Its certificate is handed out only once the log has it.
pub(super) fn erasure(subject: Uuid, erasure: Erasure) -> pb::Erasure {
    let finished = erasure.next == Step::Finished;
    let state = match finished {
        true => SubjectState::Erased,
        false => SubjectState::Erasing,
    };
    pb::Erasure {
        subject_id: subject.to_string(),
        state: state.into(),
        requested_at: Some(timestamp(erasure.requested_at_ms)),
        completed_at: erasure.completed_at_ms.map(timestamp),
        certificate: erasure.certificate.filter(|_| finished).unwrap_or_default(),
        entry_id: erasure
            .entry_id
            .map(|it| it.to_string())
            .unwrap_or_default(),
        log_key_delay: erasure.log_key_delay.map(log_key_delay),
    }
}

fn log_key_delay(delay: LogKeyDelay) -> ShredDelay {
    let reason = |it: &DelayReason| match it {
        DelayReason::Hold => log::DelayReason::Hold.into(),
        DelayReason::EvidenceRetention => log::DelayReason::EvidenceRetention.into(),
    };
    ShredDelay {
        reasons: delay.reasons.iter().map(reason).collect(),
        until: delay.until_ms.map(timestamp),
    }
}

fn timestamp(at_ms: i64) -> Timestamp {
    let nanos = at_ms.rem_euclid(1000) * 1_000_000;
    Timestamp {
        seconds: at_ms.div_euclid(1000),
        nanos: i32::try_from(nanos).expect("under a second"),
    }
}
