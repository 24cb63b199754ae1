//! From the text of a policy to its blocks, and from a place in the text to line and column.

mod advice;
mod place;

use std::ops::Range;

use crate::finding::{Code, Finding};
use crate::language::PolicyFile;
use advice::{Fault, fault, misplaced_headers};
use place::clause_at;
pub(crate) use place::{Lines, line_and_column};

/// The longest policy text that is read, in bytes.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// How many wrong words are told at once.
const WRONG_WORDS_MAX: usize = 50;

/// Why a text cannot be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// Never empty.
    pub(crate) findings: Vec<Finding>,
    /// The text with each wrong word in the place of the one meant, when that can be read: the rest
    /// of its faults are to be told too.
    pub(crate) mended: Option<Box<Mended>>,
}

/// A text in which words were put right.
#[derive(Debug)]
pub(crate) struct Mended {
    pub(crate) text: String,
    pub(crate) file: PolicyFile,
    edits: Vec<Edit>,
    /// The clauses, or the space outside of them, in which a word was put in by guess.
    guessed: Vec<Option<String>>,
}

/// A word that was put right: where it stands, and how many more letters the wrong one had.
#[derive(Debug)]
struct Edit {
    line: usize,
    column: usize,
    longer: isize,
}

/// Reads the text. A wrong word is put right, if it is plain which one was meant, so that what
/// follows is read too; any other fault ends the reading, since what follows cannot be trusted.
pub(crate) fn parse(text: &str) -> Result<PolicyFile, Unreadable> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("a policy has at most {TEXT_BYTES_MAX} bytes");
        let finding = finding_at(&Lines::of(text), &(0..0), Code::TooLong, None, message);
        return Err(Unreadable {
            findings: vec![finding],
            mended: None,
        });
    }
    toml::from_str(text).map_err(|error| unreadable(text, &error))
}

fn unreadable(text: &str, error: &toml::de::Error) -> Unreadable {
    let lines = Lines::of(text);
    let headers = misplaced_headers(text).into_iter();
    let findings: Vec<_> = headers
        .map(|(span, message)| unreadable_at(&lines, &span, message))
        .collect();
    if !findings.is_empty() {
        return Unreadable {
            findings,
            mended: None,
        };
    }
    mend(text, fault(text, error))
}

/// Puts one wrong word after the other right, until the text can be read or a fault is of another
/// sort.
fn mend(text: &str, first: Fault) -> Unreadable {
    let (mut text, mut fault) = (text.to_owned(), first);
    let (mut findings, mut edits, mut guessed) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let mut finding = unreadable_at(&Lines::of(&text), &fault.span, fault.message);
        finding.column = column_before(&edits, finding.line, finding.column);
        let (line, column) = (finding.line, finding.column);
        if fault.is_guess {
            guessed.push(finding.clause.clone());
        }
        findings.push(finding);
        let Some(meant) = fault.meant.filter(|_| findings.len() < WRONG_WORDS_MAX) else {
            break;
        };
        let length = |it: &str| isize::try_from(it.chars().count()).unwrap_or_default();
        let longer = length(&text[fault.span.clone()]) - length(&meant);
        edits.push(Edit {
            line,
            column,
            longer,
        });
        text.replace_range(fault.span, &meant);
        match toml::from_str(&text) {
            Ok(file) => {
                let mended = Some(Box::new(Mended {
                    text,
                    file,
                    edits,
                    guessed,
                }));
                return Unreadable { findings, mended };
            }
            Err(error) => fault = advice::fault(&text, &error),
        }
    }
    findings.sort_by_key(|it| (it.line, it.column));
    Unreadable {
        findings,
        mended: None,
    }
}

impl Mended {
    /// A finding of the mended text, at its place in the text as it was. Of a clause in which a word
    /// was put in by guess only other wrong words are told: the rest may come of the guess.
    pub(crate) fn as_it_was(&self, finding: Finding) -> Option<Finding> {
        let column = column_before(&self.edits, finding.line, finding.column);
        let code = finding.code.as_str();
        let is_of_a_word = code.starts_with("UNKNOWN_") || code.starts_with("MALFORMED_");
        let is_told = is_of_a_word || !self.guessed.contains(&finding.clause);
        is_told.then_some(Finding { column, ..finding })
    }
}

