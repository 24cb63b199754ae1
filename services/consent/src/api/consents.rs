//! The calls about consents: what a person says, and what stands.

use chassis::Caller;
use prost::Message;
use proto::consent::{
    Consent, ConsentScope, ConsentState, GrantConsentRequest, GrantConsentResponse,
    ListConsentsRequest, ListConsentsResponse, RefuseConsentRequest, RefuseConsentResponse,
    WithdrawConsentRequest, WithdrawConsentResponse,
};

use super::{Api, parse, timestamp};
use crate::{
    consent::{self, Choice, State},
    error::Error,
    wish::Wish,
};

/// What a person says, as it came.
struct Told<'a> {
    method: &'static str,
    request_id: &'a str,
    scope: Option<ConsentScope>,
    source: i32,
    choice: Choice,
}

impl Api {
    pub(super) async fn grant_consent(
        &self,
        caller: &Caller,
        request: GrantConsentRequest,
    ) -> Result<GrantConsentResponse, Error> {
        let told = Told {
            method: "GrantConsent",
            request_id: &request.request_id,
            scope: request.scope.clone(),
            source: request.source,
            choice: Choice::Give {
                expires_at: parse::expires_at(request.expires_at)?,
            },
        };
        let (revision, receipt) = self.choose(caller, told, &request).await?;
        Ok(GrantConsentResponse { revision, receipt })
    }

    pub(super) async fn refuse_consent(
        &self,
        caller: &Caller,
        request: RefuseConsentRequest,
    ) -> Result<RefuseConsentResponse, Error> {
        let told = Told {
            method: "RefuseConsent",
            request_id: &request.request_id,
            scope: request.scope.clone(),
            source: request.source,
            choice: Choice::Refuse,
        };
        let (revision, receipt) = self.choose(caller, told, &request).await?;
        Ok(RefuseConsentResponse { revision, receipt })
    }

    pub(super) async fn withdraw_consent(
        &self,
        caller: &Caller,
        request: WithdrawConsentRequest,
    ) -> Result<WithdrawConsentResponse, Error> {
        let told = Told {
            method: "WithdrawConsent",
            request_id: &request.request_id,
            scope: request.scope.clone(),
            source: request.source,
            choice: Choice::Withdraw,
        };
        let (revision, receipt) = self.choose(caller, told, &request).await?;
        Ok(WithdrawConsentResponse { revision, receipt })
    }

    pub(super) async fn consents(
        &self,
        caller: &Caller,
        request: ListConsentsRequest,
    ) -> Result<ListConsentsResponse, Error> {
        let subject = parse::subject_id(&request.subject_id)?;
        let size = parse::page_size(request.page_size)?;
        let after = match request.page_token.as_str() {
            "" => None,
            token => {
                let (purpose, recipient) =
                    token.split_once('/').ok_or(Error::Invalid("page_token"))?;
                Some((purpose.to_owned(), recipient.to_owned()))
            }
        };
        let tenant = caller.tenant.as_str();
        // One more than asked for tells whether there is another page.
        let page = self.store.consents_of(tenant, subject, after, size + 1);
        let mut consents = page.await?.ok_or(Error::SubjectNotFound)?;
        let has_more = consents.len() as u64 > size;
        consents.truncate(size as usize);
        let last = consents.last().filter(|_| has_more);
        Ok(ListConsentsResponse {
            next_page_token: last.map(|it| token(&it.scope)).unwrap_or_default(),
            consents: consents
                .into_iter()
                .map(|it| wire(it, chassis::clock::now_ms()))
                .collect(),
        })
    }

    /// Records what a person says, and gives its revision and its receipt.
    async fn choose(
        &self,
        caller: &Caller,
        told: Told<'_>,
        request: &impl Message,
    ) -> Result<(u64, String), Error> {
        let source = parse::source(told.source)?;
        let scope = parse::scope(told.scope)?;
        let wish = Wish::Choose {
            scope: scope.clone(),
            choice: told.choice,
            policy: self.policy_in_force(caller).await?.name,
        };
        let written = self
            .write(caller, told.method, told.request_id, request, wish)
            .await?;
        let policy = written.policy.as_ref().ok_or(Error::Internal)?;
        // Versions never go, so the one this rests on is there without asking again.
        let policy = self.follower.snapshot()?.version(policy);
        let receipt = self.signer.receipt(
            caller.tenant.as_str(),
            &scope,
            told.choice,
            source,
            &written,
            &policy.ok_or(Error::NotFresh)?,
        );
        Ok((written.revision, receipt))
    }
}

/// A place in the order of a person's consents; neither word contains the stroke.
fn token(scope: &consent::Scope) -> String {
    let recipient = scope.recipient.as_deref().unwrap_or_default();
    format!("{}/{recipient}", scope.purpose)
}

fn wire(consent: consent::Consent, now: i64) -> Consent {
    let state = match consent.state {
        State::Given if consent.is_expired(now) => ConsentState::Expired,
        State::Given => ConsentState::Given,
        State::Refused => ConsentState::Refused,
        State::Withdrawn => ConsentState::Withdrawn,
    };
    Consent {
        scope: Some(ConsentScope {
            subject_id: consent.scope.subject.to_string(),
            purpose: consent.scope.purpose,
            recipient_id: consent.scope.recipient.unwrap_or_default(),
        }),
        state: state.into(),
        policy_version: consent.policy.to_string(),
        revision: consent.revision,
        changed_at: Some(timestamp(consent.changed_at)),
        expires_at: consent.expires_at.map(timestamp),
    }
}
