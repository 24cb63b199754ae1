//! A value given with an order: what makes it acceptable, and the one place it is sealed to.

use uuid::Uuid;
use vault::{Context, Key, Owner, Secret, VaultError};

use crate::{
    card::{self, Card},
    order::{Order, PURPOSE},
};

/// The length of a text, in bytes.
const TEXT_BYTES_MAX: usize = 4_096;

/// What a value says. It does not print.
#[derive(Debug)]
pub enum Content {
    /// UTF-8, 1 to 4,096 bytes.
    Text(Secret),
    /// A payment card.
    Card(Card),
}

/// A value given with an order, acceptable in its category.
#[derive(Debug)]
pub struct Value {
    category: String,
    content: Content,
}

/// A value as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// The data category.
    pub category: String,
    /// Counts from 1 each time the category is stored.
    pub version: u32,
    /// What is kept of the value itself.
    pub sealed: Vec<u8>,
}

impl Value {
    /// A value whose content fits its category: a card for the card's, text for any other.
    pub fn new(category: String, content: Content) -> Option<Self> {
        let fits = match &content {
            Content::Card(_) => category == card::CATEGORY,
            Content::Text(text) => {
                category != card::CATEGORY && (1..=TEXT_BYTES_MAX).contains(&text.expose().len())
            }
        };
        fits.then_some(Self { category, content })
    }

    /// The data category.
    pub fn category(&self) -> &str {
        &self.category
    }

    /// What the value says.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Seals the value to this order, for what the order is for, until it ends.
    pub fn seal(&self, key: &Key, tenant: &str, order: &Order, version: u32) -> SealedValue {
        let sealed = in_place(
            tenant,
            order,
            &self.category,
            version,
            |place| match &self.content {
                Content::Text(text) => vault::seal(key, place, text.expose()),
                Content::Card(card) => vault::seal(key, place, card.to_plaintext().expose()),
            },
        );
        SealedValue {
            category: self.category.clone(),
            version,
            sealed: sealed.into_bytes(),
        }
    }
}

impl SealedValue {
    /// Opens the value with its order's key. No other order, and no altered one, opens it.
    pub fn open(&self, key: &Key, tenant: &str, order: &Order) -> Result<Value, VaultError> {
        let plaintext = in_place(tenant, order, &self.category, self.version, |place| {
            vault::open(key, place, &self.sealed)
        })?;
        let content = if self.category == card::CATEGORY {
            let card = Card::from_plaintext(plaintext.expose()).ok_or(VaultError::Malformed)?;
            Content::Card(card)
        } else {
            Content::Text(plaintext)
        };
        Ok(Value {
            category: self.category.clone(),
            content,
        })
    }
}

/// Merchant, purpose and expiry are part of the place: a row altered in the database opens nothing.
fn in_place<T>(
    tenant: &str,
    order: &Order,
    category: &str,
    version: u32,
    act: impl FnOnce(&Context<'_>) -> T,
) -> T {
    let subject: &Uuid = &order.subject.0;
    act(&Context {
        tenant,
        owner: Owner::Order(order.id.0),
        category,
        version,
        bound: &[
            subject.as_bytes(),
            order.merchant.as_bytes(),
            PURPOSE.as_bytes(),
            &order.expires_at.to_be_bytes(),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{Opening, OrderId, SubjectId};

    const NOW: i64 = 1_800_000_000_000;
    const TENANT: &str = "acme";

    fn order() -> Order {
        let subject = SubjectId(Uuid::from_u128(1));
        let opening = Opening::new(subject, "shop.example".to_owned(), 1, None, NOW);
        let [order_id, key_id] = [2, 3].map(Uuid::from_u128);
        opening.unwrap().into_order(OrderId(order_id), key_id)
    }

    fn text(text: &str) -> Content {
        Content::Text(Secret::new(text.as_bytes().to_vec()))
    }

    fn a_card() -> Content {
        let number = Secret::new(b"4242424242424242".to_vec());
        Content::Card(Card::new(number, 1, 2031, NOW).unwrap())
    }

    fn name() -> Value {
        Value::new("user.name".to_owned(), text("Ada")).unwrap()
    }

    #[test]
    fn content_fits_its_category_and_its_length() {
        for (category, content, taken) in [
            ("user.name", text("A"), true),
            ("user.name", text(&"a".repeat(4_096)), true),
            ("user.name", text(&"a".repeat(4_097)), false),
            ("user.name", text(""), false),
            ("user.name", a_card(), false),
            (card::CATEGORY, a_card(), true),
            (card::CATEGORY, text("4242424242424242"), false),
        ] {
            let printed = format!("{category}: {content:?}");
            let value = Value::new(category.to_owned(), content);
            assert_eq!(value.is_some(), taken, "{printed}");
        }
    }

    #[test]
    fn text_and_card_come_back_from_their_seal() {
        let (key, order) = (Key::generate(), order());
        let opened = name()
            .seal(&key, TENANT, &order, 1)
            .open(&key, TENANT, &order);
        let opened = opened.unwrap();
        assert!(matches!(opened.content(), Content::Text(text) if text.expose() == b"Ada"));

        let card = Value::new(card::CATEGORY.to_owned(), a_card()).unwrap();
        let opened = card
            .seal(&key, TENANT, &order, 1)
            .open(&key, TENANT, &order);
        let opened = opened.unwrap();
        assert_eq!(opened.category(), card::CATEGORY);
        assert!(
            matches!(opened.content(), Content::Card(card) if card.number() == b"4242424242424242")
        );
    }

    #[test]
    fn a_value_opens_at_its_own_order_only() {
        let key = Key::generate();
        let sealed = name().seal(&key, TENANT, &order(), 1);
        let open = |order: &Order| sealed.open(&key, TENANT, order).is_ok();
        assert!(open(&order()));
        let elsewhere = [
            Order {
                id: OrderId(Uuid::from_u128(9)),
                ..order()
            },
            Order {
                subject: SubjectId(Uuid::from_u128(9)),
                ..order()
            },
            Order {
                merchant: "other.example".to_owned(),
                ..order()
            },
            Order {
                expires_at: order().expires_at + 1,
                ..order()
            },
        ];
        for order in elsewhere {
            assert!(!open(&order));
        }
        assert!(sealed.open(&key, "other", &order()).is_err());
        assert!(sealed.open(&Key::generate(), TENANT, &order()).is_err());
    }

    #[test]
    fn a_value_opens_as_its_own_category_and_version_only() {
        let (key, order) = (Key::generate(), order());
        let sealed = name().seal(&key, TENANT, &order, 1);
        let category = "user.contact.email".to_owned();
        for altered in [
            SealedValue {
                category,
                ..sealed.clone()
            },
            SealedValue {
                version: 2,
                ..sealed.clone()
            },
        ] {
            assert!(altered.open(&key, TENANT, &order).is_err());
        }
    }

    #[test]
    fn a_value_does_not_print() {
        assert!(!format!("{:?}", name()).contains("Ada"));
    }
}
