//! Until when data taken or used under a permission is kept.

use std::fmt;

use serde::Deserialize;

/// Until when data is kept, as the policy file says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Retention {
    OrderClosed,
    ConsentWithdrawn,
    Erased,
    /// As counts and sums about nobody, which need no end.
    Figures,
    /// For a time after it was taken.
    For(u16, Unit),
}

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Days,
    Months,
    Years,
}

const WORDS: [(&str, Retention); 4] = [
    ("until the order is closed", Retention::OrderClosed),
    ("until consent is withdrawn", Retention::ConsentWithdrawn),
    ("until erased", Retention::Erased),
    ("as figures only", Retention::Figures),
];

const UNITS: [(&str, Unit); 3] = [
    ("days", Unit::Days),
    ("months", Unit::Months),
    ("years", Unit::Years),
];

impl TryFrom<String> for Retention {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Some((_, retention)) = WORDS.iter().find(|(words, _)| *words == text) {
            return Ok(*retention);
        }
        period(&text).ok_or_else(|| {
            let words = WORDS.map(|(words, _)| format!("`{words}`")).join(", ");
            format!(
                "unknown retention `{text}`, expected one of {words}, `for 7 days`, `for 18 months`, \
                 `for 6 years`"
            )
        })
    }
}

/// `for <number> days`, `months` or `years`; one of them may go without its `s`.
fn period(text: &str) -> Option<Retention> {
    let (number, unit) = text.strip_prefix("for ")?.split_once(' ')?;
    let count: u16 = number.parse().ok().filter(|it| *it > 0)?;
    if count.to_string() != number {
        return None; // One number, one spelling.
    }
    let is_unit = |name: &str| match count {
        1 => name.strip_suffix('s') == Some(unit),
        _ => name == unit,
    };
    let (_, unit) = UNITS.iter().find(|(name, _)| is_unit(name))?;
    Some(Retention::For(count, *unit))
}

/// The time that was meant by words such as `for 2 weeks`, `for 6 month` or `6 years`.
pub(crate) fn meant(text: &str) -> Option<String> {
    let lower = text.trim().to_lowercase();
    let time = lower.strip_prefix("for ").unwrap_or(&lower);
    let (number, unit) = time.trim().split_once(' ')?;
    let count: u16 = number.parse().ok().filter(|it| *it > 0)?;
    let unit = unit.trim().trim_end_matches('s');
    if unit == "week" {
        let days = count.checked_mul(7)?;
        return Some(Retention::For(days, Unit::Days).to_string());
    }
    let mut units = UNITS.iter();
    let (_, unit) = units.find(|(name, _)| name.trim_end_matches('s') == unit)?;
    Some(Retention::For(count, *unit).to_string())
}

impl Retention {
    /// Whether data kept so is kept after another end, or may be for want of a common measure.
    pub(crate) fn outlasts(self, other: Retention) -> bool {
        use Retention::{ConsentWithdrawn, Erased, Figures, For, OrderClosed};
        match (self, other) {
            (_, Erased | Figures) | (Figures, _) => false,
            (For(one, unit), For(two, other_unit)) => {
                twelfths_of_days(one, unit) > twelfths_of_days(two, other_unit)
            }
            (Erased | For(..), _) => true,
            // An order or a consent ends nobody knows when.
            (OrderClosed | ConsentWithdrawn, _) => false,
        }
    }
}

/// A year has 365 days here, and a month is a twelfth of it.
fn twelfths_of_days(count: u16, unit: Unit) -> u32 {
    u32::from(count)
        * match unit {
            Unit::Days => 12,
            Unit::Months => 365,
            Unit::Years => 12 * 365,
        }
}

impl fmt::Display for Retention {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Retention::For(count, unit) = self {
            let named = UNITS.iter().find(|(_, it)| it == unit);
            let name = named.map_or("", |(name, _)| name);
            let name = if *count == 1 {
                name.trim_end_matches('s')
            } else {
                name
            };
            return write!(formatter, "for {count} {name}");
        }
        let words = WORDS.iter().find(|(_, it)| it == self);
        formatter.write_str(words.map_or("", |(words, _)| words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_told_in_the_same_words() {
        let periods = [
            "for 1 day",
            "for 30 days",
            "for 18 months",
            "for 1 year",
            "for 10 years",
        ];
        for words in WORDS.iter().map(|(words, _)| *words).chain(periods) {
            let retention = Retention::try_from(words.to_owned()).unwrap();
            assert_eq!(retention.to_string(), words);
        }
    }

    #[test]
    fn one_end_outlasts_another_where_that_can_be_told() {
        let retention = |it: &str| Retention::try_from(it.to_owned()).unwrap();
        let (order, erased) = ("until the order is closed", "until erased");
        let withdrawn = "until consent is withdrawn";
        let cases = [
            ("for 10 years", order, true),
            ("for 10 years", withdrawn, true),
            ("for 2 years", "for 24 months", false),
            ("for 25 months", "for 2 years", true),
            ("for 31 days", "for 1 month", true),
            ("for 30 days", "for 1 month", false),
            ("for 10 years", erased, false),
            (erased, "for 10 years", true),
            (erased, order, true),
            (erased, erased, false),
            (order, "for 1 day", false),
            (order, withdrawn, false),
            (withdrawn, "for 1 day", false),
            ("as figures only", order, false),
            ("for 1 day", "as figures only", false),
        ];
        for (one, other, expected) in cases {
            let outlasts = retention(one).outlasts(retention(other));
            assert_eq!(outlasts, expected, "{one}, {other}");
        }
    }

    #[test]
    fn the_time_meant_has_its_number_and_the_right_unit() {
        let cases = [
            ("for 2 weeks", Some("for 14 days")),
            ("for 1 week", Some("for 7 days")),
            ("for 6 month", Some("for 6 months")),
            ("For 6 Months", Some("for 6 months")),
            ("6 years", Some("for 6 years")),
            ("for 1 days", Some("for 1 day")),
            ("for 02 years", Some("for 2 years")),
            ("for  2  days ", Some("for 2 days")),
            ("for 9999 weeks", None),
            ("for 0 days", None),
            ("for 2 moons", None),
            ("for ever", None),
        ];
        for (words, expected) in cases {
            assert_eq!(meant(words).as_deref(), expected, "{words}");
        }
    }

    #[test]
    fn a_time_has_a_whole_number_and_a_unit() {
        let wrong = [
            "",
            "for ever",
            "for 0 days",
            "for 1 days",
            "for 2 day",
            "for 2 weeks",
            "for -1 years",
            "for 70000 days",
            "for +2 years",
            "for 0002 years",
            "forever",
            "for  2 days",
        ];
        for words in wrong {
            let error = Retention::try_from(words.to_owned()).unwrap_err();
            assert!(
                error.starts_with(&format!("unknown retention `{words}`")),
                "{error}"
            );
        }
    }
}
