//! An order: what it is, and what may happen to it.

use uuid::Uuid;

use crate::error::Error;

/// What everything given with an order is given for, as a purpose of the policy's vocabulary.
pub const PURPOSE: &str = "essential.service.payment_processing";

/// How many releases an order allows when its opener does not say.
const RELEASES_DEFAULT: u32 = 3;

/// How many releases an order can be opened for.
const RELEASES_MAX: u32 = 100;

/// The length of a merchant's name, in bytes.
const MERCHANT_BYTES_MAX: usize = 64;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// How long an order lives when its opener does not say.
const LIFETIME_MS_DEFAULT: i64 = 7 * DAY_MS;

/// How long an order can live.
const LIFETIME_MS_MAX: i64 = 90 * DAY_MS;

/// Names an order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OrderId(pub Uuid);

/// Names a person.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SubjectId(pub Uuid);

/// How an order came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was paid.
    Settled,
    /// It is not to be paid.
    Cancelled,
    /// It ran out of time.
    Expired,
    /// It went with its subject.
    Erased,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Data can be stored and released.
    Open,
    /// Over: nothing given with it can be opened any more.
    Closed(Ending),
}

/// An order without its data. It does not print: it says who bought where.
#[derive(Clone, PartialEq, Eq)]
pub struct Order {
    /// The order.
    pub id: OrderId,
    /// Who placed it.
    pub subject: SubjectId,
    /// Whom it is placed with: 1 to 64 of `[a-z0-9.-]`.
    pub merchant: String,
    /// What is written down; [`Order::state_at`] says where it stands.
    pub state: State,
    /// How many releases it allows.
    pub releases_max: u32,
    /// How many are used up.
    pub releases_used: u32,
    /// When it was opened, in Unix milliseconds.
    pub opened_at: i64,
    /// When it closes by itself, in Unix milliseconds.
    pub expires_at: i64,
    /// The key its values are sealed with.
    pub key_id: Uuid,
}

/// What an opener asks for, found acceptable.
pub struct Opening {
    subject: SubjectId,
    merchant: String,
    releases_max: u32,
    opened_at: i64,
    expires_at: i64,
}

/// What closing an order comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// It is open, and closes now.
    Now,
    /// It was closed in this very way before.
    Before,
}

impl Opening {
    /// Takes what an opener asks for; `releases_max` 0 and no `expires_at` leave it to us. Times are
    /// in Unix milliseconds. [`Error::OrderInvalid`] names the field at fault.
    pub fn new(
        subject: SubjectId,
        merchant: String,
        releases_max: u32,
        expires_at: Option<i64>,
        now: i64,
    ) -> Result<Self, Error> {
        if !is_merchant(&merchant) {
            return Err(Error::OrderInvalid("merchant"));
        }
        let releases_max = match releases_max {
            0 => RELEASES_DEFAULT,
            asked @ 1..=RELEASES_MAX => asked,
            _ => return Err(Error::OrderInvalid("releases_max")),
        };
        let expires_at = expires_at.unwrap_or(now + LIFETIME_MS_DEFAULT);
        if expires_at <= now || expires_at > now + LIFETIME_MS_MAX {
            return Err(Error::OrderInvalid("expires_at"));
        }
        Ok(Self {
            subject,
            merchant,
            releases_max,
            opened_at: now,
            expires_at,
        })
    }

    /// The order it comes to, under the key made for it.
    pub fn into_order(self, id: OrderId, key_id: Uuid) -> Order {
        Order {
            id,
            subject: self.subject,
            merchant: self.merchant,
            state: State::Open,
            releases_max: self.releases_max,
            releases_used: 0,
            opened_at: self.opened_at,
            expires_at: self.expires_at,
            key_id,
        }
    }
}

impl Order {
    /// The order as it was when it was opened.
    pub fn as_opened(self) -> Self {
        Self {
            state: State::Open,
            releases_used: 0,
            ..self
        }
    }

    /// Where the order stands: one whose time is over is expired before anyone has written it down.
    pub fn state_at(&self, now: i64) -> State {
        match self.state {
            State::Open if self.expires_at <= now => State::Closed(Ending::Expired),
            state => state,
        }
    }

    /// A grant for a person opens the orders of that person only, whatever order it names.
    pub fn require_placed_by(&self, subject: SubjectId) -> Result<(), Error> {
        match self.subject == subject {
            true => Ok(()),
            false => Err(Error::OtherOrder),
        }
    }

    /// Only an open order takes data in or gives data out.
    pub fn require_open(&self, now: i64) -> Result<(), Error> {
        match self.state_at(now) {
            State::Open => Ok(()),
            State::Closed(_) => Err(Error::OrderClosed),
        }
    }

    /// An order can be closed once, and in one way.
    pub fn close(&self, ending: Ending, now: i64) -> Result<Closing, Error> {
        match self.state_at(now) {
            State::Open => Ok(Closing::Now),
            State::Closed(before) if before == ending => Ok(Closing::Before),
            State::Closed(_) => Err(Error::OrderClosed),
        }
    }

