//! A payment card: what makes its number and its expiry acceptable.

use std::fmt;

use vault::Secret;
use zeroize::Zeroizing;

/// The one data category whose values are cards.
pub const CATEGORY: &str = "user.financial.credit_card";

const DIGITS_MIN: usize = 12;
const DIGITS_MAX: usize = 19;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A payment card. It prints nothing, and there is no place in it for a verification code.
pub struct Card {
    number: Secret,
    expiry: Month,
}

/// A month of the calendar (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    /// Four digits.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
}

/// The part of a card that is not acceptable, by its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Not 12 to 19 digits, or the check digit does not fit.
    Number,
    /// No month of the year.
    ExpiryMonth,
    /// Not four digits, or the card's last month is over.
    ExpiryYear,
}

impl Card {
    /// Takes a card as typed. Spaces and hyphens in the number are dropped.
    pub fn new(number: Secret, month: u32, year: u32, now: i64) -> Result<Self, Fault> {
        let number = digits(number.expose()).ok_or(Fault::Number)?;
        if !check_digit_fits(number.expose()) {
            return Err(Fault::Number);
        }
        let expiry = Month::new(month, year)?;
        if expiry < Month::at(now) {
            return Err(Fault::ExpiryYear);
        }
        Ok(Self { number, expiry })
    }

    /// The digits of the number, in ASCII.
    pub fn number(&self) -> &[u8] {
        self.number.expose()
    }

    /// The last month the card is good for.
    pub fn expiry(&self) -> Month {
        self.expiry
    }

    /// The bytes to be sealed: four digits of year, two of month, then the number.
    pub fn to_plaintext(&self) -> Secret {
        let mut bytes = Zeroizing::new(Vec::with_capacity(6 + DIGITS_MAX));
        let Month { year, month } = self.expiry;
        bytes.extend_from_slice(format!("{year:04}{month:02}").as_bytes());
        bytes.extend_from_slice(self.number.expose());
        Secret::from(bytes)
    }

    /// The card in opened bytes. Its time may be over by now; its number has not changed.
    pub fn from_plaintext(bytes: &[u8]) -> Option<Self> {
        let (expiry, number) = bytes.split_at_checked(6)?;
        let expiry = std::str::from_utf8(expiry).ok()?;
        let (year, month) = expiry.split_at_checked(4)?;
        let expiry = Month::new(month.parse().ok()?, year.parse().ok()?).ok()?;
        Some(Self {
            number: digits(number)?,
            expiry,
        })
    }
}

impl fmt::Debug for Card {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Card(..)")
    }
}

impl Month {
    fn new(month: u32, year: u32) -> Result<Self, Fault> {
        let month = match u8::try_from(month) {
            Ok(month @ 1..=12) => month,
            _ => return Err(Fault::ExpiryMonth),
        };
        match u16::try_from(year) {
            Ok(year @ 1_000..=9_999) => Ok(Self { year, month }),
            _ => Err(Fault::ExpiryYear),
        }
    }

    /// The month of a time in Unix milliseconds, not before 1970.
    fn at(time: i64) -> Self {
        // Howard Hinnant's `civil_from_days`: years begin in March, so that the leap day is the last.
        let days = (time / DAY_MS).max(0) + 719_468;
        let day_of_era = days % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = (month_from_march + 2) % 12 + 1;
        let year = days / 146_097 * 400 + year_of_era + i64::from(month <= 2);
        Self {
            year: u16::try_from(year).unwrap_or(u16::MAX),
            month: u8::try_from(month).expect("a remainder of 12, and one"),
        }
    }
}

/// The digits of a number as typed, or nothing when there is anything else in it.
fn digits(typed: &[u8]) -> Option<Secret> {
    // Room for all from the start: a vector that grows leaves a copy behind.
    let mut digits = Zeroizing::new(Vec::with_capacity(DIGITS_MAX));
    for &byte in typed {
        match byte {
            b' ' | b'-' => {}
            b'0'..=b'9' if digits.len() < DIGITS_MAX => digits.push(byte),
            _ => return None,
        }
    }
    (digits.len() >= DIGITS_MIN).then(|| Secret::from(digits))
}

