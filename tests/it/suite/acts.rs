//! What callers do: each call of the API stands here once, so that a change of the API changes one line.

use client::Clients;
use proto::{
    consent::{
        AgeBand, AuthorizeRequest, CheckRequest, Collect, ConsentScope, Decision, Disclose,
        GrantConsentRequest, GrantConsentResponse, Question, Source, Use, WithdrawConsentRequest,
        WithdrawConsentResponse, question::Action,
    },
    disclosure_audit::{
        AccountDisclosuresRequest, DisclosureRecord, GetReceiptRequest, Recipient,
        RegisterRecipientRequest,
    },
    identity::{
        CollectRequest, EraseSubjectRequest, Erasure, GetErasureRequest, RegisterSubjectRequest,
        RevealRequest, RevealResponse, SubjectState, Value,
    },
    payments_data::{
        Card, OpenOrderRequest, Order, OrderValue, ReleaseRequest, ReleaseResponse,
        SettleOrderRequest, StoreOrderDataRequest, order_value,
    },
};
use tonic::{Code, Status};

pub const NAME: &str = "user.name";
pub const EMAIL: &str = "user.contact.email";
pub const PHONE: &str = "user.contact.phone_number";
pub const ADDRESS: &str = "user.contact.address";
pub const CARD: &str = "user.financial.credit_card";
pub const NEWSLETTER: &str = "marketing.communications.email";
pub const PAYMENT: &str = "essential.service.payment_processing";

/// A new request id, as a caller would choose one.
pub fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Asserts a refusal with its code and `ErrorInfo.reason`, and returns it.
#[track_caller]
pub fn assert_refused<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    code: Code,
    reason: &str,
) -> Status {
    let status = answer.expect_err("this must be refused");
    let found = client::reason(&status).unwrap_or_default();
    assert_eq!((status.code(), found.as_str()), (code, reason), "{status}");
    status
}

/// The clause keys that a refusal carries.
pub fn clauses_of(status: &Status) -> String {
    let info = client::error_info(status);
    info.and_then(|it| it.metadata.get("clauses").cloned())
        .unwrap_or_default()
}

/// Registers an adult in the United States who accepted the first policy version.
pub async fn register(shop: &mut Clients) -> String {
    let request = RegisterSubjectRequest {
        request_id: new_id(),
        region: "US".into(),
        age_band: AgeBand::Adult.into(),
        accepted_policy_version: "v1".into(),
    };
    let answer = shop.identity.register_subject(shop.request(request)).await;
    answer
        .expect("anybody can register")
        .into_inner()
        .subject_id
}

/// Registers a recipient for a year.
pub async fn register_recipient(
    operator: &mut Clients,
    id: &str,
    kind: &str,
    purpose: &str,
    categories: &[&str],
) -> Result<(), Status> {
    let recipient = recipient(id, kind, purpose, categories);
    let request = RegisterRecipientRequest {
        request_id: new_id(),
        recipient: Some(recipient),
    };
    operator
        .audit
        .register_recipient(operator.request(request))
        .await
        .map(|_| ())
}

/// A registration for a year.
pub fn recipient(id: &str, kind: &str, purpose: &str, categories: &[&str]) -> Recipient {
    Recipient {
        recipient_id: id.into(),
        name: format!("{id} Ltd"),
        kind: kind.into(),
        contract: "C-1".into(),
        purposes: vec![purpose.into()],
        categories: owned(categories),
        country: "US".into(),
        expires_at: Some(seconds_from_now(365 * 86_400)),
        ended_at: None,
    }
}

/// A moment after now, or before it.
pub fn seconds_from_now(seconds: i64) -> prost_types::Timestamp {
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .expect("it is after 1970");
    prost_types::Timestamp {
        seconds: now.as_secs() as i64 + seconds,
        nanos: 0,
    }
}

/// The question to collect at the site's registration.
pub fn collect(subject: &str, act: &str, categories: &[&str]) -> Question {
    collect_at(subject, "site_registration", act, categories)
}

/// The question to collect at a point.
pub fn collect_at(subject: &str, point: &str, act: &str, categories: &[&str]) -> Question {
    Question {
        subject_id: subject.into(),
        action: Some(Action::Collect(Collect {
            point: point.into(),
            act: act.into(),
        })),
        categories: owned(categories),
        ..Default::default()
    }
}

