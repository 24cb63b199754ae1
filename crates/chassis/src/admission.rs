//! Who is let in: the questions every call must answer before its handler is asked.

use std::sync::Arc;

use client::{TENANT_METADATA, TIME_METADATA};
use http::{HeaderMap, Request};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tonic::Code;

use crate::{Caller, Callers, NotAllowed, Refusal, Tenant, connection::Peer, refuse};

/// How far the clocks of caller and service may be apart.
const CLOCK_SKEW_MAX_MS: u64 = 5_000;
/// How many calls may be in progress, streams among them.
pub(crate) const IN_FLIGHT_MAX: usize = 1_024;

/// Admits the calls of one service.
pub(crate) struct Admission {
    callers: watch::Receiver<Callers>,
    permits: Arc<Semaphore>,
}

/// Why a call is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAdmitted {
    #[error("the certificate names no peer")]
    PeerUnidentified,
    #[error("a tenant is named by 1 to 63 lower-case letters, digits and dashes")]
    TenantInvalid,
    #[error("the caller is not allowed to do this")]
    CallerNotAllowed(NotAllowed),
    #[error("the clocks of caller and service are too far apart")]
    ClockSkew,
    #[error("too many calls are in progress")]
    Overloaded,
}

impl Admission {
    pub(crate) fn new(callers: watch::Receiver<Callers>) -> Admission {
        Admission {
            callers,
            permits: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
        }
    }

    /// The caller of a request that arrives at `now` (Unix milliseconds), and its place among the
    /// calls in progress.
    pub(crate) fn admit<B>(
        &self,
        request: &Request<B>,
        now: i64,
    ) -> Result<(Caller, OwnedSemaphorePermit), NotAdmitted> {
        let id = match request.extensions().get::<Peer>() {
            Some(Peer(Some(id))) => id,
            _ => return Err(NotAdmitted::PeerUnidentified),
        };
        let tenant = tenant(request.headers()).ok_or(NotAdmitted::TenantInvalid)?;
        let method = request.uri().path().trim_start_matches('/');
        let caller = self.callers.borrow().admit(id, tenant, method);
        let caller = caller.map_err(NotAdmitted::CallerNotAllowed)?;
        if !clocks_agree(request.headers(), now) {
            return Err(NotAdmitted::ClockSkew);
        }
        let permit = self.permits.clone().try_acquire_owned();
        Ok((caller, permit.map_err(|_| NotAdmitted::Overloaded)?))
    }
}

impl NotAdmitted {
    /// What the service `domain` answers.
    pub(crate) fn refusal(self, domain: &str) -> Refusal {
        let (code, reason) = match self {
            NotAdmitted::PeerUnidentified => (Code::Unauthenticated, "PEER_UNIDENTIFIED"),
            NotAdmitted::TenantInvalid => (Code::InvalidArgument, "TENANT_INVALID"),
            NotAdmitted::CallerNotAllowed(_) => (Code::PermissionDenied, "CALLER_NOT_ALLOWED"),
            NotAdmitted::ClockSkew => (Code::FailedPrecondition, "CLOCK_SKEW"),
            NotAdmitted::Overloaded => (Code::ResourceExhausted, "OVERLOADED"),
        };
        let refusal = refuse(code, domain, reason, &self.to_string());
        match self {
            NotAdmitted::CallerNotAllowed(what) => refusal.metadata("what", what.word()),
            NotAdmitted::ClockSkew => {
                refusal.metadata("skew_max_ms", CLOCK_SKEW_MAX_MS.to_string())
            }
            _ => refusal,
        }
    }
}

/// The tenant that a call names. `None` when it names none properly, or several.
fn tenant(headers: &HeaderMap) -> Option<Tenant> {
    let mut names = headers.get_all(TENANT_METADATA).iter();
    match (names.next(), names.next()) {
        (None, _) => Some(Tenant::default()),
        (Some(name), None) => Tenant::parse(name.to_str().ok()?).ok(),
        (Some(_), Some(_)) => None,
    }
}

