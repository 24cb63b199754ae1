//! Wire types turned into ours, and ours into wire types.

use prost_types::Timestamp;
use proto::payments_data as pb;
use uuid::Uuid;
use vault::Secret;

use crate::{
    card::{Card, Fault},
    error::Error,
    order::{Ending, Order, OrderId, State, SubjectId},
    value::{Content, Value},
};

/// How many values one call brings.
const VALUES_MAX: usize = 32;

pub(super) fn order_id(text: &str) -> Result<OrderId, Error> {
    let id = Uuid::parse_str(text).map_err(|_| Error::OrderInvalid("order_id"))?;
    Ok(OrderId(id))
}

pub(super) fn subject_id(text: &str) -> Result<SubjectId, Error> {
    let id = Uuid::parse_str(text).map_err(|_| Error::OrderInvalid("subject_id"))?;
    Ok(SubjectId(id))
}

/// When an order shall close, in Unix milliseconds; what is finer is dropped.
pub(super) fn expiry(time: Timestamp) -> Result<i64, Error> {
    let invalid = Error::OrderInvalid("expires_at");
    if !(0..1_000_000_000).contains(&time.nanos) {
        return Err(invalid);
    }
    let seconds = time.seconds.checked_mul(1_000).ok_or(invalid)?;
    Ok(seconds.saturating_add(i64::from(time.nanos / 1_000_000)))
}

fn timestamp(time: i64) -> Timestamp {
    let nanos = time.rem_euclid(1_000) * 1_000_000;
    Timestamp {
        seconds: time.div_euclid(1_000),
        nanos: i32::try_from(nanos).expect("under a second"),
    }
}

/// The order as it stands at `now`.
pub(super) fn order(order: &Order, categories: Vec<String>, now: i64) -> pb::Order {
    let state = match order.state_at(now) {
        State::Open => pb::OrderState::Open,
        State::Closed(Ending::Settled) => pb::OrderState::Settled,
        State::Closed(Ending::Cancelled) => pb::OrderState::Cancelled,
        State::Closed(Ending::Expired) => pb::OrderState::Expired,
        State::Closed(Ending::Erased) => pb::OrderState::Erased,
    };
    pb::Order {
        order_id: order.id.0.to_string(),
        subject_id: order.subject.0.to_string(),
        merchant: order.merchant.clone(),
        state: state.into(),
        releases_max: order.releases_max,
        releases_used: order.releases_used,
        categories,
        expires_at: Some(timestamp(order.expires_at)),
    }
}

/// The values of a request, if each is acceptable in its category and no category comes twice.
pub(super) fn values(values: Vec<pb::OrderValue>, now: i64) -> Result<Vec<Value>, Error> {
    let invalid = |field: String| Error::ValueInvalid { field };
    if !(1..=VALUES_MAX).contains(&values.len()) {
        return Err(invalid("values".to_owned()));
    }
    let mut taken: Vec<Value> = Vec::with_capacity(values.len());
    for (index, value) in values.into_iter().enumerate() {
        let content = content(value.value, now).map_err(|part| {
            let dot = if part.is_empty() { "" } else { "." };
            invalid(format!("values[{index}]{dot}{part}"))
        })?;
        let twice = taken.iter().any(|it| it.category() == value.category);
        let value = Value::new(value.category, content).filter(|_| !twice);
        taken.push(value.ok_or_else(|| invalid(format!("values[{index}]")))?);
    }
    Ok(taken)
}

/// What a value says, or the part of it that is not acceptable.
fn content(value: Option<pb::order_value::Value>, now: i64) -> Result<Content, &'static str> {
    use pb::order_value::Value::{Card as PlainCard, Text};
    match value {
        Some(Text(text)) => Ok(Content::Text(Secret::new(text.into_bytes()))),
        Some(PlainCard(card)) => {
            let number = Secret::new(card.number.into_bytes());
            let card = Card::new(number, card.expiry_month, card.expiry_year, now);
            card.map(Content::Card).map_err(|fault| match fault {
                Fault::Number => "card.number",
                Fault::ExpiryMonth => "card.expiry_month",
                Fault::ExpiryYear => "card.expiry_year",
            })
        }
        None => Err(""),
    }
}

/// An opened value on its way out. The copy made here is the one that leaves.
pub(super) fn value(value: &Value) -> Result<pb::OrderValue, Error> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| Error::Corrupt);
    let content = match value.content() {
        Content::Text(it) => pb::order_value::Value::Text(text(it.expose())?),
        Content::Card(card) => pb::order_value::Value::Card(pb::Card {
            number: text(card.number())?,
            expiry_month: card.expiry().month.into(),
            expiry_year: card.expiry().year.into(),
        }),
    };
    Ok(pb::OrderValue {
        category: value.category().to_owned(),
        value: Some(content),
    })
}
