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
        let line = text[..span.start].rfind('\n').map_or(0, |it| it + 1);
        let message = plain(&message, text[line..].lines().next().unwrap_or_default());
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

/// What the reader of TOML says of a line, in terms of what would be right.
fn plain(message: &str, line: &str) -> String {
    let is_table = message == "invalid type: map, expected a sequence";
    let (is_double, name) = (line.trim_start().starts_with("[["), header(line));
    let is_clause = name.is_some_and(|it| it == "clause" || it.starts_with("clause."));
    match name {
        Some(_) if is_double && is_clause && (is_table || message == "duplicate key") => {
            "a `[[clause]]` begins before what belongs to it, such as `[[clause.permit]]`"
                .to_owned()
        }
        Some(name) if is_table => {
            format!("there can be several of these: write `[[{name}]]`, in two brackets each")
        }
        _ => message
            .replace("wanted string or table", "expected a word in quotes")
            .replace("expected a sequence", "expected a list in brackets")
            .replace("invalid type: map", "invalid type: a block"),
    }
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
    let (mut key, mut is_head, mut is_passed) = (None, false, false);
    let (mut open, mut end) = (None, 0);
    for line in text.split_inclusive('\n') {
        match header(line).filter(|_| open.is_none()) {
            Some(name) if name.starts_with("clause.") => is_head = false,
            Some(_) if is_passed => break,
            Some(name) => (key, is_head) = (None, name == "clause"),
            None if open.is_none() && is_head => key = key.or_else(|| quoted_key(line)),
            None => {}
        }
        open = open_after(line, open);
        end += line.len();
        is_passed |= offset < end;
    }
    key
}

/// The name in the brackets of a line that begins a block.
fn header(line: &str) -> Option<&str> {
    let name = line.trim_start().strip_prefix('[')?;
    Some(name.trim_start_matches('[').split(']').next()?.trim())
}

/// The text of a line `key = "text"`, in quotes of either sort.
fn quoted_key(line: &str) -> Option<String> {
    let rest = line.trim_start().strip_prefix("key")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|it| ['"', '\''].contains(it))?;
    Some(rest[1..].split(quote).next()?.to_owned())
}

/// The marks around a text of several lines.
const MARKS: [&str; 2] = ["\"\"\"", "'''"];

/// The mark that ends the text in which a line leaves off, if it leaves off in one.
fn open_after(line: &str, before: Option<&'static str>) -> Option<&'static str> {
    let (mut open, mut rest) = (before, line);
    loop {
        let marks = MARKS
            .into_iter()
            .filter(|it| open.is_none_or(|open| open == *it));
        let found = marks.filter_map(|it| Some((rest.find(it)?, it)));
        let Some((at, mark)) = found.min() else {
            return open;
        };
        if open.is_none() && rest[..at].contains('#') {
            return None; // A comment says nothing.
        }
        open = open.is_none().then_some(mark);
        rest = &rest[at + mark.len()..];
    }
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
    fn the_clause_of_an_unreadable_line_is_named_however_it_is_written() {
        let heads = [
            "key = \"a.b\" # the first\n",
            "key = 'a.b'\n",
            "key=\"a.b\"\n",
            "  key = \"a.b\"\n",
            "says = \"\"\"\n[[clause]]\nkey = \"not.this\"\n\"\"\"\nkey = \"a.b\"\n",
            "says = '''one # line'''\nkey = \"a.b\"\n",
            "key = \"a.b\" # \"\"\"\n",
            "key = \"a.b\"\nsays = \"\"\"\n[[clause]]\nkey = \"not.this\"\"\"\"\n",
        ];
        for head in heads {
            let text = format!("[[clause]]\n{head}x = ?\n[[clause.permit]]\ny = ?\n");
            for place in ["x =", "y ="] {
                let offset = text.find(place).unwrap();
                assert_eq!(clause_at(&text, offset).as_deref(), Some("a.b"), "{text}");
            }
        }
        let late = "[[ clause ]]\nx = ?\nkey = \"a.b\"\n[[clause]]\n";
        assert_eq!(
            clause_at(late, late.find('?').unwrap()).as_deref(),
            Some("a.b")
        );
    }

    #[test]
    fn an_unreadable_line_is_told_with_what_would_be_right() {
        let clause =
            "[[clause]]\nkey = \"a\"\ntitle = \"\"\nsays = \"\"\nenforced = \"by rules\"\n";
        let permit = "[[clause.permit]]\naction = \"use\"\n";
        let early = "a `[[clause]]` begins before what belongs to it, such as `[[clause.permit]]`";
        let cases = [
            (
                "when = \"order\"",
                "invalid type: string \"order\", expected a condition such as { order = true }",
            ),
            ("when = { consent = true }", "expected a word in quotes"),
            (
                "purposes = \"essential\"",
                "invalid type: string \"essential\", expected a list in brackets",
            ),
        ];
        let within = cases.map(|(line, message)| (format!("{clause}{permit}{line}\n"), message));
        let outside = [
            (
                format!("{clause}[clause.permit]\n"),
                "there can be several of these: write `[[clause.permit]]`, in two brackets each",
            ),
            (permit.to_owned(), early),
            (format!("{permit}{clause}"), early),
            (
                format!("{clause}permit = [\"x\"]\n"),
                "invalid type: string \"x\", expected a rule such as { action = \"use\" }",
            ),
            (
                "[collection_point]\n".to_owned(),
                "there can be several of these: write `[[collection_point]]`, in two brackets each",
            ),
        ];
        for (text, message) in within.into_iter().chain(outside) {
            assert_eq!(parse(&text).unwrap_err().message, message, "{text}");
        }
    }

    #[test]
    fn what_a_clause_lacks_is_told_with_that_clause() {
        let block = |key: &str, title: &str| {
            format!("[[clause]]\nkey = \"{key}\"\n{title}says = \"\"\nenforced = \"by rules\"\n")
        };
        let before = block("a.b", "title = \"\"\n");
        let lacking = block("c.d", "");
        let finding = parse(&format!("{before}{lacking}{before}")).unwrap_err();
        assert_eq!(finding.message, "missing field `title`");
        assert_eq!((finding.line, finding.column), (6, 1));
        assert_eq!(finding.clause.as_deref(), Some("c.d"));
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
