//! Each call of the API, once: its message, its name in the report, and what of the answer is used.

use proto::{
    consent::{
        AgeBand, AuthorizeRequest, CheckRequest, ConsentScope, Decision, GrantConsentRequest,
        Question, Source, WithdrawConsentRequest,
    },
    disclosure_audit::{RecordRequest, Release, record_request::Event},
    identity::{
        CollectRequest, EraseSubjectRequest, Erasure, GetErasureRequest, RegisterSubjectRequest,
        RegisterSubjectResponse, RevealRequest, SubjectState, Value,
    },
    payments_data::{
        OpenOrderRequest, OrderValue, ReleaseRequest, SettleOrderRequest, StoreOrderDataRequest,
    },
};

use crate::{
    call::{Caller, Ended},
    words::new_id,
};

const AUTHORIZE: &str = "Authorize";
const REVEAL: &str = "Reveal";
const RELEASE: &str = "Release";

/// identity.
impl Caller {
    pub async fn register(
        &mut self,
        age_band: AgeBand,
        policy_version: &str,
    ) -> Result<RegisterSubjectResponse, Ended> {
        let message = RegisterSubjectRequest {
            request_id: new_id(),
            region: "US".to_owned(),
            age_band: age_band.into(),
            accepted_policy_version: policy_version.to_owned(),
        };
        self.answered("RegisterSubject", message, |mut it, request| async move {
            it.identity.register_subject(request).await
        })
        .await
    }

    pub async fn collect(&mut self, grant: &str, values: Vec<Value>) -> Result<(), Ended> {
        let message = CollectRequest {
            request_id: new_id(),
            grant: grant.to_owned(),
            values,
        };
        self.answered("Collect", message, |mut it, request| async move {
            it.identity.collect(request).await
        })
        .await
        .map(drop)
    }

    pub async fn reveal(&mut self, grant: &str) -> Result<Vec<Value>, Ended> {
        self.answered(REVEAL, revealing(grant), |mut it, request| async move {
            it.identity.reveal(request).await
        })
        .await
        .map(|it| it.values)
    }

    pub async fn not_revealed(&mut self, reason: &'static str, grant: &str) -> Result<(), Ended> {
        self.refused(
            REVEAL,
            reason,
            revealing(grant),
            |mut it, request| async move { it.identity.reveal(request).await },
        )
        .await
    }

    pub async fn erase_subject(&mut self, subject: &str) -> Result<SubjectState, Ended> {
        let message = EraseSubjectRequest {
            request_id: new_id(),
            subject_id: subject.to_owned(),
        };
        self.answered("EraseSubject", message, |mut it, request| async move {
            it.identity.erase_subject(request).await
        })
        .await
        .map(|it| state(it.erasure))
    }

    pub async fn erasure_state(&mut self, subject: &str) -> Result<SubjectState, Ended> {
        let message = GetErasureRequest {
            subject_id: subject.to_owned(),
        };
        self.answered("GetErasure", message, |mut it, request| async move {
            it.identity.get_erasure(request).await
        })
        .await
        .map(|it| state(it.erasure))
    }
}

/// consent.
impl Caller {
    pub async fn check(&mut self, question: Question, revision: u64) -> Result<Decision, Ended> {
        let message = CheckRequest {
            question: Some(question),
            at_least_as_fresh: revision,
        };
        self.answered("Check", message, |mut it, request| async move {
            it.consent.check(request).await
        })
        .await
        .map(|it| it.decision.unwrap_or_default())
    }

    pub async fn authorize(&mut self, question: Question) -> Result<String, Ended> {
        self.answered(AUTHORIZE, asking(question), |mut it, request| async move {
            it.consent.authorize(request).await
        })
        .await
        .map(|it| it.grant)
    }

    pub async fn not_authorized(
        &mut self,
        reason: &'static str,
        question: Question,
    ) -> Result<(), Ended> {
        self.refused(
            AUTHORIZE,
            reason,
            asking(question),
            |mut it, request| async move { it.consent.authorize(request).await },
        )
        .await
    }

