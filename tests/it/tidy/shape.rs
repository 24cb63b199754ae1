//! The shape of files: their first line, their length, their width and their name.

use super::tree::{File, Finding};

const LINES_MAX: usize = 500;
const COLUMNS_MAX: usize = 120;

/// Names that say nothing about what belongs in a file, so that everything ends up there.
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc"];

/// Rust that does not open with its sentence.
pub(super) fn opening(file: &File) -> Vec<Finding> {
    let is_open = !file.is_rust() || file.text.starts_with("//! ");
    let lines = (!is_open).then_some(1);
    file.findings(
        lines,
        "open with one `//!` sentence that says what belongs in the file",
    )
}

/// Files written by hand that nobody can read at once.
pub(super) fn length(file: &File) -> Vec<Finding> {
    let is_script = file.text.starts_with("#!") && !file.is_rust();
    let is_source = [".rs", ".proto", ".py", ".sh"]
        .iter()
        .any(|end| file.path.ends_with(end));
    let count = file.text.lines().count();
    let is_long = (is_source || is_script) && count > LINES_MAX;
    let advice = format!("{count} lines: part the file by what it holds; {LINES_MAX} is the limit");
    file.findings(is_long.then_some(LINES_MAX + 1), &advice)
}

/// Lines that do not fit a screen; the formatter leaves long literals and comments alone.
pub(super) fn width(file: &File) -> Vec<Finding> {
    let wide = |line: &str| file.is_rust() && line.chars().count() > COLUMNS_MAX;
    let lines = file
        .text
        .lines()
        .zip(1..)
        .filter(|(line, _)| wide(line))
        .map(|(_, number)| number);
    file.findings(
        lines,
        &format!("wider than {COLUMNS_MAX} columns: break the line"),
    )
}

/// Files and folders named for nothing.
pub(super) fn name(file: &File) -> Vec<Finding> {
    let stem = |part: &str| part.split('.').next().unwrap_or(part).to_lowercase();
    let is_empty = file
        .path
        .split('/')
        .any(|part| EMPTY_NAMES.contains(&stem(part).as_str()));
    file.findings(is_empty.then_some(1), "name the file for the noun it holds")
}

#[cfg(test)]
mod tests {
    use super::{super::planted, *};

    #[test]
    fn a_file_without_its_sentence_is_found() {
        assert_eq!(planted(opening, "crates/a/src/b.rs", "use c;\n"), [1]);
        assert_eq!(planted(opening, "crates/a/src/b.rs", ""), [1]);
        assert!(planted(opening, "crates/a/src/b.rs", "//! What belongs here.\n").is_empty());
        assert!(planted(opening, "a/b.toml", "c = 1\n").is_empty());
    }

    #[test]
    fn the_line_after_the_last_is_found() {
        let [most, more] = [LINES_MAX, LINES_MAX + 1].map(|count| "a\n".repeat(count));
        for path in ["a.rs", "a.proto", "a.py", "a.sh"] {
            assert!(planted(length, path, &most).is_empty(), "{path}");
            assert_eq!(planted(length, path, &more), [LINES_MAX + 1], "{path}");
        }
        assert!(planted(length, "Cargo.lock", &more).is_empty());
        assert_eq!(
            planted(length, "bin/run", &format!("#!/bin/sh\n{most}")),
            [LINES_MAX + 1]
        );
    }

    #[test]
    fn a_column_too_many_is_found() {
        let line = |width| format!("//! A.\n{}\n", "é".repeat(width));
        assert!(planted(width, "a.rs", &line(COLUMNS_MAX)).is_empty());
        assert_eq!(planted(width, "a.rs", &line(COLUMNS_MAX + 1)), [2]);
        assert!(planted(width, "a.md", &line(COLUMNS_MAX + 1)).is_empty());
    }

    #[test]
    fn an_empty_name_is_found() {
        for (path, is_found) in [
            ("crates/a/src/utils.rs", true),
            ("crates/common/src/lib.rs", true),
            ("tests/it/helpers/mod.rs", true),
            ("deploy/_helpers.tpl", false),
            ("crates/a/src/commons.rs", false),
        ] {
            assert_eq!(!planted(name, path, "").is_empty(), is_found, "{path}");
        }
    }
}
