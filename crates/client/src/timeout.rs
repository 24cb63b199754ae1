//! The `grpc-timeout` header (gRPC over HTTP/2: at most 8 digits and a unit).

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

/// The header's name.
pub const HEADER: &str = "grpc-timeout";

const MILLISECONDS_MAX: u128 = 99_999_999;

/// The limit that a request carries. `None` when it carries none, or something that is not one.
pub fn of(headers: &HeaderMap) -> Option<Duration> {
    parse(headers.get(HEADER)?.to_str().ok()?)
}

/// The header's value for a limit: whole milliseconds, never zero.
pub(crate) fn value(limit: Duration) -> HeaderValue {
    let milliseconds = limit.as_millis().clamp(1, MILLISECONDS_MAX);
    HeaderValue::try_from(format!("{milliseconds}m")).expect("digits and a letter are a value")
}

fn parse(value: &str) -> Option<Duration> {
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let amount = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        for (value, limit) in [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("3S", Some(Duration::from_secs(3))),
            ("99999999m", Some(Duration::from_millis(99_999_999))),
            ("5u", Some(Duration::from_micros(5))),
            ("0n", Some(Duration::ZERO)),
            ("100000000m", None),
            ("", None),
            ("S", None),
            ("3", None),
            ("3s", None),
            ("+3S", None),
            ("-3S", None),
            ("3 S", None),
            ("3é", None),
        ] {
            assert_eq!(parse(value), limit, "{value}");
        }
    }

    #[test]
    fn a_limit_is_written_within_what_the_header_allows() {
        for (limit, written) in [
            (Duration::ZERO, "1m"),
            (Duration::from_micros(1_999), "1m"),
            (Duration::from_secs(5), "5000m"),
            (Duration::from_secs(1_000_000), "99999999m"),
        ] {
            assert_eq!(value(limit), written);
        }
    }
}
