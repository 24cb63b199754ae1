//! Reading Rust as text: code without its comments and literals, and words that stand by themselves.

/// Rust code with every comment and literal turned into spaces, so that a line keeps its number.
pub(super) fn only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let hidden = comment(rest).or_else(|| literal(rest, is_word(code.chars().next_back())));
        let (piece, after) = rest.split_at(hidden.unwrap_or(next.len_utf8()));
        match hidden {
            Some(_) => code.extend(piece.chars().map(|it| if it == '\n' { it } else { ' ' })),
            None => code.push_str(piece),
        }
        rest = after;
    }
    code
}

/// The lines, from 1, on which one of the words stands by itself.
pub(super) fn lines_naming(text: &str, words: &[&str]) -> Vec<usize> {
    let named = |line: &str| words.iter().any(|word| names(line, word));
    text.lines()
        .zip(1..)
        .filter(|(line, _)| named(line))
        .map(|(_, number)| number)
        .collect()
}

/// Code up to its module of tests.
pub(super) fn before_tests(code: &str) -> &str {
    code.split("#[cfg(test)]\nmod ").next().unwrap_or(code)
}

/// Whether a word occurs and is not a part of a longer one.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let glued_before = is_word(before) && is_word(word.chars().next());
        let glued_after = is_word(after) && is_word(word.chars().next_back());
        !glued_before && !glued_after
    })
}

fn is_word(letter: Option<char>) -> bool {
    letter.is_some_and(|it| it.is_alphanumeric() || it == '_')
}

/// How many bytes of comment the text begins with.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let (step, change) = match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (2, 1),
            [b'*', b'/', ..] => (2, -1),
            _ => (1, 0),
        };
        at += step;
        depth += change;
        if depth == 0 {
            break;
        }
    }
    Some(at)
}

/// How many bytes of string or character the text begins with; after a letter only a plain one can begin.
fn literal(text: &str, after_word: bool) -> Option<usize> {
    if let Some(inside) = text.strip_prefix('"') {
        return Some(1 + closed(inside, '"'));
    }
    if let Some(inside) = text.strip_prefix('\'') {
        let mut letters = inside.chars();
        let is_escaped = letters.next() == Some('\\');
        // What begins like a character and does not end like one is a lifetime.
        return (is_escaped || letters.next() == Some('\'')).then(|| 1 + closed(inside, '\''));
    }
    let start = text
        .strip_prefix(['b', 'c'])
        .unwrap_or(text)
        .strip_prefix('r')?;
    let inside = start.trim_start_matches('#');
    let end = format!("\"{}", &start[..start.len() - inside.len()]);
    let inside = inside.strip_prefix('"').filter(|_| !after_word)?;
    let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
    Some(text.len() - inside.len() + length)
}

/// The bytes up to and with the closing mark, where a backslash hides the letter behind it.
fn closed(inside: &str, mark: char) -> usize {
    let mut is_hidden = false;
    for (at, letter) in inside.char_indices() {
        if letter == mark && !is_hidden {
            return at + 1;
        }
        is_hidden = letter == '\\' && !is_hidden;
    }
    inside.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_not_code() {
        for (text, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            ("a(\"b \\\" c\", d)", "a(        , d)"),
            ("a(\"b\nc\")", "a(  \n  )"),
            ("a(r#\"b \" c\"#, d)", "a(          , d)"),
            ("a(br\"b\\\", d)", "a(      , d)"),
            (
                "a('\"', 'b', '\\'', '\\u{e9}')",
                "a(   ,    ,     ,         )",
            ),
            ("fn a<'b>(c: &'b str)", "fn a<'b>(c: &'b str)"),
            ("r#type", "r#type"),
            ("é \"é\" é", "é     é"),
        ] {
            assert_eq!(only(text), code, "{text}");
        }
    }

    #[test]
    fn a_word_is_found_only_by_itself() {
        for (line, word, found) in [
            ("use tonic::Status;", "tonic", true),
            ("use tonic_types::Status;", "tonic", false),
            ("use my_proto::a;", "proto::", false),
            ("(proto::a)", "proto::", true),
            ("#[ignore = 1]", "#[ignore", true),
            ("unsafe_code", "unsafe", false),
            ("tonics tonic", "tonic", true),
        ] {
            assert_eq!(
                !lines_naming(line, &[word]).is_empty(),
                found,
                "{word} in {line}"
            );
        }
        assert_eq!(lines_naming("a\nb\nc a", &["a", "c"]), [1, 3]);
    }

    #[test]
    fn tests_at_the_bottom_are_cut_off() {
        assert_eq!(before_tests("a\n#[cfg(test)]\nmod tests {}"), "a\n");
        assert_eq!(
            before_tests("#[cfg(test)]\nuse b;\na"),
            "#[cfg(test)]\nuse b;\na"
        );
    }
}