/// Our own services send their clock with each call; other callers need not.
fn clocks_agree(headers: &HeaderMap, now: i64) -> bool {
    let Some(sent) = headers.get(TIME_METADATA) else {
        return true;
    };
    let sent = sent.to_str().ok().and_then(|it| it.parse::<i64>().ok());
    sent.is_some_and(|it| it.abs_diff(now) <= CLOCK_SKEW_MAX_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;
    const SHOP: Option<&str> = Some("spiffe://vow.local/workload/shop");
    const TABLE: &str = r#"
        [[caller]]
        id = "spiffe://vow.local/workload/shop"
        kind = "workload"
        tenants = ["default", "acme"]
        methods = ["vow.consent.v1.ConsentService/Check"]
    "#;

    fn request(peer: Option<&str>, headers: &[(&'static str, &str)]) -> Request<()> {
        let mut request = Request::new(());
        *request.uri_mut() = "/vow.consent.v1.ConsentService/Check"
            .parse()
            .expect("a path");
        request.extensions_mut().insert(Peer(peer.map(Arc::from)));
        for (name, value) in headers {
            request
                .headers_mut()
                .append(*name, value.parse().expect("a value"));
        }
        request
    }

    fn admission() -> Admission {
        let callers = Callers::parse(TABLE).expect("the table is sound");
        Admission::new(watch::channel(callers).1)
    }

    #[test]
    fn each_question_has_its_refusal() {
        use NotAdmitted::*;
        let stranger = Some("spiffe://vow.local/workload/stranger");
        for (peer, headers, refused) in [
            (SHOP, &[][..], None),
            (SHOP, &[("vow-tenant", "acme")], None),
            (None, &[], Some(PeerUnidentified)),
            (stranger, &[], Some(CallerNotAllowed(NotAllowed::Caller))),
            (
                SHOP,
                &[("vow-tenant", "other")],
                Some(CallerNotAllowed(NotAllowed::Tenant)),
            ),
            (SHOP, &[("vow-tenant", "Acme")], Some(TenantInvalid)),
            (SHOP, &[("vow-tenant", "")], Some(TenantInvalid)),
            (
                SHOP,
                &[("vow-tenant", "acme"), ("vow-tenant", "default")],
                Some(TenantInvalid),
            ),
        ] {
            let answer = admission().admit(&request(peer, headers), NOW);
            assert_eq!(answer.err(), refused, "{peer:?} {headers:?}");
        }
    }

    #[test]
    fn clocks_may_be_five_seconds_apart() {
        for (sent, agree) in [
            (NOW.to_string(), true),
            ((NOW - 5_000).to_string(), true),
            ((NOW + 5_000).to_string(), true),
            ((NOW - 5_001).to_string(), false),
            ((NOW + 5_001).to_string(), false),
            (i64::MIN.to_string(), false),
            ("noon".to_owned(), false),
        ] {
            let answer = admission().admit(&request(SHOP, &[("vow-time", &sent)]), NOW);
            assert_eq!(answer.is_ok(), agree, "{sent}");
            assert!(agree || answer.err() == Some(NotAdmitted::ClockSkew));
        }
    }

    #[test]
    fn a_request_over_an_unknown_kind_of_connection_is_refused() {
        let mut request = request(SHOP, &[]);
        request.extensions_mut().clear();
        let refused = admission().admit(&request, NOW).err();
        assert_eq!(refused, Some(NotAdmitted::PeerUnidentified));
    }

    #[test]
    fn calls_in_progress_are_bounded() {
        let (admission, request) = (admission(), request(SHOP, &[]));
        let admitted: Vec<_> = (0..IN_FLIGHT_MAX)
            .map(|_| admission.admit(&request, NOW))
            .collect();
        assert!(admitted.iter().all(Result::is_ok));
        assert_eq!(
            admission.admit(&request, NOW).err(),
            Some(NotAdmitted::Overloaded)
        );
        drop(admitted);
        assert!(admission.admit(&request, NOW).is_ok());
    }
}
