//! What a vault asks before it opens anything: is the grant good, and is the use on record.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use grant::{Expect, Grant, GrantError, KeyBundle, Scope};
use proto::{
    consent::{GetRevisionRequest, consent_service_client::ConsentServiceClient},
    disclosure_audit::{
        DisclosureContext, LegalBasis, RecordRequest, RecordResponse,
        disclosure_audit_service_client::DisclosureAuditServiceClient,
    },
};
use tokio::time::timeout;
use tonic::{Code, Status};

use crate::{
    Connection, clock::now_ms, follow::Follow, fresh::Fresh, parse_id, reason, request, retry,
};

/// How long a call waits to learn the newest revision and to see everything up to it.
const FRESHNESS_WAIT: Duration = Duration::from_secs(2);

/// A record is asked for at most this often; its request id makes it one entry however often.
const RECORD_ATTEMPTS: u32 = 3;

/// The two gates of one vault: consent in front of it, the log behind it.
pub struct Guard {
    audience: &'static str,
    keys: KeyBundle,
    consent: Connection,
    log: Connection,
    tenants: Mutex<HashMap<String, Arc<TenantView>>>,
    read_at: AtomicI64,
}

struct TenantView {
    newest: Fresh<u64>,
    /// The newest revision as consent last said it.
    known: AtomicU64,
    follow: Follow,
}

/// How far a vault has followed consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Following {
    /// When consent last said its newest revision, in Unix milliseconds; 0 when it never did.
    pub read_at: i64,
    /// Revisions that are known to exist and are not applied yet: the most of any tenant.
    pub behind: u64,
}

/// Why nothing may be opened. It names no person and repeats nothing the caller sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// The grant is not believed, or not for this call.
    #[error("the grant is not honoured")]
    Grant(#[source] GrantError),
    /// Something restricting happened to the subject since the grant was issued.
    #[error("the grant was issued before a restriction, authorize again")]
    Superseded,
    /// Consent or the log did not answer in time.
    #[error("a peer does not answer")]
    PeerUnavailable,
    /// The log refused to record it.
    #[error("the log refuses to record it")]
    Refused {
        /// The status code that the caller is refused with.
        code: Code,
        /// The log's `ErrorInfo.reason`.
        reason: &'static str,
    },
    /// A peer answered something that means nothing, which must not count as durable.
    #[error("a peer's answer makes no sense")]
    Nonsense,
}

impl GuardError {
    /// The status code it is refused with.
    pub fn code(&self) -> Code {
        match self {
            GuardError::Grant(_) => Code::PermissionDenied,
            GuardError::Superseded => Code::FailedPrecondition,
            GuardError::PeerUnavailable | GuardError::Nonsense => Code::Unavailable,
            GuardError::Refused { code, .. } => *code,
        }
    }

    /// The `ErrorInfo.reason` it is refused with.
    pub fn reason(&self) -> &'static str {
        match self {
            GuardError::Grant(error) => error.reason(),
            GuardError::Superseded => "GRANT_SUPERSEDED",
            GuardError::PeerUnavailable | GuardError::Nonsense => "PEER_UNAVAILABLE",
            GuardError::Refused { reason, .. } => reason,
        }
    }
}

impl Guard {
    /// The guard of the vault that grants name as `audience`. It follows a tenant from the first
    /// grant of that tenant on.
    pub fn new(
        audience: &'static str,
        keys: KeyBundle,
        consent: Connection,
        log: Connection,
    ) -> Arc<Guard> {
        Arc::new(Guard {
            audience,
            keys,
            consent,
            log,
            tenants: Mutex::default(),
            read_at: AtomicI64::new(0),
        })
    }

    /// How far it has followed, for those who watch.
    pub fn following(&self) -> Following {
        let tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = |it: &Arc<TenantView>| {
            let known = it.known.load(Ordering::Relaxed);
            known.saturating_sub(it.follow.told())
        };
        Following {
            read_at: self.read_at.load(Ordering::Relaxed),
            behind: tenants.values().map(behind).max().unwrap_or(0),
        }
    }

    /// The grant of a token, if it holds for this caller and tenant now and nothing restricting
    /// has been acknowledged by consent since it was issued. Without consent's answer: refused.
    pub async fn admit(
        &self,
        token: &str,
        holder: &str,
        tenant: &str,
        now_seconds: u64,
    ) -> Result<Grant, GuardError> {
        let expect = Expect {
            issuers: &[Grant::ISSUER],
            audience: self.audience,
            holder,
            tenant,
            now: now_seconds,
        };
        // First, because it needs nobody: a forged token costs no peer anything.
        let grant = grant::verify(token, &self.keys, &expect).map_err(GuardError::Grant)?;
        let subject = match grant.scope {
            Scope::Subject(subject) | Scope::Order { subject, .. } => Some(subject),
            Scope::Aggregate => None,
        };
        let view = self.tenant_view(tenant);
        let stands = timeout(FRESHNESS_WAIT, async {
            let newest = view.newest.read(self.newest_revision(tenant)).await?;
            view.known.store(newest, Ordering::Relaxed);
            view.follow
                .admits(newest, subject, grant.revision)
                .await
                .ok_or(GuardError::PeerUnavailable)
        })
        .await
        .map_err(|_| GuardError::PeerUnavailable)??;
        match stands {
            true => Ok(grant),
            false => Err(GuardError::Superseded),
        }
    }