    pub async fn grant_consent(&mut self, scope: ConsentScope) -> Result<u64, Ended> {
        let message = GrantConsentRequest {
            request_id: new_id(),
            scope: Some(scope),
            source: Source::WebForm.into(),
            expires_at: None,
        };
        self.answered("GrantConsent", message, |mut it, request| async move {
            it.consent.grant_consent(request).await
        })
        .await
        .map(|it| it.revision)
    }

    pub async fn withdraw_consent(&mut self, scope: ConsentScope) -> Result<u64, Ended> {
        let message = WithdrawConsentRequest {
            request_id: new_id(),
            scope: Some(scope),
            source: Source::WebForm.into(),
        };
        self.answered("WithdrawConsent", message, |mut it, request| async move {
            it.consent.withdraw_consent(request).await
        })
        .await
        .map(|it| it.revision)
    }
}

/// payments-data.
impl Caller {
    pub async fn open_order(&mut self, subject: &str) -> Result<String, Ended> {
        let message = OpenOrderRequest {
            request_id: new_id(),
            subject_id: subject.to_owned(),
            merchant: "shop".to_owned(),
            ..Default::default()
        };
        self.answered("OpenOrder", message, |mut it, request| async move {
            it.payments.open_order(request).await
        })
        .await
        .map(|it| it.order.unwrap_or_default().order_id)
    }

    pub async fn store_order_data(
        &mut self,
        order: &str,
        grant: &str,
        values: Vec<OrderValue>,
    ) -> Result<(), Ended> {
        let message = StoreOrderDataRequest {
            request_id: new_id(),
            order_id: order.to_owned(),
            grant: grant.to_owned(),
            values,
        };
        self.answered("StoreOrderData", message, |mut it, request| async move {
            it.payments.store_order_data(request).await
        })
        .await
        .map(drop)
    }

    pub async fn release(&mut self, order: &str, grant: &str) -> Result<Vec<OrderValue>, Ended> {
        self.answered(
            RELEASE,
            releasing(order, grant),
            |mut it, request| async move { it.payments.release(request).await },
        )
        .await
        .map(|it| it.values)
    }

    pub async fn not_released(
        &mut self,
        reason: &'static str,
        order: &str,
        grant: &str,
    ) -> Result<(), Ended> {
        self.refused(
            RELEASE,
            reason,
            releasing(order, grant),
            |mut it, request| async move { it.payments.release(request).await },
        )
        .await
    }

    pub async fn settle_order(&mut self, order: &str) -> Result<(), Ended> {
        let message = SettleOrderRequest {
            order_id: order.to_owned(),
        };
        self.answered("SettleOrder", message, |mut it, request| async move {
            it.payments.settle_order(request).await
        })
        .await
        .map(drop)
    }
}

/// disclosure-audit.
impl Caller {
    pub async fn record(&mut self, release: Release) -> Result<(), Ended> {
        let message = RecordRequest {
            request_id: new_id(),
            event: Some(Event::Release(release)),
        };
        self.answered("Record", message, |mut it, request| async move {
            it.audit.record(request).await
        })
        .await
        .map(drop)
    }
}

fn asking(question: Question) -> AuthorizeRequest {
    AuthorizeRequest {
        question: Some(question),
        at_least_as_fresh: 0,
    }
}

fn revealing(grant: &str) -> RevealRequest {
    RevealRequest {
        grant: grant.to_owned(),
        categories: Vec::new(),
        request_id: new_id(),
    }
}

fn releasing(order: &str, grant: &str) -> ReleaseRequest {
    ReleaseRequest {
        request_id: new_id(),
        order_id: order.to_owned(),
        grant: grant.to_owned(),
        categories: Vec::new(),
    }
}

fn state(erasure: Option<Erasure>) -> SubjectState {
    erasure.unwrap_or_default().state()
}
