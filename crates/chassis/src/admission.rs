//! Who is let in: the questions every call must answer before its handler is asked.

use std::sync::Arc;

use client::{TENANT_METADATA, TIME_METADATA};
use http::{HeaderMap, Request};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Code;

use crate::{Caller, Callers, Refusal, Tenant, connection::Peer, refuse};

/// How far the clocks of caller and service may be apart.
const CLOCK_SKEW_MAX_MS: u64 = 5_000;
/// How many calls may be in progress.
const IN_FLIGHT_MAX: usize = 1_024;

/// Admits the calls of one service.
pub(crate) struct Admission {
    service: &'static str,
    callers: Callers,
    permits: Arc<Semaphore>,
}

impl Admission {
    pub(crate) fn new(service: &'static str, callers: Callers) -> Admission {
        Admission {
            service,
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
    ) -> Result<(Caller, OwnedSemaphorePermit), Refusal> {
        let id = match request.extensions().get::<Peer>() {
            Some(Peer(Some(id))) => id,
            _ => return Err(self.unidentified()),
        };
        let tenant = tenant(request.headers()).ok_or_else(|| self.tenant_invalid())?;
        let method = request.uri().path().trim_start_matches('/');
        let caller = self.callers.admit(id, tenant, method);
        let caller = caller.map_err(|it| {
            let message = "the caller is not allowed to do this";
            refuse(
                Code::PermissionDenied,
                self.service,
                "CALLER_NOT_ALLOWED",
                message,
            )
            .metadata("what", it.what())
        })?;
        if !clocks_agree(request.headers(), now) {
            return Err(self.clock_skew());
        }
        let permit = self.permits.clone().try_acquire_owned();
        Ok((caller, permit.map_err(|_| self.overloaded())?))
    }

    fn unidentified(&self) -> Refusal {
        let message = "the certificate names no peer";
        refuse(
            Code::Unauthenticated,
            self.service,
            "PEER_UNIDENTIFIED",
            message,
        )
    }

    fn tenant_invalid(&self) -> Refusal {
        let message = "a tenant is named by 1 to 63 lower-case letters, digits and dashes";
        refuse(
            Code::InvalidArgument,
            self.service,
            "TENANT_INVALID",
            message,
        )
    }

    fn clock_skew(&self) -> Refusal {
        let message = "the clocks of caller and service are too far apart";
        refuse(
            Code::FailedPrecondition,
            self.service,
            "CLOCK_SKEW",
            message,
        )
        .metadata("skew_max_ms", CLOCK_SKEW_MAX_MS.to_string())
    }

    fn overloaded(&self) -> Refusal {
        let message = "too many calls are in progress";
        refuse(Code::ResourceExhausted, self.service, "OVERLOADED", message)
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
    use tonic::Status;

    use super::*;

    const NOW: i64 = 1_800_000_000_000;
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
        Admission::new(
            "consent",
            Callers::parse(TABLE).expect("the table is sound"),
        )
    }

    fn refused(request: &Request<()>) -> Option<(Code, String)> {
        let refusal = admission().admit(request, NOW).err()?;
        let status = Status::from(refusal);
        Some((
            status.code(),
            client::reason(&status).expect("every refusal has one"),
        ))
    }

    #[test]
    fn each_question_has_its_refusal() {
        let shop = Some("spiffe://vow.local/workload/shop");
        let five_late = (NOW - 5_000).to_string();
        let six_late = (NOW - 5_001).to_string();
        let five_early = (NOW + 5_000).to_string();
        let six_early = (NOW + 5_001).to_string();
        for (peer, headers, answer) in [
            (shop, &[][..], None),
            (shop, &[("vow-tenant", "acme")], None),
            (shop, &[("vow-time", five_late.as_str())], None),
            (shop, &[("vow-time", five_early.as_str())], None),
            (
                None,
                &[],
                Some((Code::Unauthenticated, "PEER_UNIDENTIFIED")),
            ),
            (
                Some("spiffe://x/y"),
                &[],
                Some((Code::PermissionDenied, "CALLER_NOT_ALLOWED")),
            ),
            (
                shop,
                &[("vow-tenant", "other")],
                Some((Code::PermissionDenied, "CALLER_NOT_ALLOWED")),
            ),
            (
                shop,
                &[("vow-tenant", "Acme")],
                Some((Code::InvalidArgument, "TENANT_INVALID")),
            ),
            (
                shop,
                &[("vow-tenant", "")],
                Some((Code::InvalidArgument, "TENANT_INVALID")),
            ),
            (
                shop,
                &[("vow-tenant", "acme"), ("vow-tenant", "default")],
                Some((Code::InvalidArgument, "TENANT_INVALID")),
            ),
            (
                shop,
                &[("vow-time", &six_late)],
                Some((Code::FailedPrecondition, "CLOCK_SKEW")),
            ),
            (
                shop,
                &[("vow-time", &six_early)],
                Some((Code::FailedPrecondition, "CLOCK_SKEW")),
            ),
            (
                shop,
                &[("vow-time", "noon")],
                Some((Code::FailedPrecondition, "CLOCK_SKEW")),
            ),
        ] {
            let answer = answer.map(|(code, reason)| (code, reason.to_owned()));
            assert_eq!(
                refused(&request(peer, headers)),
                answer,
                "{peer:?} {headers:?}"
            );
        }
    }

    #[test]
    fn a_request_over_an_unknown_kind_of_connection_is_refused() {
        let mut request = request(None, &[]);
        request.extensions_mut().clear();
        let answer = Some((Code::Unauthenticated, "PEER_UNIDENTIFIED".to_owned()));
        assert_eq!(refused(&request), answer);
    }

    #[test]
    fn calls_in_progress_are_bounded() {
        let admission = admission();
        let request = request(Some("spiffe://vow.local/workload/shop"), &[]);
        let admitted: Vec<_> = (0..IN_FLIGHT_MAX)
            .map(|_| admission.admit(&request, NOW))
            .collect();
        assert!(admitted.iter().all(Result::is_ok));
        let refusal = admission
            .admit(&request, NOW)
            .expect_err("there is no place left");
        assert_eq!(
            client::reason(&refusal.into()).as_deref(),
            Some("OVERLOADED")
        );
        drop(admitted);
        assert!(admission.admit(&request, NOW).is_ok());
    }
}