/// The question to use values within the company.
pub fn use_within(subject: &str, purpose: &str, categories: &[&str]) -> Question {
    Question {
        subject_id: subject.into(),
        action: Some(Action::Use(Use {})),
        purpose: purpose.into(),
        categories: owned(categories),
        ..Default::default()
    }
}

/// The question to disclose values to a recipient.
pub fn disclose(subject: &str, recipient: &str, purpose: &str, categories: &[&str]) -> Question {
    Question {
        subject_id: subject.into(),
        action: Some(Action::Disclose(Disclose {
            recipient_id: recipient.into(),
        })),
        purpose: purpose.into(),
        categories: owned(categories),
        ..Default::default()
    }
}

/// The same question about an order's data.
pub fn of_order(mut question: Question, order: &str) -> Question {
    question.order_id = order.into();
    question
}

/// Asks for a grant; the decision comes with it.
pub async fn authorize(
    caller: &mut Clients,
    question: Question,
) -> Result<(String, Decision), Status> {
    let request = AuthorizeRequest {
        question: Some(question),
        at_least_as_fresh: 0,
    };
    let answer = caller
        .consent
        .authorize(caller.request(request))
        .await?
        .into_inner();
    Ok((
        answer.grant,
        answer.decision.expect("a grant has its decision"),
    ))
}

/// Asks without acting.
pub async fn check(
    caller: &mut Clients,
    question: Question,
    at_least_as_fresh: u64,
) -> Result<Decision, Status> {
    let request = CheckRequest {
        question: Some(question),
        at_least_as_fresh,
    };
    let answer = caller
        .consent
        .check(caller.request(request))
        .await?
        .into_inner();
    Ok(answer.decision.expect("a check has its decision"))
}

/// What a consent is about.
pub fn scope(subject: &str, purpose: &str, recipient: &str) -> ConsentScope {
    ConsentScope {
        subject_id: subject.into(),
        purpose: purpose.into(),
        recipient_id: recipient.into(),
    }
}

/// Says yes on a form.
pub async fn grant_consent(
    shop: &mut Clients,
    scope: ConsentScope,
) -> Result<GrantConsentResponse, Status> {
    let request = GrantConsentRequest {
        request_id: new_id(),
        scope: Some(scope),
        source: Source::WebForm.into(),
        expires_at: None,
    };
    Ok(shop
        .consent
        .grant_consent(shop.request(request))
        .await?
        .into_inner())
}

/// Takes a yes back on a form.
pub async fn withdraw_consent(
    shop: &mut Clients,
    scope: ConsentScope,
) -> Result<WithdrawConsentResponse, Status> {
    let request = WithdrawConsentRequest {
        request_id: new_id(),
        scope: Some(scope),
        source: Source::WebForm.into(),
    };
    Ok(shop
        .consent
        .withdraw_consent(shop.request(request))
        .await?
        .into_inner())
}

/// Brings values into the vault under a grant.
pub async fn store(shop: &mut Clients, grant: &str, values: &[(&str, &str)]) -> Result<(), Status> {
    let values = values
        .iter()
        .map(|(category, text)| Value {
            category: (*category).into(),
            text: (*text).into(),
        })
        .collect();
    let request = CollectRequest {
        request_id: new_id(),
        grant: grant.into(),
        values,
    };
    shop.identity
        .collect(shop.request(request))
        .await
        .map(|_| ())
}

/// Collects values that the person typed at the site's registration.
pub async fn collect_typed(shop: &mut Clients, subject: &str, values: &[(&str, &str)]) {
    let categories: Vec<_> = values.iter().map(|(category, _)| *category).collect();
    let question = collect(subject, "typed", &categories);
    let (grant, _) = authorize(shop, question)
        .await
        .expect("the point declares them");
    store(shop, &grant, values)
        .await
        .expect("the grant covers them");
}

/// Opens all that a grant covers.
pub async fn reveal(caller: &mut Clients, grant: &str) -> Result<RevealResponse, Status> {
    let request = RevealRequest {
        grant: grant.into(),
        categories: Vec::new(),
        request_id: new_id(),
    };
    Ok(caller
        .identity
        .reveal(caller.request(request))
        .await?
        .into_inner())
}

