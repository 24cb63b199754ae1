//! Where something stands in a text: its line, its column, and the clause around it.

/// A text with the beginnings of its lines, so that no place is counted from the top.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: [0].into_iter().chain(ends).collect(),
        }
    }

    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// The line and the column, in characters, of a place in the text, both counted from 1.
    pub(crate) fn place(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|it| *it <= offset);
        let start = self.starts[line - 1];
        let before = self.text.get(start..offset).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}

/// The line and the column of one place; for many, [`Lines`] counts once.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |it| it + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// The key of the clause block around a place. An unreadable text has no blocks yet, so the lines
/// themselves are looked at.
pub(super) fn clause_at(text: &str, offset: usize) -> Option<String> {
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
pub(super) fn header(line: &str) -> Option<&str> {
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
pub(super) fn open_after(line: &str, before: Option<&'static str>) -> Option<&'static str> {
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
            assert_eq!(Lines::of(text).place(offset), place, "{offset}");
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
}
