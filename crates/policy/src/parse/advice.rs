//! What the reader of TOML says of a text, in terms of what would be right.

use std::ops::Range;

use super::line_and_column;
use super::place::{header, open_after};
use crate::nearest::nearest;
use crate::retention;

/// A fault that ends the reading.
pub(super) struct Fault {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    /// What to put in the place of a wrong word.
    pub(super) meant: Option<String>,
    /// Whether that is any word that is right, since none is near.
    pub(super) is_guess: bool,
}

/// The blocks of which there can be several.
const LISTS: [&str; 6] = [
    "activity",
    "clause",
    "clause.forbid",
    "clause.permit",
    "collection_point",
    "recipient_kind",
];

/// The words of the header.
const HEADER: [&str; 9] = [
    "contact",
    "effective",
    "name",
    "officer",
    "revised",
    "revision_shown",
    "site",
    "storage_region",
    "title",
];

/// The error of the reader of TOML, told in our words.
pub(super) fn fault(text: &str, error: &toml::de::Error) -> Fault {
    let mut span = error.span().unwrap_or(0..0);
    let said = error.message().lines().collect::<Vec<_>>().join("; ");
    let mut message = plain(text, &span, &said);
    if HEADER.iter().any(|it| is_above_all(&said, it)) {
        span = first_word(text); // The one that is complained of may be any of them.
    }
    let meant = word_meant(&message);
    let is_guess = meant.is_none();
    let words = meant.or_else(|| any_word(&message));
    if let Some((_, meant)) = words.as_ref().filter(|_| !is_guess) {
        message += &format!("; did you mean `{meant}`?");
    }
    let meant = words.and_then(|(wrong, meant)| {
        let word = text.get(span.clone())?;
        let quote = word.get(..1).filter(|it| ["\"", "'"].contains(it));
        let quote = quote.unwrap_or_default();
        (word == format!("{quote}{wrong}{quote}")).then(|| format!("{quote}{meant}{quote}"))
    });
    Fault {
        span,
        message,
        meant,
        is_guess,
    }
}

/// Where a text begins, its comments apart.
fn first_word(text: &str) -> Range<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let said = line.trim_start();
        if !said.is_empty() && !said.starts_with('#') {
            break;
        }
        start += line.len();
    }
    start..start
}

fn plain(text: &str, span: &Range<usize>, said: &str) -> String {
    let start = text[..span.start].rfind('\n').map_or(0, |it| it + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let is_table = said == "invalid type: map, expected a sequence";
    let is_early = is_table || said == "duplicate key";
    let name = header(line).unwrap_or_default();
    if is_early && line.trim_start().starts_with("[[") && name.split('.').next() == Some("clause") {
        return "a `[[clause]]` begins before what belongs to it, such as `[[clause.permit]]`"
            .to_owned();
    }
    if said == "duplicate key" {
        return twice(text, span);
    }
    if said == "missing field `policy`" {
        return "a policy begins with a block `[policy]`".to_owned();
    }
    if said.starts_with("invalid type: string") && said.ends_with("expected a TOML datetime") {
        return "write the day without quotes, such as 2026-02-01".to_owned();
    }
    if said.starts_with("string values must be quoted") {
        return unquoted(&text[span.start..]).to_owned();
    }
    if let Some(word) = HEADER.iter().find(|it| is_above_all(said, it)) {
        return format!("`{word}` belongs to the header: write `[policy]` above it");
    }
    if said.ends_with("wanted string or table") && is_value_of(&text[..span.start], "consent") {
        return "say what for: `for this purpose`, `confirmed for this purpose`, or `for this \
                purpose and recipient`"
            .to_owned();
    }
    said.replace("wanted string or table", "expected a word in quotes")
        .replace("expected a sequence", "expected a list in brackets")
        .replace("invalid type: map", "invalid type: a block")
}

/// A word or a block that stands a second time.
fn twice(text: &str, span: &Range<usize>) -> String {
    let key = text[span.clone()].trim();
    let before = &text[..span.start];
    let is_block = |line: &str| header(line) == Some(key);
    let is_word = |line: &str| {
        let rest = line.trim_start().strip_prefix(key);
        rest.is_some_and(|it| it.trim_start().starts_with('='))
    };
    // A word stands twice in one block, and a block in the whole text.
    let block = before.rfind("\n[").unwrap_or_default();
    let mut first = 0;
    for line in before.split_inclusive('\n') {
        if is_block(line) || (first >= block && is_word(line)) {
            let (line, _) = line_and_column(text, first);
            return format!("`{key}` stands at line {line} already: keep one of the two");
        }
        first += line.len();
    }
    format!("`{key}` stands here twice: keep one of the two")
}

/// What a value without quotes, or in quotes of another sort, should look like.
fn unquoted(value: &str) -> &'static str {
    let value = value.split_whitespace().next().unwrap_or_default();
    match value.starts_with(|it: char| it.is_ascii_digit()) {
        true => "write a day such as 2026-02-01, and anything else in straight quotes",
        false => "put the words in straight quotes, such as \"for this purpose\"",
    }
}