    /// The order with one more release used up.
    pub fn spend(mut self, now: i64) -> Result<Self, Error> {
        self.require_open(now)?;
        if self.releases_used >= self.releases_max {
            return Err(Error::ReleasesExhausted);
        }
        self.releases_used += 1;
        Ok(self)
    }

    /// How many more releases the order allows.
    pub fn releases_left(&self) -> u32 {
        self.releases_max.saturating_sub(self.releases_used)
    }
}

fn is_merchant(name: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
    (1..=MERCHANT_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn opening(
        merchant: &str,
        releases_max: u32,
        expires_at: Option<i64>,
    ) -> Result<Opening, Error> {
        let subject = SubjectId(Uuid::from_u128(1));
        Opening::new(subject, merchant.to_owned(), releases_max, expires_at, NOW)
    }

    fn order() -> Order {
        let opening = opening("shop.example", 0, None).unwrap_or_else(|error| panic!("{error}"));
        opening.into_order(OrderId(Uuid::from_u128(2)), Uuid::from_u128(3))
    }

    #[test]
    fn an_order_opens_with_what_its_opener_leaves_to_us() {
        let order = order();
        assert_eq!(order.state_at(NOW), State::Open);
        assert_eq!((order.releases_max, order.releases_left()), (3, 3));
        assert_eq!(order.expires_at, NOW + 7 * DAY_MS);
    }

    #[test]
    fn a_merchant_is_a_short_plain_name() {
        for (merchant, taken) in [
            ("a", true),
            ("shop-2.example", true),
            (&"a".repeat(64), true),
            ("", false),
            (&"a".repeat(65), false),
            ("Shop", false),
            ("shop example", false),
            ("läden", false),
        ] {
            assert_eq!(opening(merchant, 0, None).is_ok(), taken, "{merchant}");
        }
    }

    #[test]
    fn releases_and_lifetime_are_bounded_on_both_sides() {
        for (releases_max, expires_at, fault) in [
            (1, None, None),
            (100, None, None),
            (101, None, Some("releases_max")),
            (u32::MAX, None, Some("releases_max")),
            (0, Some(NOW + 1), None),
            (0, Some(NOW), Some("expires_at")),
            (0, Some(NOW - 1), Some("expires_at")),
            (0, Some(NOW + 90 * DAY_MS), None),
            (0, Some(NOW + 90 * DAY_MS + 1), Some("expires_at")),
        ] {
            match (opening("shop.example", releases_max, expires_at), fault) {
                (Ok(_), None) => {}
                (Err(Error::OrderInvalid(field)), Some(fault)) => assert_eq!(field, fault),
                _ => panic!("{releases_max} until {expires_at:?}"),
            }
        }
    }

    #[test]
    fn an_order_expires_at_its_time_and_not_before() {
        let order = order();
        let last = order.expires_at - 1;
        assert_eq!(order.state_at(last), State::Open);
        assert!(order.require_open(last).is_ok());
        let expired = State::Closed(Ending::Expired);
        assert_eq!(order.state_at(order.expires_at), expired);
        let refused = order.require_open(order.expires_at);
        assert!(matches!(refused, Err(Error::OrderClosed)));
    }

    #[test]
    fn an_order_closes_once_and_in_one_way() {
        use Ending::{Cancelled, Erased, Expired, Settled};
        let all = [Settled, Cancelled, Expired, Erased];
        for ending in all {
            assert_eq!(order().close(ending, NOW).unwrap(), Closing::Now);
            let closed = Order {
                state: State::Closed(ending),
                ..order()
            };
            for again in all {
                match closed.close(again, NOW) {
                    Ok(closing) => assert_eq!((closing, again), (Closing::Before, ending)),
                    Err(Error::OrderClosed) => assert_ne!(again, ending),
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }

    #[test]
    fn an_order_is_its_own_persons() {
        let order = order();
        assert!(order.require_placed_by(order.subject).is_ok());
        let refused = order.require_placed_by(SubjectId(order.id.0));
        assert!(matches!(refused, Err(Error::OtherOrder)));
    }

    #[test]
    fn an_order_that_ran_out_of_time_is_not_settled() {
        let order = order();
        let refused = order.close(Ending::Settled, order.expires_at);
        assert!(matches!(refused, Err(Error::OrderClosed)));
    }

    #[test]
    fn releases_are_counted_down_to_none() {
        let mut order = Order {
            releases_max: 2,
            ..order()
        };
        for left in [1, 0] {
            order = order.spend(NOW).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(order.releases_left(), left);
        }
        assert!(matches!(order.spend(NOW), Err(Error::ReleasesExhausted)));
    }

    #[test]
    fn an_order_is_remembered_as_it_was_opened() {
        let spent = order().spend(NOW).unwrap_or_else(|error| panic!("{error}"));
        let closed = Order {
            state: State::Closed(Ending::Settled),
            ..spent
        };
        assert!(closed.as_opened() == order());
    }

    #[test]
    fn a_closed_order_has_no_release_to_spend() {
        let expires_at = order().expires_at;
        assert!(matches!(order().spend(expires_at), Err(Error::OrderClosed)));
        let settled = Order {
            state: State::Closed(Ending::Settled),
            ..order()
        };
        assert!(matches!(settled.spend(NOW), Err(Error::OrderClosed)));
    }
}
