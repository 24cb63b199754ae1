//! What the acts ask and say: questions, scopes and values.

use proto::{
    consent::{Collect, ConsentScope, Disclose, Question, question::Action},
    disclosure_audit::{Recipient, Release},
    identity::Value,
    payments_data::{Card, OrderValue, order_value},
};

pub const NAME: &str = "user.name";
pub const EMAIL: &str = "user.contact.email";
pub const CARD: &str = "user.financial.credit_card";
pub const PROVIDER: &str = "service_provider";
pub const PROCESSOR: &str = "payment_processor";
pub const NEWSLETTER: &str = "marketing.communications.email";
pub const PAYMENT: &str = "essential.service.payment_processing";

const YEAR_SECONDS: u64 = 365 * 86_400;

/// A new request id.
pub fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// May these be collected, typed by the person, at a point?
pub fn collect(subject: &str, point: &str, categories: &[&str]) -> Question {
    let collect = Collect {
        point: point.to_owned(),
        act: "typed".to_owned(),
    };
    Question {
        subject_id: subject.to_owned(),
        action: Some(Action::Collect(collect)),
        categories: owned(categories),
        ..Default::default()
    }
}

/// May the provider have the person's e-mail address for the newsletter?
pub fn newsletter(subject: &str, provider: &str) -> Question {
    disclose(subject, provider, NEWSLETTER, &[EMAIL])
}

/// May the processor have an order's card and the name on it?
pub fn charge(subject: &str, order: &str, processor: &str) -> Question {
    let mut question = disclose(subject, processor, PAYMENT, &[CARD, NAME]);
    question.order_id = order.to_owned();
    question
}

fn disclose(subject: &str, recipient: &str, purpose: &str, categories: &[&str]) -> Question {
    let disclose = Disclose {
        recipient_id: recipient.to_owned(),
    };
    Question {
        subject_id: subject.to_owned(),
        action: Some(Action::Disclose(disclose)),
        purpose: purpose.to_owned(),
        categories: owned(categories),
        ..Default::default()
    }
}

/// What the newsletter's consent is about.
pub fn newsletter_scope(subject: &str, provider: &str) -> ConsentScope {
    ConsentScope {
        subject_id: subject.to_owned(),
        purpose: NEWSLETTER.to_owned(),
        recipient_id: provider.to_owned(),
    }
}

/// A personal value.
pub fn value(category: &str, text: &str) -> Value {
    Value {
        category: category.to_owned(),
        text: text.to_owned(),
    }
}

/// What is given with an order.
pub fn payment() -> Vec<OrderValue> {
    let card = Card {
        number: "4242424242424242".to_owned(),
        expiry_month: 12,
        expiry_year: 2099,
    };
    let name = "Ada Load".to_owned();
    [
        (CARD, order_value::Value::Card(card)),
        (NAME, order_value::Value::Text(name)),
    ]
    .into_iter()
    .map(|(category, value)| OrderValue {
        category: category.to_owned(),
        value: Some(value),
    })
    .collect()
}

/// The newsletter's disclosure, as a vault records it.
pub fn release(subject: &str, provider: &str, revision: u64) -> Release {
    Release {
        subject_id: subject.to_owned(),
        holder: "spiffe://vow.dev/workload/shop".to_owned(),
        recipient_id: provider.to_owned(),
        recipient_kind: PROVIDER.to_owned(),
        purpose: NEWSLETTER.to_owned(),
        categories: owned(&[EMAIL]),
        clauses: owned(&["disclose.providers-with-permission"]),
        policy_version: "v1".to_owned(),
        revision,
        grant_id: new_id(),
        order_id: String::new(),
        context: None,
    }
}

/// A registration for a year.
pub fn recipient(id: &str, kind: &str, purpose: &str, categories: &[&str]) -> Recipient {
    let expires = client::clock::now_seconds() + YEAR_SECONDS;
    Recipient {
        recipient_id: id.to_owned(),
        name: id.to_owned(),
        kind: kind.to_owned(),
        contract: "load".to_owned(),
        purposes: owned(&[purpose]),
        categories: owned(categories),
        country: "US".to_owned(),
        expires_at: Some(prost_types::Timestamp {
            seconds: i64::try_from(expires).expect("a year from now is a time"),
            nanos: 0,
        }),
        ended_at: None,
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|it| (*it).to_owned()).collect()
}