/// Whether a word is told to be none of the blocks.
fn is_above_all(said: &str, word: &str) -> bool {
    said.starts_with(&format!(
        "unknown field `{word}`, expected one of `policy`, "
    ))
}

/// Whether what follows a text is the value of a word.
fn is_value_of(before: &str, word: &str) -> bool {
    let before = before.trim_end().strip_suffix('=');
    before.is_some_and(|it| it.trim_end().ends_with(word))
}

/// The wrong word and the one that was meant, when the reader of TOML names a wrong one and those
/// that would be right, each between backticks.
fn word_meant(message: &str) -> Option<(String, String)> {
    let mut words = message.split('`').skip(1).step_by(2);
    let wrong = words.next().filter(|_| message.starts_with("unknown "))?;
    let period = retention::meant(wrong).filter(|_| message.starts_with("unknown retention "));
    let meant = period.or_else(|| nearest(wrong, words).map(str::to_owned))?;
    Some((wrong.to_owned(), meant))
}

/// A wrong word with the first of those that would be right, where one must stand.
fn any_word(message: &str) -> Option<(String, String)> {
    let mut words = message.split('`').skip(1).step_by(2).map(str::to_owned);
    let is_value = ["unknown variant ", "unknown retention "]
        .iter()
        .any(|it| message.starts_with(it));
    let wrong = words.next().filter(|_| is_value)?;
    Some((wrong, words.next()?))
}

