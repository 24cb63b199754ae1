//! From the text of a policy to its blocks, and from a place in the text to line and column.

use std::ops::Range;

use crate::finding::{Code, Finding};
use crate::language::PolicyFile;
use crate::nearest::did_you_mean;

/// The longest policy text that is read, in bytes.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// Reads the text. The first fault ends the reading, since what follows cannot be trusted.
pub(crate) fn parse(text: &str) -> Result<PolicyFile, Finding> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("a policy has at most {TEXT_BYTES_MAX} bytes");
        return Err(finding_at(text, &(0..0), Code::TooLong, None, message));
    }
    toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let message = error.message().lines().collect::<Vec<_>>().join("; ");
        let message = match word_meant(&message) {
            Some(question) => format!("{message}; {question}"),
            None => message,
        };
        finding_at(
            text,
            &span,
            Code::NotReadable,
            clause_at(text, span.start),
            message,
        )
    })
}

/// The question which word was meant, when the reader of TOML names a wrong one and those that
/// would be right, each between backticks.
fn word_meant(message: &str) -> Option<String> {
    let mut words = message.split('`').skip(1).step_by(2);
    let wrong = words.next()?;
    let is_wrong = message.starts_with("unknown ");
    did_you_mean(wrong, words).filter(|_| is_wrong)
}

/// A finding with its place in the text worked out.
pub(crate) fn finding_at(
    text: &str,
    span: &Range<usize>,
    code: Code,
    clause: Option<String>,
    message: String,
) -> Finding {
    let (line, column) = line_and_column(text, span.start);
    Finding {
        code,
        severity: code.severity(),
        clause,
        line,
        column,
        message,
    }
}

/// The line and the column, in characters, of a place in the text, both counted from 1.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |it| it + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// The key of the clause block around a place. An unreadable text has no blocks yet, so the lines
/// themselves are looked at.
fn clause_at(text: &str, offset: usize) -> Option<String> {
    let line_end = text
        .get(offset..)?
        .find('\n')
        .map_or(text.len(), |it| offset + it);
    let block_start = text[..line_end].rfind("[[clause]]")?;
    let mut until_place = text[block_start..line_end].lines().skip(1);
    if until_place.any(|line| line.starts_with('[') && !line.starts_with("[[clause.")) {
        return None;
    }
    let own_lines = text[block_start..]
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    let key = own_lines
        .map(str::trim_start)
        .find_map(|line| line.strip_prefix("key"))?;
    let key = key.trim_start().strip_prefix('=')?;
    Some(key.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_from_one_and_in_characters() {
        let text = "ab\nçd\n";
        let cases = [
            (0, (1, 1)),
            (1, (1, 2)),
            (3, (2, 1)),
            (5, (2, 2)),
            (99, (3, 1)),
        ];
        for (offset, place) in cases {
            assert_eq!(line_and_column(text, offset), place, "{offset}");
        }
    }

    #[test]
    fn an_unreadable_line_is_told_with_its_clause() {
        let text = "[policy]\nname = 1\n[[clause]]\nkey = \"a.b\"\n[[clause.permit]]\nx = ?\n\
                    [[clause]]\nkey = \"c.d\"\ny = ?\n[[activity]]\nz = ?\n";
        let cases = [
            ("name", None),
            ("x =", Some("a.b")),
            ("\ny =", Some("c.d")),
            ("z =", None),
        ];
        for (place, clause) in cases {
            let offset = text.find(place).unwrap() + place.len();
            assert_eq!(clause_at(text, offset).as_deref(), clause, "{place}");
        }
    }

    #[test]
    fn an_unknown_word_is_told_with_the_one_meant() {
        let cases = [
            (
                "unknown field `pionts`, expected one of `action`, `points`",
                Some("points"),
            ),
            ("unknown variant `sell`, expected `collect` or `use`", None),
            ("missing field `points`", None),
            ("invalid type", None),
        ];
        for (message, meant) in cases {
            let question = meant.map(|it| format!("did you mean `{it}`?"));
            assert_eq!(word_meant(message), question, "{message}");
        }
    }

    #[test]
    fn a_text_over_the_bound_is_not_read() {
        let long = "#".repeat(TEXT_BYTES_MAX + 1);
        assert_eq!(parse(&long).unwrap_err().code, Code::TooLong);
        assert_eq!(
            parse(&long[1..]).unwrap_err().code,
            Code::NotReadable,
            "it has no header"
        );
    }
}