/// Opens an order for the shop.
pub async fn open_order(shop: &mut Clients, subject: &str, releases_max: u32) -> Order {
    let request = OpenOrderRequest {
        request_id: new_id(),
        subject_id: subject.into(),
        merchant: "shop".into(),
        releases_max,
        expires_at: None,
    };
    let answer = shop.payments.open_order(shop.request(request)).await;
    answer
        .expect("anybody can order")
        .into_inner()
        .order
        .expect("it is returned")
}

/// A value of an order.
pub fn order_text(category: &str, text: &str) -> OrderValue {
    OrderValue {
        category: category.into(),
        value: Some(order_value::Value::Text(text.into())),
    }
}

/// A card of an order.
pub fn order_card(number: &str) -> OrderValue {
    let card = Card {
        number: number.into(),
        expiry_month: 12,
        expiry_year: 2099,
    };
    OrderValue {
        category: CARD.into(),
        value: Some(order_value::Value::Card(card)),
    }
}

/// Stores what came with an order.
pub async fn store_order_data(
    shop: &mut Clients,
    subject: &str,
    order: &str,
    values: Vec<OrderValue>,
) -> Result<(), Status> {
    let categories: Vec<_> = values.iter().map(|it| it.category.as_str()).collect();
    let question = of_order(collect_at(subject, "order", "typed", &categories), order);
    let (grant, _) = authorize(shop, question).await?;
    let request = StoreOrderDataRequest {
        request_id: new_id(),
        order_id: order.into(),
        grant,
        values,
    };
    shop.payments
        .store_order_data(shop.request(request))
        .await
        .map(|_| ())
}

/// Releases all that a grant covers of an order.
pub async fn release(
    caller: &mut Clients,
    order: &str,
    grant: &str,
) -> Result<ReleaseResponse, Status> {
    release_as(caller, &new_id(), order, grant).await
}

/// Releases under a request id of the caller's choice.
pub async fn release_as(
    caller: &mut Clients,
    request_id: &str,
    order: &str,
    grant: &str,
) -> Result<ReleaseResponse, Status> {
    let request = ReleaseRequest {
        request_id: request_id.into(),
        order_id: order.into(),
        grant: grant.into(),
        categories: Vec::new(),
    };
    Ok(caller
        .payments
        .release(caller.request(request))
        .await?
        .into_inner())
}

/// Closes an order as paid.
pub async fn settle(shop: &mut Clients, order: &str) -> Result<Order, Status> {
    let request = SettleOrderRequest {
        order_id: order.into(),
    };
    let answer = shop
        .payments
        .settle_order(shop.request(request))
        .await?
        .into_inner();
    Ok(answer.order.expect("it is returned"))
}

/// The accounting of one person's disclosures, its first page.
pub async fn account(shop: &mut Clients, subject: &str) -> Result<Vec<DisclosureRecord>, Status> {
    let request = AccountDisclosuresRequest {
        subject_id: subject.into(),
        ..Default::default()
    };
    Ok(shop
        .audit
        .account_disclosures(shop.request(request))
        .await?
        .into_inner()
        .records)
}

/// The offline proof of an entry.
pub async fn receipt(shop: &mut Clients, entry: &str) -> Result<String, Status> {
    let request = GetReceiptRequest {
        entry_id: entry.into(),
    };
    let proof = shop
        .audit
        .get_receipt(shop.request(request))
        .await?
        .into_inner()
        .proof;
    Ok(String::from_utf8(proof).expect("a proof is text"))
}

/// Erases a person and waits for the end.
pub async fn erase(shop: &mut Clients, subject: &str) -> Erasure {
    let request = EraseSubjectRequest {
        request_id: new_id(),
        subject_id: subject.into(),
    };
    let answer = shop.identity.erase_subject(shop.request(request)).await;
    let mut erasure = answer.expect("anybody can be erased").into_inner().erasure;
    for _ in 0..300 {
        let current = erasure.expect("an erasure has a state");
        if current.state() == SubjectState::Erased {
            return current;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let request = GetErasureRequest {
            subject_id: subject.into(),
        };
        let answer = shop.identity.get_erasure(shop.request(request)).await;
        erasure = answer.expect("it was begun").into_inner().erasure;
    }
    panic!("the erasure did not end in 30 seconds");
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|it| (*it).to_owned()).collect()
}