/// The column at which a place stood before words further left were put right.
fn column_before(edits: &[Edit], line: usize, column: usize) -> usize {
    let mut edits: Vec<_> = edits.iter().filter(|it| it.line == line).collect();
    edits.sort_by_key(|it| it.column);
    edits.iter().fold(column, |column, edit| match edit.column {
        left if left < column => column.saturating_add_signed(edit.longer),
        _ => column,
    })
}

fn unreadable_at(lines: &Lines<'_>, span: &Range<usize>, message: String) -> Finding {
    let clause = clause_at(lines.text(), span.start);
    finding_at(lines, span, Code::NotReadable, clause, message)
}

/// A finding with its place in the text worked out.
pub(crate) fn finding_at(
    lines: &Lines<'_>,
    span: &Range<usize>,
    code: Code,
    clause: Option<String>,
    message: String,
) -> Finding {
    let (line, column) = lines.place(span.start);
    Finding {
        code,
        severity: code.severity(),
        clause,
        line,
        column,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_clause_lacks_is_told_with_that_clause() {
        let block = |key: &str, title: &str| {
            format!("[[clause]]\nkey = \"{key}\"\n{title}says = \"\"\nenforced = \"by rules\"\n")
        };
        let before = block("a.b", "title = \"\"\n");
        let lacking = block("c.d", "");
        let text = format!("{before}{lacking}{before}");
        let finding = parse(&text).unwrap_err().findings.remove(0);
        assert_eq!(finding.message, "missing field `title`");
        assert_eq!((finding.line, finding.column), (6, 1));
        assert_eq!(finding.clause.as_deref(), Some("c.d"));
    }

    #[test]
    fn a_text_over_the_bound_is_not_read() {
        let long = "#".repeat(TEXT_BYTES_MAX + 1);
        let code = |text: &str| parse(text).unwrap_err().findings[0].code;
        assert_eq!(code(&long), Code::TooLong);
        assert_eq!(code(&long[1..]), Code::NotReadable, "it has no header");
    }

    #[test]
    fn wrong_words_are_told_together_each_where_it_stands() {
        let text = "[policy]\n[[clause]]\nkey = \"a\"\ntitel = \"\"\n[[clause.permit]]\n\
                    action = \"colect\"\nwhen = { ages = [\"adlt\", \"under 13\"], ordre = true }\n";
        let unreadable = parse(text).unwrap_err();
        let places: Vec<_> = unreadable
            .findings
            .iter()
            .map(|it| (it.line, it.column))
            .collect();
        let ordre = text.lines().last().unwrap().find("ordre").unwrap() + 1;
        for place in [(4, 1), (6, 10), (7, 18), (7, ordre)] {
            assert!(places.contains(&place), "{place:?} in {places:?}");
        }
        assert!(places.is_sorted());
        assert!(unreadable.mended.is_none(), "the header lacks its words");
    }

    #[test]
    fn places_behind_words_put_right_are_those_of_the_text_as_it_was() {
        let edits = [
            Edit {
                line: 1,
                column: 20,
                longer: 2,
            },
            Edit {
                line: 1,
                column: 5,
                longer: -1,
            },
        ];
        for (line, column, before) in [(1, 4, 4), (1, 5, 5), (1, 15, 14), (1, 30, 31), (2, 30, 30)]
        {
            assert_eq!(column_before(&edits, line, column), before, "{column}");
        }
    }

    #[test]
    fn so_many_wrong_words_are_told_and_no_more() {
        let activity = "[[activity]]\nkye = \"a\"\nneeds = []\n";
        let findings = parse(&activity.repeat(60)).unwrap_err().findings;
        assert_eq!(findings.len(), WRONG_WORDS_MAX);
    }
}
