//! What a verified grant permits at one order.

use grant::{Action, Grant, Scope};

use crate::{
    error::Error,
    order::{OrderId, PURPOSE, SubjectId},
};

/// The collection point at which data is given with an order.
const POINT: &str = "order";

/// A grant that permits taking `categories` in at the order; it answers with whose order that is.
pub fn to_collect<'a>(
    grant: &Grant,
    order: OrderId,
    mut categories: impl Iterator<Item = &'a str>,
) -> Result<SubjectId, Error> {
    let subject = subject_of(grant, order)?;
    match &grant.action {
        Action::Collect { point, .. } if point == POINT => {}
        _ => return Err(Error::GrantWrongAction),
    }
    match categories.position(|category| !covers(grant, category)) {
        Some(index) => Err(Error::CategoryNotDeclared { index }),
        None => Ok(subject),
    }
}

/// A grant that permits releasing from the order; it answers with whose order that is.
///
/// The company's own use in serving the order is a release like any other: counted and recorded.
pub fn to_release(grant: &Grant, order: OrderId) -> Result<SubjectId, Error> {
    let subject = subject_of(grant, order)?;
    if matches!(grant.action, Action::Collect { .. }) {
        return Err(Error::GrantWrongAction);
    }
    if grant.purpose != PURPOSE {
        return Err(Error::GrantWrongPurpose);
    }
    Ok(subject)
}

/// The categories to release: those asked for, or all that are granted when none is.
pub fn wanted(grant: &Grant, asked: Vec<String>) -> Result<Vec<String>, Error> {
    if asked.is_empty() {
        return Ok(grant.categories.clone());
    }
    for (index, category) in asked.iter().enumerate() {
        if asked[..index].contains(category) {
            return Err(Error::OrderInvalid("categories"));
        }
        if !covers(grant, category) {
            return Err(Error::FieldNotNecessary);
        }
    }
    Ok(asked)
}

fn subject_of(grant: &Grant, order: OrderId) -> Result<SubjectId, Error> {
    match grant.scope {
        Scope::Order {
            subject,
            order: granted,
        } if granted == order.0 => Ok(SubjectId(subject)),
        _ => Err(Error::OtherOrder),
    }
}

fn covers(grant: &Grant, category: &str) -> bool {
    grant.categories.iter().any(|granted| granted == category)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ORDER: OrderId = OrderId(Uuid::from_u128(2));
    const SUBJECT: Uuid = Uuid::from_u128(1);

    fn collect(point: &str) -> Action {
        Action::Collect {
            point: point.to_owned(),
            act: "typed".to_owned(),
        }
    }

    fn disclose() -> Action {
        Action::Disclose {
            recipient: "processor".to_owned(),
            recipient_kind: "payment_processor".to_owned(),
        }
    }

    fn grant(action: Action) -> Grant {
        Grant {
            iss: "consent".to_owned(),
            aud: "payments-data".to_owned(),
            holder: "spiffe://example.org/shop".to_owned(),
            tenant: "acme".to_owned(),
            scope: Scope::Order {
                subject: SUBJECT,
                order: ORDER.0,
            },
            action,
            purpose: PURPOSE.to_owned(),
            categories: ["user.name", "user.financial.credit_card"]
                .map(str::to_owned)
                .to_vec(),
            clauses: vec!["use.payment-only-for-its-order".to_owned()],
            basis: None,
            policy_version: "v1".to_owned(),
            revision: 7,
            iat: 1_800_000_000,
            exp: 1_800_000_060,
            jti: Uuid::from_u128(3),
        }
    }

    fn reason<T>(answer: Result<T, Error>) -> Option<&'static str> {
        answer.err().map(|error| error.reason())
    }

    #[test]
    fn collecting_needs_a_grant_to_collect_at_the_order() {
        for (action, refusal) in [
            (collect("order"), None),
            (collect("site_registration"), Some("GRANT_WRONG_ACTION")),
            (Action::Use, Some("GRANT_WRONG_ACTION")),
            (disclose(), Some("GRANT_WRONG_ACTION")),
        ] {
            let answer = to_collect(&grant(action), ORDER, ["user.name"].into_iter());
            assert_eq!(reason(answer), refusal);
        }
    }

    #[test]
    fn collecting_stays_within_the_declared_categories() {
        let grant = grant(collect("order"));
        for (categories, undeclared) in [
            (vec!["user.name"], None),
            (vec!["user.financial.credit_card", "user.name"], None),
            (vec!["user.name", "user.contact.email"], Some(1)),
            (vec!["user.name.first"], Some(0)),
            (vec!["user"], Some(0)),
        ] {
            match (
                to_collect(&grant, ORDER, categories.into_iter()),
                undeclared,
            ) {
                (Ok(subject), None) => assert_eq!(subject.0, SUBJECT),
                (Err(Error::CategoryNotDeclared { index }), Some(place)) => {
                    assert_eq!(index, place);
                }
                _ => panic!("{undeclared:?}"),
            }
        }
    }

    #[test]
    fn releasing_needs_a_grant_to_give_out_for_the_orders_own_purpose() {
        for (action, purpose, refusal) in [
            (disclose(), PURPOSE, None),
            (Action::Use, PURPOSE, None),
            (collect("order"), PURPOSE, Some("GRANT_WRONG_ACTION")),
            (
                disclose(),
                "marketing.communications.email",
                Some("GRANT_WRONG_PURPOSE"),
            ),
            (disclose(), "", Some("GRANT_WRONG_PURPOSE")),
        ] {
            let grant = Grant {
                purpose: purpose.to_owned(),
                ..grant(action)
            };
            assert_eq!(reason(to_release(&grant, ORDER)), refusal);
        }
    }

    #[test]
    fn a_grant_for_anything_but_the_order_is_refused() {
        for (scope, refusal) in [
            (grant(Action::Use).scope, None),
            (
                Scope::Order {
                    subject: SUBJECT,
                    order: Uuid::from_u128(9),
                },
                Some("OTHER_ORDER"),
            ),
            (Scope::Subject(SUBJECT), Some("OTHER_ORDER")),
            (Scope::Subject(ORDER.0), Some("OTHER_ORDER")),
            (Scope::Aggregate, Some("OTHER_ORDER")),
        ] {
            let scoped = |action| Grant {
                scope,
                ..grant(action)
            };
            assert_eq!(reason(to_release(&scoped(disclose()), ORDER)), refusal);
            let collecting = to_collect(&scoped(collect("order")), ORDER, [].into_iter());
            assert_eq!(reason(collecting), refusal);
        }
    }

    #[test]
    fn only_granted_fields_are_released_each_once() {
        let grant = grant(disclose());
        let [name, card] = ["user.name", "user.financial.credit_card"];
        for (asked, answer) in [
            (vec![], Ok(vec![name, card])),
            (vec![card], Ok(vec![card])),
            (vec![card, name], Ok(vec![card, name])),
            (vec![name, "user.contact.email"], Err("FIELD_NOT_NECESSARY")),
            (vec![name, name], Err("ORDER_INVALID")),
        ] {
            let asked = asked.into_iter().map(str::to_owned).collect();
            let wanted = wanted(&grant, asked).map_err(|error| error.reason());
            let answer = answer.map(|it| it.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(wanted, answer);
        }
    }
}