/// Blocks in the wrong number of brackets, wherever the reader of TOML stumbled over them.
pub(super) fn misplaced_headers(text: &str) -> Vec<(Range<usize>, String)> {
    let (mut found, mut open, mut start) = (Vec::new(), None, 0);
    for line in text.split_inclusive('\n') {
        let begin = start + line.len() - line.trim_start().len();
        let is_double = line.trim_start().starts_with("[[");
        let message = match header(line).filter(|_| open.is_none()) {
            Some("policy") if is_double => {
                Some("there is one header: write `[policy]`, in a single bracket each".to_owned())
            }
            Some(name) if !is_double && LISTS.contains(&name) => Some(format!(
                "there can be several of these: write `[[{name}]]`, in two brackets each"
            )),
            _ => None,
        };
        found.extend(message.map(|it| (begin..begin, it)));
        open = open_after(line, open);
        start += line.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;

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
            (
                "when = { order = 1 }",
                "invalid type: integer `1`, expected a boolean",
            ),
            (
                "when = { consent = true }",
                "say what for: `for this purpose`, `confirmed for this purpose`, or `for this \
                 purpose and recipient`",
            ),
            ("basis = true", "expected a word in quotes"),
            (
                "basis = CONTRACT",
                "put the words in straight quotes, such as \"for this purpose\"",
            ),
            (
                "retention = \u{201C}until erased\u{201D}",
                "put the words in straight quotes, such as \"for this purpose\"",
            ),
            (
                "action = \"use\"",
                "`action` stands at line 7 already: keep one of the two",
            ),
            (
                "when = { order = true, order = true }",
                "`order` stands here twice: keep one of the two",
            ),
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
            (
                format!("{clause}[clause]\n"),
                "there can be several of these: write `[[clause]]`, in two brackets each",
            ),
            (
                "[[policy]]\nname = \"x\"\n".to_owned(),
                "there is one header: write `[policy]`, in a single bracket each",
            ),
            (
                "[policy]\nname = \"x\"\n[policy]\n".to_owned(),
                "`policy` stands at line 1 already: keep one of the two",
            ),
            (clause.to_owned(), "a policy begins with a block `[policy]`"),
            (
                "contact = \"x@example.org\"\n".to_owned(),
                "`contact` belongs to the header: write `[policy]` above it",
            ),
            (
                "[policy]\nrevised = \"2026-02-01\"\n".to_owned(),
                "write the day without quotes, such as 2026-02-01",
            ),
            (
                "[policy]\nrevised = 2026/02/01\n".to_owned(),
                "write a day such as 2026-02-01, and anything else in straight quotes",
            ),
        ];
        for (text, message) in within.into_iter().chain(outside) {
            let findings = parse(&text).unwrap_err().findings;
            assert_eq!(findings[0].message, message, "{text}");
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
            (
                "unknown variant `contract`, expected `CONSENT` or `CONTRACT`",
                Some("CONTRACT"),
            ),
            (
                "unknown retention `for 2 weeks`, expected `until erased`",
                Some("for 14 days"),
            ),
            ("unknown variant `for 2 weeks`, expected `adult`", None),
            ("invalid type", None),
        ];
        for (message, meant) in cases {
            let found = word_meant(message).map(|(_, meant)| meant);
            assert_eq!(found.as_deref(), meant, "{message}");
        }
    }

    #[test]
    fn a_block_in_the_wrong_brackets_is_told_where_it_stands() {
        let text =
            "x = \"\"\"\n[clause]\n\"\"\"\n[[clause]]\n  [clause.permit]\n[policy]\n[activity]\n";
        let found: Vec<_> = misplaced_headers(text)
            .into_iter()
            .map(|(span, _)| line_and_column(text, span.start))
            .collect();
        assert_eq!(found, [(5, 3), (7, 1)]);
    }

    #[test]
    fn a_word_that_must_stand_and_is_near_to_none_is_guessed() {
        let cases = [
            (
                "unknown variant `18+`, expected `adult` or `x`",
                Some("adult"),
            ),
            ("unknown retention `ever`, expected one of `y`", Some("y")),
            ("unknown field `z`, expected `y`", None),
        ];
        for (message, expected) in cases {
            let guess = any_word(message).map(|(_, guess)| guess);
            assert_eq!(guess.as_deref(), expected, "{message}");
        }
    }

    #[test]
    fn words_above_all_blocks_are_told_at_the_first_of_them() {
        let text = "# A policy\n\ntitle = \"x\"\ncontact = \"x\"\n";
        let finding = parse(text).unwrap_err().findings.remove(0);
        assert_eq!((finding.line, finding.column), (3, 1));
        assert!(finding.message.ends_with("write `[policy]` above it"));
    }

    #[test]
    fn of_a_word_that_stands_twice_the_first_line_in_its_own_block_is_told() {
        let text = "[a]\nx = 1\n[b]\nxy = 1\nx = 1\n\nx = 2\n";
        let error = toml::from_str::<toml::Table>(text).unwrap_err();
        let message = fault(text, &error).message;
        assert_eq!(message, "`x` stands at line 5 already: keep one of the two");
    }
}