    /// Makes an event durable in the log: whoever has the answer may release. A log that does not
    /// answer is asked again under the same request id.
    pub async fn record(
        &self,
        tenant: &str,
        event: RecordRequest,
    ) -> Result<RecordResponse, GuardError> {
        let answer = retry(RECORD_ATTEMPTS, || {
            let mut log = DisclosureAuditServiceClient::new(self.log.clone());
            let ask = request(tenant, event.clone());
            async move { log.record(ask).await }
        })
        .await;
        match answer {
            Ok(answer) => believable(answer.into_inner()),
            Err(status) => Err(refusal(&status)),
        }
    }

    fn tenant_view(&self, tenant: &str) -> Arc<TenantView> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = tenants.get(tenant) {
            return view.clone();
        }
        let view = Arc::new(TenantView {
            newest: Fresh::new(),
            known: AtomicU64::new(0),
            follow: Follow::start(self.consent.clone(), tenant.to_owned()),
        });
        tenants.insert(tenant.to_owned(), view.clone());
        view
    }

    async fn newest_revision(&self, tenant: &str) -> Result<u64, GuardError> {
        ConsentServiceClient::new(self.consent.clone())
            .get_revision(request(tenant, GetRevisionRequest {}))
            .await
            .map(|answer| {
                self.read_at.store(now_ms(), Ordering::Relaxed);
                answer.into_inner().revision
            })
            .map_err(|status| refusal(&status))
    }
}

/// What a grant tells of a release beside what leaves, for whom and why; `None` when nothing.
pub fn release_context(grant: &Grant) -> Option<DisclosureContext> {
    let name = format!("LEGAL_BASIS_{}", grant.basis.as_deref()?);
    let legal_basis = LegalBasis::from_str_name(&name)?.into();
    Some(DisclosureContext {
        legal_basis,
        ..DisclosureContext::default()
    })
}

/// A durable entry has an id and a time. An answer without them is some other server's.
fn believable(answer: RecordResponse) -> Result<RecordResponse, GuardError> {
    let named = parse_id(&answer.entry_id).is_some_and(|it| !it.is_nil());
    let timed = answer.recorded_at.is_some_and(|it| it.seconds > 0);
    match named && timed {
        true => Ok(answer),
        false => Err(GuardError::Nonsense),
    }
}

/// The refusals that tell the caller something about its own request keep their reason. All others
/// are between this service and its peer: to the caller the peer was not there.
fn refusal(status: &Status) -> GuardError {
    let refused = |code, reason| GuardError::Refused { code, reason };
    match reason(status).as_deref() {
        Some("RECIPIENT_UNKNOWN") => refused(Code::FailedPrecondition, "RECIPIENT_UNKNOWN"),
        Some("RECIPIENT_EXPIRED") => refused(Code::FailedPrecondition, "RECIPIENT_EXPIRED"),
        Some("SUBJECT_SHREDDED") => refused(Code::FailedPrecondition, "SUBJECT_SHREDDED"),
        Some("RECIPIENT_PURPOSE") => refused(Code::PermissionDenied, "RECIPIENT_PURPOSE"),
        Some("RECIPIENT_KIND") => refused(Code::PermissionDenied, "RECIPIENT_KIND"),
        Some("IDEMPOTENCY_CONFLICT") => refused(Code::AlreadyExists, "IDEMPOTENCY_CONFLICT"),
        _ => {
            tracing::warn!(code = ?status.code(), "a peer refused or did not answer");
            GuardError::PeerUnavailable
        }
    }
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;
    use tonic_types::{ErrorDetails, StatusExt};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn only_a_named_and_timed_entry_counts_as_durable() {
        let entry_id = Uuid::from_u128(7).to_string();
        let recorded_at = Some(Timestamp {
            seconds: 1_800_000_000,
            nanos: 0,
        });
        let nil = Uuid::nil().to_string();
        let the_epoch = Some(Timestamp::default());
        for (entry_id, recorded_at, counts) in [
            (entry_id.as_str(), recorded_at, true),
            ("", recorded_at, false),
            ("recorded", recorded_at, false),
            (nil.as_str(), recorded_at, false),
            (entry_id.as_str(), None, false),
            (entry_id.as_str(), the_epoch, false),
        ] {
            let answer = RecordResponse {
                entry_id: entry_id.to_owned(),
                index: 0,
                recorded_at,
            };
            assert_eq!(believable(answer).is_ok(), counts, "{entry_id}");
        }
    }

    #[test]
    fn a_peers_refusal_is_passed_on_by_reason_only() {
        for (code, peer_reason, passed_on) in [
            (
                Code::FailedPrecondition,
                "RECIPIENT_EXPIRED",
                (Code::FailedPrecondition, "RECIPIENT_EXPIRED"),
            ),
            // The code is ours to choose, whatever the peer said.
            (
                Code::Internal,
                "RECIPIENT_KIND",
                (Code::PermissionDenied, "RECIPIENT_KIND"),
            ),
            (
                Code::PermissionDenied,
                "CALLER_NOT_ALLOWED",
                (Code::Unavailable, "PEER_UNAVAILABLE"),
            ),
            (
                Code::Unavailable,
                "LOG_UNAVAILABLE",
                (Code::Unavailable, "PEER_UNAVAILABLE"),
            ),
        ] {
            let details = ErrorDetails::with_error_info(peer_reason, "disclosure-audit", []);
            let error = refusal(&Status::with_error_details(code, "words", details));
            assert_eq!((error.code(), error.reason()), passed_on);
            assert!(!error.to_string().contains("words"));
        }
        assert_eq!(
            refusal(&Status::unavailable("words")),
            GuardError::PeerUnavailable
        );
    }
}
