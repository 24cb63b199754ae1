//! What others wrote and when they wrote it, as they are printed.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Text of others on one line of ours: nothing in it ends the line, moves the cursor or turns around
/// what is read, so that nobody can make it look like a sentence of this program.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_control() || turns(letter) {
            true => quoted.extend(letter.escape_default()),
            false => quoted.push(letter),
        }
    }
    quoted
}

/// The separators of lines and paragraphs, and what changes the direction of writing.
fn turns(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}')
        || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A moment in unix seconds as RFC 3339 writes it, in UTC; as it stands when no calendar has it.
pub fn moment(seconds: i128) -> String {
    let moment = i64::try_from(seconds).ok();
    let moment = moment.and_then(|it| OffsetDateTime::from_unix_timestamp(it).ok());
    let written = moment.and_then(|it| it.format(&Rfc3339).ok());
    written.unwrap_or_else(|| seconds.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_stays_on_its_line() {
        for (text, printed) in [
            (r#"{"a":"é \n \"ಅ"}"#, r#"{"a":"é \n \"ಅ"}"#),
            ("a\nthe log is whole", r"a\nthe log is whole"),
            (
                "a\r\t\u{1b}[2J\u{9b}2J\u{7f}",
                r"a\r\t\u{1b}[2J\u{9b}2J\u{7f}",
            ),
            (
                "a\u{2028}b\u{202e}c\u{2066}d",
                r"a\u{2028}b\u{202e}c\u{2066}d",
            ),
        ] {
            assert_eq!(quoted(text), printed);
        }
    }

    #[test]
    fn moments_are_written_in_utc() {
        for (seconds, written) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (-62_167_219_201, "-62167219201"),
            (u64::MAX.into(), "18446744073709551615"),
        ] {
            assert_eq!(moment(seconds), written);
        }
    }
}