/// ISO/IEC 7812-1, annex B (the Luhn formula).
fn check_digit_fits(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(
            |(place, digit)| match (place % 2, u32::from(digit - b'0')) {
                (0, digit) => digit,
                (_, digit) => digit * 2 / 10 + digit * 2 % 10,
            },
        )
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 15 January 2027.
    const NOW: i64 = 1_800_000_000_000;

    fn card(number: &str, month: u32, year: u32) -> Result<Card, Fault> {
        Card::new(Secret::new(number.as_bytes().to_vec()), month, year, NOW)
    }

    #[test]
    fn a_number_is_12_to_19_digits_that_fit_their_check_digit() {
        for (number, taken) in [
            ("4242424242424242", true),
            ("4242 4242 4242 4242", true),
            ("4242-4242-4242-4242", true),
            ("378282246310005", true),
            ("4242424242424241", false),
            ("2424424242424242", false),
            ("424242424242", true),
            ("42424242420", false),
            ("6304000000000000000", true),
            ("63040000000000000000", false),
            ("4242_4242_4242_4242", false),
            ("٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", false),
            ("", false),
        ] {
            let fault = card(number, 12, 2030).err();
            assert_eq!(fault.is_none(), taken, "{number}");
            assert!(matches!(fault, None | Some(Fault::Number)));
        }
    }

    #[test]
    fn every_single_wrong_digit_is_noticed() {
        let number = "4242424242424242";
        for place in 0..number.len() {
            for digit in '0'..='9' {
                let mut typed = number.to_owned();
                typed.replace_range(place..=place, &digit.to_string());
                assert_eq!(card(&typed, 12, 2030).is_ok(), typed == number, "{typed}");
            }
        }
    }

    #[test]
    fn a_card_is_good_to_the_end_of_its_last_month() {
        for (month, year, fault) in [
            (1, 2027, None),
            (12, 2026, Some(Fault::ExpiryYear)),
            (1, 2026, Some(Fault::ExpiryYear)),
            (12, 9_999, None),
            (12, 10_000, Some(Fault::ExpiryYear)),
            (12, 27, Some(Fault::ExpiryYear)),
            (0, 2030, Some(Fault::ExpiryMonth)),
            (13, 2030, Some(Fault::ExpiryMonth)),
            (u32::MAX, u32::MAX, Some(Fault::ExpiryMonth)),
        ] {
            assert_eq!(card("4242424242424242", month, year).err(), fault);
        }
    }

    #[test]
    fn months_begin_and_end_where_the_calendar_says() {
        for (seconds, year, month) in [
            (0, 1970, 1),
            (951_782_399, 2000, 2),
            (951_868_799, 2000, 2),
            (951_868_800, 2000, 3),
            (1_767_225_599, 2025, 12),
            (1_767_225_600, 2026, 1),
            (4_107_542_399, 2100, 2),
            (4_107_542_400, 2100, 3),
        ] {
            assert_eq!(Month::at(seconds * 1_000), Month { year, month });
        }
    }

    #[test]
    fn a_card_comes_back_from_its_plaintext() {
        let card = card("4242 4242 4242 4242", 3, 2031).unwrap();
        let plaintext = card.to_plaintext();
        assert_eq!(plaintext.expose(), b"2031034242424242424242");
        let opened = Card::from_plaintext(plaintext.expose()).unwrap();
        assert_eq!(opened.number(), b"4242424242424242");
        assert_eq!(opened.expiry(), card.expiry());
        for damaged in [&b""[..], b"20310", b"203113424242424242", b"203103"] {
            assert!(Card::from_plaintext(damaged).is_none());
        }
    }

    #[test]
    fn a_card_does_not_print() {
        let card = card("4242424242424242", 3, 2031).unwrap();
        assert_eq!(format!("{card:?}"), "Card(..)");
    }
}
