//! Wire types turned into ours, and ours into wire types.

use prost_types::Timestamp;
use proto::payments_data as pb;
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
    let id = client::parse_id(text).ok_or(Error::OrderInvalid("order_id"))?;
    Ok(OrderId(id))
}

pub(super) fn subject_id(text: &str) -> Result<SubjectId, Error> {
    let id = client::parse_id(text).ok_or(Error::OrderInvalid("subject_id"))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::CATEGORY;

    const NOW: i64 = 1_800_000_000_000;

    fn text(category: &str, text: &str) -> pb::OrderValue {
        pb::OrderValue {
            category: category.to_owned(),
            value: Some(pb::order_value::Value::Text(text.to_owned())),
        }
    }

    fn a_card(number: &str, expiry_month: u32, expiry_year: u32) -> pb::OrderValue {
        let number = number.to_owned();
        pb::OrderValue {
            category: CATEGORY.to_owned(),
            value: Some(pb::order_value::Value::Card(pb::Card {
                number,
                expiry_month,
                expiry_year,
            })),
        }
    }

    fn nothing() -> pb::OrderValue {
        pb::OrderValue {
            category: "user.name".to_owned(),
            value: None,
        }
    }

    #[test]
    fn a_value_that_is_not_acceptable_is_named_and_never_repeated() {
        let number = "4242424242424242";
        for (brought, fault) in [
            (
                vec![text("user.name", "Ada"), a_card(number, 1, 2031)],
                None,
            ),
            (vec![], Some("values")),
            (vec![text("user.name", "Ada"), nothing()], Some("values[1]")),
            (vec![text("user.name", "")], Some("values[0]")),
            (vec![text(CATEGORY, number)], Some("values[0]")),
            (
                vec![text("user.name", "Ada"), text("user.name", "Ada")],
                Some("values[1]"),
            ),
            (
                vec![a_card("4242424242424241", 1, 2031)],
                Some("values[0].card.number"),
            ),
            (
                vec![a_card(number, 13, 2031)],
                Some("values[0].card.expiry_month"),
            ),
            (
                vec![a_card(number, 1, 2020)],
                Some("values[0].card.expiry_year"),
            ),
        ] {
            match (values(brought, NOW), fault) {
                (Ok(taken), None) => assert_eq!(taken.len(), 2),
                (Err(Error::ValueInvalid { field }), Some(fault)) => assert_eq!(field, fault),
                (_, fault) => panic!("{fault:?}"),
            }
        }
    }

    #[test]
    fn an_id_is_read_in_its_one_spelling() {
        let id = uuid::Uuid::from_u128(0xca7a);
        for (text, is_id) in [
            (id.to_string(), true),
            (id.to_string().to_uppercase(), false),
            (id.simple().to_string(), false),
            (String::new(), false),
        ] {
            assert_eq!(order_id(&text).is_ok(), is_id, "{text}");
            assert_eq!(subject_id(&text).is_ok(), is_id, "{text}");
        }
    }

    #[test]
    fn one_call_brings_at_most_32_values() {
        let named = |number: usize| text(&format!("category.{number}"), "it");
        assert!(values((0..32).map(named).collect(), NOW).is_ok());
        assert!(values((0..33).map(named).collect(), NOW).is_err());
    }

    #[test]
    fn values_go_out_as_they_came_in() {
        let brought = vec![
            text("user.name", "Ada"),
            a_card("4242424242424242", 1, 2031),
        ];
        let taken = values(brought.clone(), NOW).unwrap();
        let out: Vec<_> = taken.iter().map(|it| value(it).unwrap()).collect();
        assert_eq!(out, brought);
    }

    #[test]
    fn times_are_read_to_the_millisecond_or_refused() {
        for (seconds, nanos, time) in [
            (1_800_000_000, 0, Some(NOW)),
            (1_800_000_000, 1_999_999, Some(NOW + 1)),
            (1_800_000_000, 999_999_999, Some(NOW + 999)),
            (1_800_000_000, 1_000_000_000, None),
            (1_800_000_000, -1, None),
            (i64::MAX, 0, None),
            (i64::MIN, 0, None),
        ] {
            assert_eq!(expiry(Timestamp { seconds, nanos }).ok(), time);
        }
        assert_eq!(expiry(timestamp(NOW + 7)).ok(), Some(NOW + 7));
    }
}
