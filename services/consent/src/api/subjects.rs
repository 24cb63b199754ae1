//! The calls about a person as a whole.

use std::time::Duration;

use chassis::Caller;
use policy::Acceptance as Kind;
use proto::consent::{
    EnrolSubjectRequest, EnrolSubjectResponse, ForgetSubjectRequest, ForgetSubjectResponse,
    QuarantineCause, QuarantineSubjectRequest, QuarantineSubjectResponse,
};
use tokio::time::timeout;

use super::{Api, parse};
use crate::{acceptance::Accepted, error::Error, subject::Facts, wish::Wish};

/// How long the last evidence of a person is helped on its way before the caller has to come again.
const DELIVERY_WITHIN: Duration = Duration::from_secs(2);

impl Api {
    pub(super) async fn enrol(
        &self,
        caller: &Caller,
        request: EnrolSubjectRequest,
    ) -> Result<EnrolSubjectResponse, Error> {
        let accepted = match request.accepted_policy_version.as_str() {
            "" => None,
            name => Some(Accepted {
                policy: self.policy_named(caller, name).await?,
                kind: Kind::Explicit,
            }),
        };
        let in_force = self.number_in_force(caller).await?;
        let holds = |it: &Accepted| it.policy.number <= in_force;
        let wish = Wish::Enrol {
            subject: parse::subject_id(&request.subject_id)?,
            facts: Facts {
                region: parse::region(request.region.clone())?,
                age_band: parse::age_band(request.age_band)?,
                accepted: accepted.clone().filter(holds),
                ahead: accepted.filter(|it| !holds(it)),
                notified: None,
            },
        };
        let id = &request.request_id;
        let written = self.write(caller, "EnrolSubject", id, &request, wish);
        Ok(EnrolSubjectResponse {
            revision: written.await?.revision,
        })
    }

    pub(super) async fn quarantine(
        &self,
        caller: &Caller,
        request: QuarantineSubjectRequest,
    ) -> Result<QuarantineSubjectResponse, Error> {
        if request.cause() == QuarantineCause::Unspecified {
            return Err(Error::Invalid("cause"));
        }
        let wish = Wish::Quarantine {
            subject: parse::subject_id(&request.subject_id)?,
        };
        let id = &request.request_id;
        let written = self.write(caller, "QuarantineSubject", id, &request, wish);
        Ok(QuarantineSubjectResponse {
            revision: written.await?.revision,
        })
    }

    pub(super) async fn forget(
        &self,
        caller: &Caller,
        request: ForgetSubjectRequest,
    ) -> Result<ForgetSubjectResponse, Error> {
        let subject = parse::subject_id(&request.subject_id)?;
        let tenant = caller.tenant.as_str();
        // Only what waits already is waited for: a quarantined person can still withdraw, and who
        // goes on withdrawing must not put the erasure off.
        let waiting = self.store.newest_evidence_of(tenant, subject).await?;
        if let Some(newest) = waiting {
            // Whether it arrived is decided with the write, under the tenant's lock.
            let _ = timeout(DELIVERY_WITHIN, self.outbox.empty_of(tenant, newest)).await;
        }
        let id = &request.request_id;
        let wish = Wish::Forget {
            subject,
            evidence_up_to: waiting.unwrap_or(0),
        };
        let written = self.write(caller, "ForgetSubject", id, &request, wish);
        Ok(ForgetSubjectResponse {
            revision: written.await?.revision,
        })
    }
}
