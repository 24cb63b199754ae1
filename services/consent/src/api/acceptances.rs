//! The calls about the acceptance of policy versions.

use chassis::Caller;
use policy::Acceptance as Kind;
use proto::consent as wire;
use proto::consent::{
    AcceptPolicyRequest, AcceptPolicyResponse, AcceptanceKind, ListAcceptancesRequest,
    ListAcceptancesResponse, RecordNoticeRequest, RecordNoticeResponse, RecordUseRequest,
    RecordUseResponse,
};

use super::{Api, parse, timestamp};
use crate::{
    acceptance::{Acceptance, Accepted},
    error::Error,
    wish::Wish,
};

impl Api {
    pub(super) async fn accept(
        &self,
        caller: &Caller,
        request: AcceptPolicyRequest,
    ) -> Result<AcceptPolicyResponse, Error> {
        let wish = Wish::Accept {
            subject: parse::subject_id(&request.subject_id)?,
            accepted: Accepted {
                policy: self.policy_named(caller, &request.policy_version).await?,
                kind: stated(request.kind)?,
            },
            in_force: self.number_in_force(caller).await?,
        };
        let id = &request.request_id;
        let written = self.write(caller, "AcceptPolicy", id, &request, wish);
        Ok(AcceptPolicyResponse {
            revision: written.await?.revision,
        })
    }

    pub(super) async fn notify(
        &self,
        caller: &Caller,
        request: RecordNoticeRequest,
    ) -> Result<RecordNoticeResponse, Error> {
        let wish = Wish::Notify {
            subject: parse::subject_id(&request.subject_id)?,
            policy: self.policy_named(caller, &request.policy_version).await?,
        };
        let id = &request.request_id;
        let written = self.write(caller, "RecordNotice", id, &request, wish);
        Ok(RecordNoticeResponse {
            revision: written.await?.revision,
        })
    }

    pub(super) async fn go_on(
        &self,
        caller: &Caller,
        request: RecordUseRequest,
    ) -> Result<RecordUseResponse, Error> {
        let wish = Wish::GoOn {
            subject: parse::subject_id(&request.subject_id)?,
            in_force: self.policy_in_force(caller).await?.name.number,
        };
        let id = &request.request_id;
        let written = self.write(caller, "RecordUse", id, &request, wish).await?;
        let accepted = written.policy.map(|it| it.to_string());
        Ok(RecordUseResponse {
            revision: written.revision,
            accepted_policy_version: accepted.unwrap_or_default(),
        })
    }

    pub(super) async fn acceptances(
        &self,
        caller: &Caller,
        request: ListAcceptancesRequest,
    ) -> Result<ListAcceptancesResponse, Error> {
        let subject = parse::subject_id(&request.subject_id)?;
        let tenant = caller.tenant.as_str();
        let known = self.store.acceptances_of(tenant, subject).await?;
        let acceptances = known.ok_or(Error::SubjectNotFound)?.into_iter();
        Ok(ListAcceptancesResponse {
            acceptances: acceptances.map(acceptance).collect(),
        })
    }
}

/// A kind that somebody can state; that use was continued, only a use on record says.
fn stated(kind: i32) -> Result<Kind, Error> {
    match AcceptanceKind::try_from(kind) {
        Ok(AcceptanceKind::Unspecified | AcceptanceKind::Explicit) => Ok(Kind::Explicit),
        Ok(AcceptanceKind::Guardian) => Ok(Kind::Guardian),
        Ok(AcceptanceKind::ContinuedUse) | Err(_) => Err(Error::Invalid("kind")),
    }
}

fn acceptance(acceptance: Acceptance) -> wire::Acceptance {
    let kind = match acceptance.accepted.kind {
        Kind::Explicit => AcceptanceKind::Explicit,
        Kind::ContinuedUse => AcceptanceKind::ContinuedUse,
        Kind::Guardian => AcceptanceKind::Guardian,
    };
    wire::Acceptance {
        policy_version: acceptance.accepted.policy.to_string(),
        kind: kind.into(),
        accepted_at: Some(timestamp(acceptance.at)),
        revision: acceptance.revision,
        notice_revision: acceptance.noticed_in.unwrap_or(0),
    }
}
